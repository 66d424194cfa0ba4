import json
import re
import shlex
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from captiongan.bundle.bundle import Bundle
from captiongan.draw.picture import read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.loading import load
from support.command_line import captiongan
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
from support.tiny_bundle import ranker, write_tiny_bundle
from support.visitor import TOKEN, Visitor, serving

YELLOW = "a bright yellow flower with many thin petals"
RED = "a deep red flower with big petals"


@pytest.fixture(scope="module")
def flowers() -> Pipeline:
    return load("flowers")


@pytest.fixture
def page(visitor: Visitor, studio: str) -> Page:
    page = visitor.open(studio)
    wait_until_drawn(page)
    return page


def test_it_opens_with_the_lectures_flower_drawn_sixteen_times(
    page: Page, flowers: Pipeline
) -> None:
    expect(pictures(page)).to_have_count(16)
    prompt = page.get_by_label("Describe a picture").input_value()
    assert prompt.lower().startswith("the flower has petals that are bright pinkish purple")
    for place in (0, 15):
        assert pixels_of(pictures(page).nth(place)) == drawn(flowers, prompt, 7 + place)


def test_it_draws_while_one_types(page: Page, flowers: Pipeline) -> None:
    with redrawn(page):
        page.get_by_label("Describe a picture").press("Control+a")
        page.get_by_label("Describe a picture").press_sequentially(YELLOW, delay=5)
    expect(page.locator("#gallery img").first).to_have_attribute("alt", f"{YELLOW}, seed 7")
    expect(pictures(page)).to_have_count(16)
    assert pixels_of(pictures(page).nth(3)) == drawn(flowers, YELLOW, 10)


def test_the_newest_words_win_and_the_old_pictures_stay_until_then(page: Page) -> None:
    def hold_red(route: Route) -> None:
        if RED not in (route.request.post_data or ""):
            route.continue_()

    page.route("**/v1/generate", hold_red)
    before = [image.get_attribute("src") for image in pictures(page).all()]
    with page.expect_request("**/v1/generate"):
        page.get_by_label("Describe a picture").fill(RED)
    expect(page.locator("body.drawing")).to_have_count(1)
    assert [image.get_attribute("src") for image in pictures(page).all()] == before
    assert page.locator("body.stale").count() == 0
    with page.expect_event("requestfailed") as failed:
        write(page, YELLOW)
    assert RED in (failed.value.post_data or "")
    assert "ABORTED" in (failed.value.failure or "")
    expect(pictures(page).first).to_have_attribute("alt", f"{YELLOW}, seed 7")


def test_a_locked_seed_stays_and_an_unlocked_one_is_new_with_every_change_of_words(
    page: Page,
) -> None:
    seed = page.get_by_label("Seed", exact=True)
    write(page, YELLOW)
    expect(seed).to_have_value("7")
    press(page, "Keep the seed when the words change")
    write(page, RED)
    expect(seed).not_to_have_value("7")
    press(page, "Keep the seed when the words change")
    rolled = seed.input_value()
    with redrawn(page):
        press(page, "Roll a new seed")
    expect(seed).not_to_have_value(rolled)


def test_number_truncation_and_bundle_change_what_is_drawn(page: Page) -> None:
    slide(page, "Pictures", 4)
    expect(pictures(page)).to_have_count(4)
    with redrawn(page):
        slide(page, "Truncation", 0.4)
    with redrawn(page):
        page.get_by_label("Bundle").select_option("birds")
    expect(pictures(page).first).to_have_attribute("alt", re.compile("bird"))


def test_a_starter_is_drawn_at_a_click(page: Page) -> None:
    starter = page.locator("#starter-list button").nth(1)
    expect(starter.locator("img")).to_have_attribute("src", re.compile("^data:image/png"))
    with redrawn(page):
        starter.click()
    expect(page.get_by_label("Describe a picture")).to_have_value(starter.inner_text().strip())


