"""What a person does and sees on the studio's page, in words of the tests."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from captiongan.draw.pipeline import Pipeline
from support.visitor import PATIENCE

expect.set_options(timeout=PATIENCE)


def pictures(page: Page) -> Locator:
    """The pictures of the gallery."""
    return page.locator("#gallery .picture img")


def reach(page: Page, place: int) -> None:
    """Bring the keyboard to a picture of the gallery."""
    page.locator("#gallery .picture").nth(place).focus()


def pixels_of(image: Locator) -> bytes:
    """What is in an image on the page."""
    source = image.get_attribute("src") or ""
    content = base64.b64decode(source.partition(",")[2])
    return Image.open(io.BytesIO(content)).convert("RGB").tobytes()


def drawn(pipeline: Pipeline, prompt: str, seed: int) -> bytes:
    """What the pipeline draws, without any server."""
    return pipeline.generate(prompt, seed=seed)[0].image.tobytes()


def wait_until_drawn(page: Page, what: str = " ms.") -> None:
    """Wait for the newest words to be drawn, and the line that says so."""
    expect(page.locator("#status")).to_contain_text(what)
    expect(page.locator("body.drawing")).to_have_count(0)


@contextmanager
def redrawn(page: Page, image: Locator | None = None) -> Iterator[None]:
    """Wait after the block until another picture is there, where `image` was."""
    image = image or pictures(page).first
    before = image.get_attribute("src") or ""
    yield
    expect(image).not_to_have_attribute("src", before)
    expect(page.locator("body.drawing")).to_have_count(0)


def write(page: Page, prompt: str) -> None:
    """Type another prompt, and wait until it is drawn."""
    with redrawn(page):
        page.get_by_label("Describe a picture").fill(prompt)


def press(page: Page, name: str) -> None:
    """Press the button with exactly this name."""
    page.get_by_role("button", name=name, exact=True).click()


def slide(page: Page, name: str, value: object) -> None:
    """Move a slider."""
    page.get_by_role("slider", name=name).fill(str(value))


def download(page: Page, folder: Path, name: str) -> Path:
    """Press the button that downloads; return the file."""
    with page.expect_download() as downloading:
        press(page, name)
    file = folder / downloading.value.suggested_filename
    downloading.value.save_as(file)
    return file


def copied(page: Page, name: str) -> str:
    """Press the button that copies; return what was copied."""
    press(page, name)
    expect(page.locator("#status")).to_contain_text("copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert isinstance(text, str)
    return text


def drop(page: Page, file: Path) -> None:
    """Drop a file on the page."""
    transfer = page.evaluate_handle(
        """([content, name]) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type: "image/png" }));
            return transfer;
        }""",
        [base64.b64encode(file.read_bytes()).decode(), file.name],
    )
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})


def check_accessibility(page: Page) -> None:
    """Fail where axe-core finds a serious fault, or worse."""
    found = Axe().run(page).response["violations"]
    grave = [
        f"{fault['id']}: {fault['help']}: {[node['html'] for node in fault['nodes']]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert not grave, "\n".join(grave)
