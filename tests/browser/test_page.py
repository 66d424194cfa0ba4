"""The page without a server, in a real browser with the network switched off."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from captiongan.bundle.bundle import shipped_bundles
from captiongan.draw.picture import read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.sheet import in_a_square, save_grid
from captiongan.loading import load
from captiongan.page.page import write_page
from support.on_the_page import (
    check_accessibility,
    copied,
    download,
    drawn,
    drop,
    pictures,
    pixels_of,
    press,
    reach,
    redrawn,
    slide,
    wait_until_drawn,
    write,
)
from support.pages import assert_same_picture, hosted
from support.tiny_bundle import ranker, write_tiny_bundle
from support.visitor import Visitor

YELLOW = "a bright yellow flower with many thin petals"
RED = "a deep red flower with big petals"


@pytest.fixture(scope="module")
def flowers() -> Pipeline:
    return load("flowers")


@pytest.fixture(scope="module")
def file(flowers: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "flowers.html"
    write_page([flowers], path)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A folder with every shipped bundle, and its address."""
    folder = tmp_path_factory.mktemp("page") / "site"
    names = sorted(shipped_bundles(), key=lambda name: name != "flowers")
    write_page([load(name) for name in names], folder)
    with hosted(folder) as address:
        yield address, folder


@pytest.fixture
def page(visitor: Visitor, file: Path) -> Page:
    page = visitor.open(file.as_uri(), offline=True)
    wait_until_drawn(page)
    return page


@pytest.fixture(params=["file", "folder"])
def tiny_page(request: pytest.FixtureRequest, pipeline: Pipeline, tmp_path: Path) -> Iterator[str]:
    """A page in either form."""
    if request.param == "file":
        write_page([pipeline], tmp_path / "tiny.html")
        yield (tmp_path / "tiny.html").as_uri()
    else:
        write_page([pipeline], tmp_path / "site")
        with hosted(tmp_path / "site") as address:
            yield address


def test_it_opens_offline_and_draws_what_the_command_line_draws(
    page: Page, flowers: Pipeline
) -> None:
    expect(pictures(page)).to_have_count(16)
    prompt = page.get_by_label("Describe a picture").input_value()
    for place in (0, 15):
        assert_same_picture(pixels_of(pictures(page).nth(place)), drawn(flowers, prompt, 7 + place))
    check_accessibility(page)


def test_it_draws_while_one_types_and_the_newest_words_win(page: Page, flowers: Pipeline) -> None:
    with redrawn(page):
        page.get_by_label("Describe a picture").fill(RED)
        page.get_by_label("Describe a picture").press("Control+a")
        page.get_by_label("Describe a picture").press_sequentially(YELLOW, delay=5)
    expect(pictures(page).first).to_have_attribute("alt", f"{YELLOW}, seed 7")
    assert_same_picture(pixels_of(pictures(page).nth(3)), drawn(flowers, YELLOW, 10))


def test_what_each_word_did_is_what_the_pipeline_says(page: Page, flowers: Pipeline) -> None:
    write(page, RED)
    press(page, "What each word did")
    expected, maps = flowers.explain(RED, 7), page.locator("#explained-words img")
    expect(maps).to_have_count(len(expected.words))
    for number in range(len(expected.words)):
        ours = np.frombuffer(pixels_of(maps.nth(number)), np.uint8).astype(int)
        assert np.abs(ours - np.asarray(expected.heat(number)).ravel()).max() <= 6
    strengths = page.locator("#explained-words .strength").all_text_contents()
    assert [*map(float, strengths)] == pytest.approx(expected.strengths, abs=0.6)