def test_a_click_shows_variations_and_there_are_two_ways_back(page: Page) -> None:
    before = pixels_of(pictures(page).nth(5))
    with redrawn(page):
        pictures(page).nth(5).click()
    expect(page.get_by_role("heading", name="Variations of seed 12")).to_be_visible()
    assert pixels_of(page.locator("#source")) == before
    with redrawn(page):
        slide(page, "How far away", 0.8)
    with redrawn(page):
        press(page, "All pictures")
    expect(pictures(page).nth(5)).to_have_attribute("alt", re.compile("seed 12$"))
    assert pixels_of(pictures(page).nth(5)) == before
    with redrawn(page):
        pictures(page).nth(5).click()
    with redrawn(page):
        page.go_back()
    assert pixels_of(pictures(page).nth(5)) == before


def test_a_film_between_prompts_moves_with_its_slider_plays_and_is_downloaded(
    page: Page, flowers: Pipeline, tmp_path: Path
) -> None:
    write(page, YELLOW)
    press(page, "Between prompts")
    page.get_by_label("… and where it goes").fill(RED)
    page.get_by_label("Frames").select_option("9")
    expect(page.locator("#status")).to_contain_text("9 frames")
    frame = page.locator("#frame")
    slide(page, "Position on the way", 0)
    assert pixels_of(frame) == drawn(flowers, YELLOW, 7)
    with redrawn(page, frame):
        slide(page, "Position on the way", 8)
    assert pixels_of(frame) == drawn(flowers, RED, 7)
    with redrawn(page, frame):
        press(page, "Play")
    press(page, "Pause")
    film = download(page, tmp_path, "Film (WebP)")
    with Image.open(film) as image:
        assert (image.n_frames, image.size) == (16, (64, 64))  # type: ignore[attr-defined]
    assert read_metadata(film)["prompt"] == f"{YELLOW}\n{RED}"
    assert read_metadata(download(page, tmp_path, "Film (GIF)"))["steps"] == "9"
    strip = download(page, tmp_path, "Strip (PNG)")
    slide(page, "Truncation", 0.5)
    press(page, "Pictures")
    drop(page, strip)
    expect(page.get_by_label("… and where it goes")).to_have_value(RED)


def test_a_film_between_pictures_has_the_chosen_ones_at_its_ends(
    page: Page, flowers: Pipeline
) -> None:
    write(page, YELLOW)
    press(page, "Between pictures")
    expect(page.locator("#status")).to_contain_text("24 frames")
    frame = page.locator("#frame")
    with redrawn(page, frame):
        pictures(page).nth(2).click()
    assert pixels_of(frame) == drawn(flowers, YELLOW, 9)
    pictures(page).nth(6).click()
    expect(page.locator("#end-to")).to_contain_text("seed 13")
    with redrawn(page, frame):
        slide(page, "Position on the way", 23)
    assert pixels_of(frame) == drawn(flowers, YELLOW, 13)


def test_a_downloaded_picture_dropped_on_the_page_brings_all_back(
    page: Page, visitor: Visitor, studio: str, tmp_path: Path
) -> None:
    page.get_by_label("Bundle").select_option("birds")
    write(page, "a small blue bird with a white belly")
    with redrawn(page):
        slide(page, "Truncation", 0.7)
    reach(page, 3)
    before = pixels_of(pictures(page).nth(3))
    with page.expect_download() as downloading:
        page.keyboard.press("d")
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    assert read_metadata(file)["seed"] == "10"

    other = visitor.open(studio)
    wait_until_drawn(other)
    drop(other, file)
    expect(pictures(other)).to_have_count(1)
    assert pixels_of(pictures(other).first) == before
    expect(other.get_by_label("Bundle")).to_have_value("birds")
    expect(other.get_by_label("Describe a picture")).to_have_value(
        "a small blue bird with a white belly"
    )
    expect(other.get_by_label("Seed", exact=True)).to_have_value("10")
    expect(other.get_by_role("slider", name="Truncation")).to_have_value("0.7")


