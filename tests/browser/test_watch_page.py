import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import captiongan
from captiongan.data.store import open_store
from captiongan.evaluation.candidate import Candidate, of_generator
from captiongan.evaluation.extractors import EXTRACTORS
from captiongan.runs.run_folder import RunFolder
from captiongan.training import self_scoring
from support.on_the_page import check_accessibility
from support.tiny_exam import BlockMeans
from support.tiny_watched_run import note, watched_run
from support.visitor import Visitor, serving


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
    assert losses.locator("text").all_text_contents()[-1] == "1.5"  # of 1.2 kimg, and not of all 4
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

    for text in losses.locator("text").all():  # no label is cut
        box, frame = text.bounding_box(), losses.bounding_box()
        assert box and frame and box["x"] + box["width"] <= frame["x"] + frame["width"]

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_two_runs_are_compared_on_the_same_axes_and_old_ones_have_no_logits(
    visitor: Visitor, run: RunFolder, tmp_path: Path, scheme: str
) -> None:
    other = watched_run(tmp_path / "other")
    quantiles = {f"logit_matching_{percent}": percent / 50 for percent in (25, 50, 75)}
    for step in (100, 200):
        note(other, step, **quantiles)
    with serving("watch", run.path, other.path) as address:
        page = visitor.open(address, color_scheme=scheme, viewport={"width": 360, "height": 740})
        losses = page.get_by_role("img", name="Losses: discriminator: ")
        for path in (run.path, other.path):
            expect(losses).to_have_accessible_name(re.compile(f"{path} went from 0.01 to"))
        logits = page.get_by_role("img", name="How real pairs look to the discriminator: real: ")
        expect(logits).to_have_accessible_name(re.compile(f"real: {other.path} went from 1 to 1"))
        expect(page.get_by_text("How badly each network plays").first).to_be_visible()
        expect(page.locator("#step")).to_have_text("300")
        page.get_by_role("button", name=str(other.path)).press("Enter")
        expect(page.locator("#step")).to_have_text("200")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        check_accessibility(page)


def test_the_judges_eye_shows_each_sentence_scale_and_place(
    visitor: Visitor, run: RunFolder, address: str
) -> None:
    real = [[[[[1.0, -1.0], [0.5, 0.5]]] * 4, [[[-2.0, -2.0], [-2.0, -2.0]]] * 4]] * 2
    captions = ["a red flower", "a blue flower"]
    run.write_judged(300, {"captions": captions, "real": real, "drawn": real[::-1]})
    page = visitor.open(address)
    sentences = page.locator("#judged li")
    expect(sentences).to_have_count(2)
    expect(sentences.nth(0)).to_contain_text("0.25: real a red flower")
    expect(sentences.nth(1)).to_contain_text("-2: fake a blue flower")
    expect(sentences.nth(0).locator("svg")).to_have_count(5)
    middle = page.get_by_role("img", name="middle: logits 1, -1, 0.5, 0.5, row by row")
    expect(middle).to_have_count(1)
    page.get_by_label("Picture", exact=True).select_option("Drawn picture of “a blue flower”")
    expect(sentences.nth(1)).to_contain_text("its own sentence: a drawn pair")
    check_accessibility(page)
    page.get_by_role("slider", name="Step").fill("0")
    expect(page.locator("#judge")).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 360])
