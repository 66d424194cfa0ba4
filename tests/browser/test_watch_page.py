from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from captiongan.training.run_folder import RunFolder
from on_the_page import check_accessibility
from tiny_watched_run import note, watched_run
from visitor import Visitor, serving


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = watched_run(tmp_path)
    for step in (100, 200, 300):
        note(run, step)
        Image.new("RGB", (16, 16), (step % 256, 0, 0)).save(run.grid(step))
    return run


@pytest.fixture
def address(run: RunFolder) -> Iterator[str]:
    with serving("watch", run.path) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_training_is_watched_as_it_goes(
    visitor: Visitor, run: RunFolder, address: str, scheme: str
) -> None:
    page = visitor.open(address, color_scheme=scheme, viewport={"width": 360, "height": 740})
    expect(page.get_by_role("heading", name=run.path.name)).to_be_visible()
    losses = page.get_by_role("img", name="Losses: discriminator went from")
    expect(losses).to_be_visible()
    expect(page.locator("#speed")).to_have_text("50 images/s")
    expect(page.locator("#kimg")).to_have_text("1.2 of 4 kimg")
    expect(page.locator("#left")).to_have_text("56 s")
    expect(page.locator("#time-shown")).to_have_text("step 300, 1.2 kimg, the newest")
    expect(page.locator("#no-alarms")).to_be_visible()

    note(run, 600, accuracy_real=1.0, accuracy_generated=1.0)
    note(run, 1_000, accuracy_real=1.0, accuracy_generated=1.0)
    Image.new("RGB", (16, 16)).save(run.grid(1_000))
    expect(page.locator("#alarm-list")).to_contain_text("the discriminator is too strong")
    expect(page.locator("#time-shown")).to_have_text("step 1,000, 4 kimg, the newest")
    expect(page.get_by_role("status").first).to_have_text("Complete.")

    page.get_by_role("slider", name="Step").fill("0")
    expect(page.locator("#grid")).to_have_attribute(
        "alt",
        "Pictures drawn at step 100, 0.4 kimg: a row for each caption, the real picture first",
    )
    page.get_by_text("The last figures as a table").click()
    expect(page.get_by_role("cell", name="1,000")).to_be_visible()
    page.get_by_text("Captions of the rows").click()
    expect(page.get_by_text("a blue flower", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    check_accessibility(page)


def test_a_training_that_ends_its_live_view_is_said(visitor: Visitor, run: RunFolder) -> None:
    visitor.expected.append("ERR_CONNECTION_REFUSED")
    with serving("watch", run.path) as address:
        page = visitor.open(address)
        expect(page.locator("#step")).to_have_text("300")
    expect(page.get_by_role("status").first).to_contain_text("Nobody answers")
    expect(page.locator("#step")).to_have_text("300")