def test_a_film_plays_and_its_strip_brings_it_back(
    page: Page, flowers: Pipeline, tmp_path: Path
) -> None:
    write(page, YELLOW)
    press(page, "Between prompts")
    page.get_by_label("… and where it goes").fill(RED)
    page.get_by_label("Frames").select_option("9")
    expect(page.locator("#status")).to_contain_text("9 frames")
    frame = page.locator("#frame")
    slide(page, "Position on the way", 0)
    assert_same_picture(pixels_of(frame), drawn(flowers, YELLOW, 7))
    with redrawn(page, frame):
        press(page, "Play")
    press(page, "Pause")
    way = flowers.interpolate([YELLOW, RED], [7], 9)
    slide(page, "Position on the way", 4)
    assert_same_picture(pixels_of(frame), way.images[4].tobytes())
    strip = download(page, tmp_path, "Strip (PNG)")
    assert read_metadata(strip) == way.metadata
    for name in ("Film (WebP)", "Film (GIF)"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_hidden()
    press(page, "Pictures")
    drop(page, strip)
    expect(page.get_by_label("… and where it goes")).to_have_value(RED)


def test_a_downloaded_picture_carries_what_the_pipeline_writes_and_brings_all_back(
    page: Page, flowers: Pipeline, tmp_path: Path
) -> None:
    with redrawn(page):
        slide(page, "Truncation", 0.7)
    write(page, YELLOW)
    with redrawn(page):
        pictures(page).nth(2).click()
    reach(page, 1)
    with page.expect_download() as downloading:
        page.keyboard.press("d")
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    (expected,) = flowers.generate(YELLOW, 1, 11, 0.7, around=9)
    assert read_metadata(file) == expected.metadata
    before = pixels_of(pictures(page).nth(1))
    assert_same_picture(before, expected.image.tobytes())
    write(page, RED)
    drop(page, file)
    expect(pictures(page)).to_have_count(1)
    expect(page.get_by_label("Describe a picture")).to_have_value(YELLOW)
    assert pixels_of(pictures(page).first) == before


def test_a_sheet_is_the_pipelines(page: Page, flowers: Pipeline, tmp_path: Path) -> None:
    slide(page, "Pictures", 5)
    write(page, YELLOW)
    sheet = download(page, tmp_path, "Grid")
    save_grid(in_a_square(flowers.generate(YELLOW, 5, 7)), tmp_path / "expected.png")
    assert read_metadata(sheet) == read_metadata(tmp_path / "expected.png")


def test_a_link_leads_from_one_form_to_the_other(
    page: Page, visitor: Visitor, site: tuple[str, Path]
) -> None:
    slide(page, "Pictures", 4)
    write(page, "a red flower, 100 % # & = + ~ ?")
    reach(page, 1)
    page.keyboard.press("p")
    link = copied(page, "Copy link")
    other = visitor.open(site[0] + "#" + link.partition("#")[2])
    wait_until_drawn(other)
    expect(other.locator("#pin-list img")).to_have_attribute("src", re.compile("^data:"))
    for image in ("#gallery img >> nth=3", "#pin-list img"):
        assert pixels_of(page.locator(image)) == pixels_of(other.locator(image))


def test_every_shipped_bundle_draws_the_same_from_a_folder(
    visitor: Visitor, site: tuple[str, Path]
) -> None:
    page = visitor.open(site[0])
    wait_until_drawn(page)
    slide(page, "Pictures", 4)
    for name in shipped_bundles():
        page.get_by_label("Bundle").select_option(name)
        words = "a small red bird" if name == "birds" else YELLOW
        with redrawn(page):
            page.get_by_label("Describe a picture").fill(words)
        expect(pictures(page).nth(3)).to_have_attribute("alt", f"{words}, seed 10")
        for place in (0, 3):
            found, expected = (
                pixels_of(pictures(page).nth(place)),
                drawn(load(name), words, 7 + place),
            )
            assert_same_picture(found, expected)


def test_a_folder_loads_only_what_is_drawn_with(visitor: Visitor, site: tuple[str, Path]) -> None:
    page = visitor.open(site[0])
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    page.reload()
    wait_until_drawn(page)
    before = set(asked)
    page.get_by_label("Bundle").select_option("flowers-128")
    write(page, RED)
    assert len(asked - before) == 1  # its generator: the text encoder is the one of `flowers`


def test_a_bar_shows_how_far_the_loading_is(visitor: Visitor, site: tuple[str, Path]) -> None:
    page = visitor.open(site[0])
    wait_until_drawn(page)
    held: list[Route] = []
    bar = page.get_by_role("progressbar", name="Loading")
    expect(bar).to_be_hidden()
    page.route("**/parts/*", lambda route: held.append(route))
    page.get_by_label("Bundle").select_option("flowers-lecture")
    expect(bar).to_be_visible()
    while len(held) < 3:
        page.wait_for_timeout(50)
    with redrawn(page):
        for route in held:
            route.continue_()
    expect(bar).to_be_hidden()


def test_best_of_and_mirrors_are_the_pipelines(visitor: Visitor, tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny", ranker=ranker(), mirror_by_seed=True)
    pipeline, words = Pipeline(bundle), "a red flower"
    write_page([pipeline], tmp_path / "tiny.html")
    page = visitor.open((tmp_path / "tiny.html").as_uri(), offline=True)
    page.get_by_label("Describe a picture").fill(words)
    expect(pictures(page)).to_have_count(16)
    for place, picture in enumerate(pipeline.generate(words, 16, 7)):
        assert_same_picture(pixels_of(pictures(page).nth(place)), picture.image.tobytes())
    best = pipeline.generate(words, 16, 7, best_of=4)
    with redrawn(page, pictures(page).nth(15)):
        page.get_by_label("Draw 4, keep the best").check()
    for place, picture in enumerate(best):
        told = f"{words}, seed {picture.seed}, score {picture.score:.2f}"
        expect(pictures(page).nth(place)).to_have_attribute("alt", told)
        assert_same_picture(pixels_of(pictures(page).nth(place)), picture.image.tobytes())
    sheet = read_metadata(download(page, tmp_path, "Grid"))
    assert sheet["seed"].split("\n") == [str(picture.seed) for picture in best]
    scores = [float(score) for score in sheet["score"].split("\n")]
    assert np.allclose(scores, [picture.score or 0 for picture in best], atol=0.02)


def test_unknown_words_are_named_and_too_many_refused_in_words(page: Page) -> None:
    write(page, "a zygomorphic flower with red petals")
    expect(page.locator("#notice")).to_have_text("The model hardly knows “zygomorphic”.")
    page.get_by_label("Describe a picture").fill("eine gelbe Blume")
    expect(page.get_by_role("alert")).to_contain_text("words are unknown")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    check_accessibility(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(visitor: Visitor, tiny_page: str, scheme: str) -> None:
    size = {"width": 390, "height": 800}
    page = visitor.open(tiny_page, viewport=size, color_scheme=scheme, has_touch=True)
    page.get_by_label("Describe a picture").fill("a red flower")
    expect(pictures(page)).to_have_count(16)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_text("Licences").click()
    expect(page.locator("#licence-texts")).to_contain_text("onnxruntime-web 1.30.0, MIT")
    check_accessibility(page)


def test_the_page_does_not_freeze_while_it_draws(page: Page) -> None:
    slide(page, "Pictures", 64)
    page.get_by_label("Describe a picture").fill(YELLOW)
    longest = page.evaluate(
        """async () => {
            let longest = 0;
            let before = performance.now();
            for (let turn = 0; turn < 60; turn += 1) {
                await new Promise((resolve) => setTimeout(resolve, 10));
                longest = Math.max(longest, performance.now() - before);
                before = performance.now();
            }
            return longest;
        }"""
    )
    expect(page.locator("body.drawing")).to_have_count(0)
    assert longest < 1000


def test_what_needs_a_server_is_not_offered(page: Page) -> None:
    expect(page.get_by_role("button", name="Download this page")).to_be_hidden()


def damaged(html: str, how: str) -> str:
    if how == "cut in its script":
        return html[: html.index('<script type="module">') + 20_000]
    if how == "cut in its parts":
        return html[: len(html) // 2]
    start = html.index('">', html.index('id="part-')) + 2
    if how == "changed in a part":
        return html[: start + 2000] + "AAAAAAAAAAAA" + html[start + 2012 :]
    return html.replace("openStudio(", "openstudio(", 1)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cut in its script", "the file is damaged"),
        ("cut in its parts", "incomplete"),
        ("changed in a part", "damaged"),
        ("changed in its script", "the file is damaged"),
    ],
)
def test_a_damaged_page_says_so(
    visitor: Visitor, pipeline: Pipeline, tmp_path: Path, how: str, words: str
) -> None:
    visitor.expected.append("Content Security Policy")
    write_page([pipeline], tmp_path / "tiny.html")
    html = (tmp_path / "tiny.html").read_text(encoding="utf-8")
    (tmp_path / "tiny.html").write_text(damaged(html, how), encoding="utf-8")
    page = visitor.open((tmp_path / "tiny.html").as_uri())
    if page.get_by_label("Describe a picture").is_visible():
        page.get_by_label("Describe a picture").fill("a red flower")
    expect(page.locator("body")).to_contain_text(words)


def test_a_folder_opened_as_a_file_says_what_it_needs(
    visitor: Visitor, pipeline: Pipeline, tmp_path: Path
) -> None:
    visitor.expected.extend(["file:", "ERR_FAILED"])
    write_page([pipeline], tmp_path / "site")
    page = visitor.open((tmp_path / "site" / "index.html").as_uri())
    page.get_by_label("Describe a picture").fill("a red flower")
    expect(page.get_by_role("alert")).to_contain_text("python -m http.server")


def test_a_missing_part_is_an_error_that_can_be_tried_again(
    visitor: Visitor, pipeline: Pipeline, tmp_path: Path
) -> None:
    visitor.expected.append("404")
    write_page([pipeline], tmp_path / "site")
    parts = sorted((tmp_path / "site" / "parts").iterdir(), key=lambda part: part.stat().st_size)
    away = parts[0].rename(tmp_path / parts[0].name)
    with hosted(tmp_path / "site") as address:
        page = visitor.open(address)
        page.get_by_label("Describe a picture").fill("a red flower")
        expect(page.get_by_role("alert")).to_contain_text("A part of this page is missing (404)")
        away.rename(parts[0])
        press(page, "Try again")
        expect(pictures(page)).to_have_count(16)


HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(1)</script>'


def test_a_hostile_name_and_prompt_are_words_and_nothing_else(
    visitor: Visitor, tmp_path: Path
) -> None:
    prompts = [f"a red flower {HOSTILE}"]
    bundle = write_tiny_bundle(tmp_path / "tiny", name=HOSTILE, sample_prompts=prompts)
    write_page([load(bundle.folder)], tmp_path / "tiny.html")
    page = visitor.open((tmp_path / "tiny.html").as_uri())
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    expect(page.locator("#starter-list")).to_contain_text(HOSTILE)
    page.get_by_label("Describe a picture").fill("a red flower")
    expect(pictures(page)).to_have_count(16)
    expect(page.get_by_label("Bundle")).to_have_value(HOSTILE)
    assert page.locator("img[onerror]").count() == 0


def test_a_picture_in_anothers_page_draws_and_follows_its_attributes(
    visitor: Visitor, pipeline: Pipeline, tmp_path: Path
) -> None:
    write_page([pipeline], tmp_path / "site")
    (tmp_path / "site" / "mine.html").write_text(
        '<!doctype html><html lang="en"><title>Mine</title><link rel="icon" href="data:,">'
        '<script type="module" src="captiongan-picture.js"></script>'
        '<captiongan-picture prompt="a red flower" seed="9"></captiongan-picture>',
        encoding="utf-8",
    )
    with hosted(tmp_path / "site") as address:
        page = visitor.open(f"{address}mine.html")
        image = page.locator("captiongan-picture img")
        expect(image).to_have_attribute("alt", "a red flower")
        assert_same_picture(pixels_of(image), drawn(pipeline, "a red flower", 9))
        page.locator("captiongan-picture").evaluate(
            """(each) => {
                each.setAttribute("seed", "3");
                each.setAttribute("prompt", "a yellow flower");
            }"""
        )
        expect(image).to_have_attribute("alt", "a yellow flower")
        assert_same_picture(pixels_of(image), drawn(pipeline, "a yellow flower", 3))
        page.locator("captiongan-picture").evaluate(
            "(each) => each.setAttribute('prompt', 'qwertz')"
        )
        expect(page.locator("captiongan-picture p")).to_contain_text("words are unknown")
        check_accessibility(page)


def test_the_example_is_a_drawing_box(visitor: Visitor, site: tuple[str, Path]) -> None:
    page = visitor.open(f"{site[0]}example.html")
    image = page.locator("captiongan-picture img")
    expect(image).to_have_attribute("alt", YELLOW.replace("bright ", ""))
    page.get_by_label("Describe a picture").fill(RED)
    expect(image).to_have_attribute("alt", RED)
    assert_same_picture(pixels_of(image), drawn(load("flowers"), RED, 7))


def test_the_studio_gives_its_page_away(
    visitor: Visitor, studio: str, tmp_path: Path, flowers: Pipeline
) -> None:
    served = visitor.open(studio)
    wait_until_drawn(served)
    file = download(served, tmp_path, "Download this page")
    assert file.name == "flowers.html"
    page = visitor.open(file.as_uri(), offline=True)
    wait_until_drawn(page)
    write(page, YELLOW)
    assert_same_picture(pixels_of(pictures(page).first), drawn(flowers, YELLOW, 7))