def test_the_first_grid_stands_beside_that_of_the_slider_and_on_a_phone_above_it(
    visitor: Visitor, run: RunFolder, address: str, width: int
) -> None:
    Image.new("RGB", (16, 16), "white").save(run.grid(0))
    page = visitor.open(address, viewport={"width": width, "height": 740})
    expect(page.get_by_role("heading", name="At the start: step 0", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Now: step 300, 1.2 kimg", exact=True)).to_be_visible()
    start, grid = (
        page.get_by_role("img", name=f"Pictures drawn at {step}: a row for each caption")
        for step in ("step 0", "step 300, 1.2 kimg")
    )
    expect(grid).to_have_js_property("naturalWidth", 16)
    first, now = start.bounding_box(), grid.bounding_box()
    assert first and now
    assert first["width"] == now["width"] > 0.4 * width
    if width == 360:
        assert first["y"] + first["height"] < now["y"]
    else:
        assert first["y"] == now["y"]
        assert first["x"] + first["width"] < now["x"]

    page.get_by_role("slider", name="Step").fill("2")
    expect(page.get_by_role("heading", name="step 200, 0.8 kimg", exact=True)).to_be_visible()
    expect(page.locator("#time-shown")).to_have_text("step 200, 0.8 kimg")
    expect(page.locator("#grid")).to_have_attribute("src", re.compile("^grids/200"))
    expect(page.locator("#start-grid")).to_have_attribute("src", re.compile(r"^grids/0\?"))


def test_a_single_grid_stands_alone_till_there_is_another(visitor: Visitor, tmp_path: Path) -> None:
    run = watched_run(tmp_path)
    Image.new("RGB", (16, 16)).save(run.grid(0))
    with serving("watch", run.path) as address:
        page = visitor.open(address)
        expect(page.get_by_role("img", name="Pictures drawn at step 0")).to_have_count(1)
        expect(page.locator("#grids").get_by_role("figure")).to_have_count(1)
        expect(page.locator("#grids").get_by_role("heading")).to_have_count(0)
        Image.new("RGB", (16, 16)).save(run.grid(100))
        expect(page.get_by_role("heading", name="Now: step 100")).to_be_visible()


def test_how_good_it_is_is_said_in_words_once_that_is_known(
    visitor: Visitor, run: RunFolder, address: str
) -> None:
    page = visitor.open(address)
    expect(page.locator("#step")).to_have_text("300")
    expect(page.get_by_text("About as good as")).to_have_count(0)
    novelty = page.get_by_role("img", name="Novelty: distance to the nearest training picture")
    expect(novelty).to_have_count(0)
    for kimg in (250.0, 495.0):
        scores = {"score_kid": 0.1, "score_like_kimg": kimg, "score_novelty": 0.97}
        run.add_metrics({"step": 300, "kimg": 1.2, **scores})
    note(run, 400)
    line = "About as good as training from scratch on 495 thousand pictures"
    expect(page.get_by_text(f"{line} (2 h 45 min at this speed)", exact=True)).to_be_visible()
    expect(novelty).to_be_visible()


def test_a_run_that_repeats_its_training_pictures_says_so_in_all_places(
    visitor: Visitor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At the console, in its figures and on the page; from 100 pictures it has no other judge."""
    known = open_store("toy:100", 16, 16).pictures

    def learned_by_heart(*given: Any) -> Candidate:
        candidate = of_generator(*given)
        return replace(candidate, draw=lambda noise, _: known[np.arange(len(noise)) % len(known)])

    monkeypatch.setattr(self_scoring, "of_generator", learned_by_heart)
    monkeypatch.setitem(EXTRACTORS, "lite2", lambda *_: BlockMeans("lite2"))
    options = {"data.resolution": 16, "data.margin": 2, "scores.extractor": "lite2"}
    options |= {"generator.features": 2, "discriminator.features": 2, "training.batch_size": 4}
    options |= {"scores.every_kimg": 0.004}
    run = RunFolder(captiongan.train("toy:100", tmp_path / "run", kimg=0.008, options=options).path)

    words = "alarm at step 1: the generator repeats its training pictures: its pictures are 0.00"
    assert capsys.readouterr().out.count(words) == 1
    scored = [line["score_novelty"] for line in run.metrics() if "score_novelty" in line]
    assert scored == [0, 0]
    with serving("watch", run.path) as address:
        page = visitor.open(address)
        expect(page.locator("#alarm-list")).to_contain_text(words)
        expect(page.locator("#alarm-list")).to_contain_text("give it more pictures")


def test_a_training_that_ends_its_live_view_is_said(visitor: Visitor, run: RunFolder) -> None:
    visitor.expected.append("ERR_CONNECTION_REFUSED")
    with serving("watch", run.path) as address:
        page = visitor.open(address)
        expect(page.locator("#step")).to_have_text("300")
    expect(page.get_by_role("status").first).to_contain_text("Nobody answers")
    expect(page.locator("#step")).to_have_text("300")