def test_a_picture_of_someone_else_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    (tmp_path / "noise.png").write_bytes(bytes(range(256)))
    for name in ("photo.png", "noise.png"):
        drop(page, tmp_path / name)
        expect(page.locator("#status")).to_contain_text(f"{name} is not a PNG that captiongan")
    page.locator("#png-file").set_input_files(tmp_path / "photo.png")
    expect(page.locator("#status")).to_contain_text("captiongan restyle")


@pytest.mark.parametrize(
    "prompt", [YELLOW, 'it\'s a "red" flower; with $HOME petals & `white` center']
)
def test_what_is_copied_as_command_and_as_python_draws_the_very_same(
    page: Page, prompt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    slide(page, "Pictures", 4)
    slide(page, "Truncation", 0.7)
    write(page, prompt)
    sheet = download(page, tmp_path, "Grid")
    _run_as_copied(page, sheet)
    with redrawn(page):
        pictures(page).nth(1).click()
    sheet = download(page, tmp_path, "Grid")
    assert read_metadata(sheet)["around"] == "8"
    _run_as_copied(page, sheet)


def test_a_film_copied_as_command_and_as_python_is_the_very_same(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    press(page, "Between prompts")
    page.get_by_label("Frames").select_option("9")
    expect(page.locator("#status")).to_contain_text("9 frames")
    _run_as_copied(page, download(page, tmp_path, "Film (WebP)"))


def test_what_each_word_did_is_shown_of_any_picture_and_copied_as_such(
    page: Page, flowers: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(page, YELLOW)
    press(page, "What each word did")
    maps = page.locator("#explained-words img")
    expect(maps).to_have_count(len(YELLOW.split()))
    with redrawn(page, maps.first):
        reach(page, 3)
        page.keyboard.press("Enter")
    expect(page.locator("#explained-caption")).to_have_text("Seed 10, all words")
    expected = flowers.explain(YELLOW, 10)
    assert pixels_of(page.locator("#explained-picture")) == expected.picture.image.tobytes()
    for number in range(len(expected.words)):
        assert pixels_of(maps.nth(number)) == expected.heat(number).tobytes()
    page.reload()
    expect(page.locator("#explained-caption")).to_have_text("Seed 10, all words")
    (tmp_path / stage_file(page)).write_bytes(expected.png())
    _run_as_copied(page, tmp_path / stage_file(page))


def stage_file(page: Page) -> str:
    """The file that the copied command writes."""
    return shlex.split(copied(page, "Copy as command"))[-1]


def _run_as_copied(page: Page, downloaded: Path) -> None:
    """Run the command and the Python where they write what was downloaded; compare."""
    expected = downloaded.read_bytes()
    program, *arguments = shlex.split(copied(page, "Copy as command"))
    source = copied(page, "Copy as Python")
    assert program == "captiongan"
    downloaded.unlink()
    assert captiongan(*arguments) == 0
    assert downloaded.read_bytes() == expected
    downloaded.unlink()
    exec(compile(source, "copied", "exec"), {})
    assert downloaded.read_bytes() == expected


def test_a_link_restores_everything(page: Page, visitor: Visitor) -> None:
    page.get_by_label("Bundle").select_option("birds")
    slide(page, "Pictures", 4)
    slide(page, "Truncation", 0.8)
    write(page, "a red bird, 100 % # & = + ~ ?")
    reach(page, 1)
    page.keyboard.press("p")
    with redrawn(page):
        pictures(page).nth(2).click()
    with redrawn(page):
        slide(page, "How far away", 0.5)
    expect(page.locator("#pin-list img")).to_have_attribute("src", re.compile("^data:"))
    link = copied(page, "Copy link")

    other = visitor.open(link)
    wait_until_drawn(other)
    expect(other.get_by_role("heading", name="Variations of seed 9")).to_be_visible()
    expect(other.locator("#pin-list img")).to_have_attribute("src", re.compile("^data:"))
    for image in ("#gallery img >> nth=3", "#pin-list img", "#source"):
        assert pixels_of(page.locator(image)) == pixels_of(other.locator(image))
    for field in ("Describe a picture", "Bundle", "Towards seed"):
        value = page.get_by_label(field, exact=True).input_value()
        expect(other.get_by_label(field, exact=True)).to_have_value(value)


@pytest.mark.parametrize("control", ["\x03", "\n", "\x1b[201~"])
def test_a_link_cannot_bring_what_a_terminal_would_run(
    visitor: Visitor, studio: str, control: str
) -> None:
    evil = quote(f"a red flower{control}echo run{control}")
    pinned = quote(json.dumps(["flowers", f"a{control}b", 7, 1, None, 0.3]))
    page = visitor.open(f"{studio}/#prompt={evil}&to={evil}&bundle={evil}&pin={pinned}")
    wait_until_drawn(page)
    assert "echo run" not in page.get_by_label("Describe a picture").input_value()
    assert page.locator("#pin-list li").count() == 0
    page.get_by_label("Describe a picture").fill(f"a red flower{control}echo run")
    wait_until_drawn(page)
    assert copied(page, "Copy as command").isprintable()


def test_a_shell_takes_what_is_quoted_as_it_is(page: Page) -> None:
    texts = ["plain", "it's", "$(id) `id` $HOME", "a\\", "'; id; '", "-n", "a!b #c *", "é 花", ""]
    quoted = page.evaluate(
        "async (texts) => texts.map((await import('/static/commands.js')).shell)", texts
    )
    command = ["sh", "-c", f"printf '%s\\n' {' '.join(quoted)}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [f" {text}" if text == "-n" else text for text in texts]


def test_a_pin_stays_while_the_words_change_and_leads_back_to_them(page: Page) -> None:
    write(page, YELLOW)
    reach(page, 4)
    page.keyboard.press("p")
    pinned = pixels_of(pictures(page).nth(4))
    expect(page.locator("#pin-list img")).to_have_attribute("src", re.compile("^data:"))
    write(page, RED)
    assert pixels_of(page.locator("#pin-list img")) == pinned
    with redrawn(page):
        page.locator("#pin-list .picture").click()
    expect(page.get_by_label("Describe a picture")).to_have_value(YELLOW)
    assert pixels_of(pictures(page).first) == pinned
    page.get_by_role("button", name=re.compile("^Unpin")).click()
    expect(page.locator("#pins")).to_be_hidden()


@pytest.mark.parametrize("view", ["around=7", "view=prompts&to=a%20red%20flower", "view=seeds"])
def test_the_pins_stand_below_every_view(visitor: Visitor, studio: str, view: str) -> None:
    pinned = quote(json.dumps(["flowers", RED, 7, 1, None, 0.3]))
    page = visitor.open(f"{studio}/#{view}&pin={pinned}")
    wait_until_drawn(page)
    pins, actions = page.locator("#pins").bounding_box(), page.locator("#actions").bounding_box()
    assert pins and actions and pins["y"] > actions["y"]


def test_the_page_works_under_a_path_of_a_proxy(page: Page, studio: str) -> None:
    def proxy(route: Route) -> None:
        route.fulfill(response=route.fetch(url=route.request.url.replace("/draw/", "/")))

    page.route("**/draw/**", proxy)
    page.goto(f"{studio}/draw/")
    wait_until_drawn(page)
    expect(pictures(page)).to_have_count(16)


def test_files_of_the_same_words_and_seed_have_names_of_their_own(page: Page) -> None:
    names = page.evaluate(
        """async () => {
          const { stageFile } = await import("/static/commands.js");
          const { START } = await import("/static/link.js");
          const of = (others) => stageFile({ ...START, prompt: "a flower", ...others }, ".png");
          return [{}, { n: 1 }, { view: "prompts" }, { view: "seeds" }].map(of);
        }"""
    )
    assert len(set(names)) == 4


def test_everything_can_be_done_with_the_keyboard_alone(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.get_by_label("Describe a picture")).to_be_focused()
    with redrawn(page):
        page.keyboard.press("Control+a")
        page.keyboard.type(YELLOW)
        page.keyboard.press("Enter")
    reached = page.locator("#gallery .picture").first
    for _ in range(20):
        page.keyboard.press("Tab")
        if reached.evaluate("(each) => each === document.activeElement"):
            break
    expect(reached).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#gallery .picture").nth(5)).to_be_focused()
    page.keyboard.press("p")
    expect(page.locator("#pin-list li")).to_have_count(1)
    with redrawn(page):
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Variations of seed 12")).to_be_visible()
    with redrawn(page):
        page.keyboard.press("Escape")
    expect(page.locator("#gallery .picture").nth(5)).to_be_focused()
    with redrawn(page):
        page.keyboard.press("r")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_keys_without_ctrl_can_be_switched_off(page: Page) -> None:
    press(page, "Keys")
    page.get_by_label("Use keys without Ctrl or Alt").uncheck()
    press(page, "Close")
    reach(page, 0)
    page.keyboard.press("r")
    page.keyboard.press("p")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("7")
    expect(page.locator("#pins")).to_be_hidden()


def test_it_speaks_the_browsers_language_and_the_chosen_one_ever_after(
    visitor: Visitor, studio: str
) -> None:
    visitor.expected.append("422")
    page = visitor.open(f"{studio}/#n=1&prompt=a+red+flower", locale="vi-VN")
    wait_until_drawn(page, "1 ảnh trong")
    assert page.locator("html").get_attribute("lang") == "vi"
    page.get_by_label("Mô tả một bức ảnh").fill("eine gelbe Blume")
    expect(page.get_by_role("alert")).to_contain_text("'eine gelbe Blume': 3 trong 3 từ là từ lạ")
    check_accessibility(page)
    press(page, "English")
    expect(page.get_by_role("alert")).to_contain_text("3 of 3 words are unknown")
    page.reload()
    expect(page.get_by_label("Describe a picture")).to_have_value("eine gelbe Blume")
    assert page.locator("html").get_attribute("lang") == "en"


def test_unknown_words_are_marked_and_too_many_are_an_error_in_words(
    page: Page, visitor: Visitor
) -> None:
    visitor.expected.append("422")
    write(page, "a zygomorphic flower with red petals")
    expect(page.locator("#notice")).to_have_text("The model hardly knows “zygomorphic”.")
    expect(page.locator("#tokens .unknown")).to_contain_text("(not known)")
    page.get_by_label("Describe a picture").fill("eine gelbe Blume")
    expect(page.get_by_role("alert")).to_contain_text("words are unknown")
    expect(page.get_by_label("Describe a picture")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#tokens li")).to_have_count(0)  # those of the words before
    check_accessibility(page)
    write(page, RED)
    expect(page.get_by_role("alert")).to_be_hidden()
    page.get_by_label("Describe a picture").fill("  ")
    expect(page.locator("#notice")).to_have_text("Describe a picture in words.")


@pytest.fixture
def ranked(tmp_path: Path) -> Bundle:
    """A bundle that can keep the best of several."""
    return write_tiny_bundle(tmp_path / "tiny", ranker=ranker())


def test_the_best_of_four_are_shown_with_seed_and_score_and_copied_as_such(
    visitor: Visitor, ranked: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the copied command finds ./tiny
    words, pipeline = "a red flower", Pipeline(ranked)
    best = pipeline.generate(words, 16, 7, best_of=4)
    with serving("serve", "--bundle", ranked.folder, "--bundle", "flowers") as address:
        page = visitor.open(address)
        page.get_by_label("Describe a picture").fill(words)
        expect(pictures(page)).to_have_count(16)
        box = page.get_by_label("Draw 4, keep the best")
        with redrawn(page, pictures(page).nth(15)):
            box.check()
        for place in (0, 15):
            picture = best[place]
            told = f"{words}, seed {picture.seed}, score {picture.score:.2f}"
            expect(pictures(page).nth(place)).to_have_attribute("alt", told)
            assert pixels_of(pictures(page).nth(place)) == picture.image.tobytes()
        check_accessibility(page)
        _run_as_copied(page, download(page, tmp_path, "Grid"))

        other = visitor.open(copied(page, "Copy link"))
        expect(other.get_by_label("Draw 4, keep the best")).to_be_checked()
        expect(pictures(other).nth(15)).to_have_attribute("alt", told)

        reach(page, 15)
        page.keyboard.press("p")
        page.locator("#pin-list .picture").click()
        expect(box).not_to_be_checked()
        expect(pictures(page).first).to_have_attribute("alt", f"{words}, seed {best[15].seed}")
        assert pixels_of(pictures(page).first) == best[15].image.tobytes()
        with redrawn(page):
            page.get_by_label("Bundle").select_option("flowers")
        expect(box).to_be_hidden()


def test_a_server_that_is_gone_is_said_and_tried_again(page: Page, visitor: Visitor) -> None:
    visitor.expected.append("ERR_FAILED")
    page.route("**/v1/generate", lambda route: route.abort())
    page.get_by_label("Describe a picture").fill(RED)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    page.unroute("**/v1/generate")
    with redrawn(page):
        press(page, "Try again")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_busy_server_is_asked_again(page: Page, visitor: Visitor) -> None:
    visitor.expected.append("503")
    asked: list[float] = []

    def busy(route: Route) -> None:
        asked.append(time.monotonic())
        if len(asked) == 1:
            route.fulfill(
                status=503, headers={"Retry-After": "1"}, json={"error": {"message": "x"}}
            )
        else:
            route.continue_()

    page.route("**/v1/generate", busy)
    write(page, RED)
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 0.9


def test_a_bundle_that_is_not_here_is_said(visitor: Visitor, studio: str) -> None:
    page = visitor.open(f"{studio}/#bundle=fish&prompt=a+red+flower&n=4&seed=-1&strength=x&pin=[]")
    wait_until_drawn(page)
    expect(page.locator("#status")).to_contain_text("There is no bundle “fish” here")
    expect(page.get_by_label("Bundle")).to_have_value("flowers")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("7")


def test_a_server_with_a_token_is_opened_with_it(visitor: Visitor, guarded: str) -> None:
    visitor.expected.append("401")
    page = visitor.open(f"{guarded}/#prompt=a+red+flower&n=4")
    dialog = page.get_by_role("dialog", name="This server asks for a token")
    expect(dialog).to_be_visible()
    check_accessibility(page)
    page.get_by_label("Token", exact=True).fill("wrong")
    press(page, "Use it")
    expect(dialog).to_contain_text("That was not it.")
    page.get_by_label("Token", exact=True).fill(TOKEN)
    press(page, "Use it")
    expect(pictures(page)).to_have_count(4)
    expect(dialog).to_be_hidden()
    # Where the folder of a bundle is, only who serves it knows.
    assert "--bundle ./tiny --grid" in copied(page, "Copy as command")
    page.reload()
    expect(pictures(page)).to_have_count(4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(visitor: Visitor, studio: str, scheme: str) -> None:
    page = visitor.open(studio, color_scheme=scheme)
    wait_until_drawn(page)
    reach(page, 0)
    page.keyboard.press("p")
    expect(page.locator("#pin-list img")).to_have_attribute("src", re.compile("^data:"))
    check_accessibility(page)
    with redrawn(page):
        pictures(page).first.click()
    check_accessibility(page)
    for view in ("Between prompts", "Between pictures"):
        press(page, view)
        wait_until_drawn(page, "frames")
        check_accessibility(page)
    press(page, "What each word did")
    wait_until_drawn(page, "words")
    check_accessibility(page)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    dark = max(int(level) for level in re.findall(r"\d+", background)) < 64
    assert dark == (scheme == "dark")


def test_a_phone_of_360_pixels_shows_all_without_scrolling_sideways(
    visitor: Visitor, studio: str
) -> None:
    size = {"width": 360, "height": 740}
    page = visitor.open(studio, viewport=size, has_touch=True, is_mobile=True)
    wait_until_drawn(page)
    views = {"Between prompts": "frames", "Between pictures": "frames"}
    for view, what in (views | {"What each word did": "words", "Pictures": "pictures"}).items():
        press(page, view)
        wait_until_drawn(page, what)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    with redrawn(page):
        pictures(page).first.tap()
    expect(page.locator("#pin-source")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
