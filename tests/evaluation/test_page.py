"""What `report.html` promises: it stands alone, it is safe, and it shows what may be shown."""

import base64
import io
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from captiongan.bundle.text_encoder import Embeddings
from captiongan.data.store import Pictures
from captiongan.draw.noise import Noise
from captiongan.evaluation.candidate import SampleGrids
from captiongan.evaluation.charts import BOTTOM, LEFT, RIGHT, TOP, curve
from captiongan.evaluation.comparison import Difference
from captiongan.evaluation.evaluate import Evaluation
from captiongan.evaluation.page import PublicPrompts, decimals, draw_public, figure, page, place
from captiongan.evaluation.report import report_facts
from captiongan.evaluation.score_type import REAL_PICTURES, SHUFFLED, Measured, Score
from captiongan.evaluation.scorer import Scorer
from captiongan.evaluation.scores import SCORES
from captiongan.evaluation.table import table
from support.tiny_evaluation import tiny_evaluation, tiny_model, without_train
from support.tiny_exam import TRAIN, tiny_benchmark

HOSTILE = "<script>alert('x')</script><img src=http://a.example onerror=alert(1)>\"'>"
MINUS = "\N{MINUS SIGN}"
PROMPTS = [
    "my own flower with red petals before nw-coal ne-brick sw-moss se-sky",
    "my own flower with blue petals before nw-sky ne-sky sw-moss se-sky",
]
CURVE = [
    {"step": 1, "kimg": 1.0, "loss_d": 1.5, "loss_g": 2.0, "accuracy_real": 0.8},
    {"step": 2, "kimg": 2.0, "loss_d": 1.0, "loss_g": math.nan, "accuracy_real": 0.9},
    {"step": 2, "kimg": 2.0, "score_kid": -0.01, "score_r_at_1": 0.2, "score_error": 0.1},
]


class Tags(HTMLParser):
    """Collects names and attributes of all tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def values(self, *names: str) -> list[str]:
        return [value for name, value in self.attributes if name in names]


def show(evaluation: Evaluation, public: PublicPrompts | None = None) -> str:
    return page(report_facts(evaluation), evaluation, public)


@cache
def alone() -> Evaluation:
    return tiny_evaluation()


def png(color: str) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (9, 8), color).save(encoded, "PNG")
    return encoded.getvalue()


GRIDS = SampleGrids(("a caption of <the> run",), {0: png("red"), 5_000: png("blue")})


@cache
def pair() -> Evaluation:
    run = replace(tiny_model("second", strength=0.3, curve=CURVE), sample_grids=GRIDS)
    return tiny_evaluation(tiny_model("first"), run)


@cache
def looked_at_twice() -> Evaluation:
    models = tiny_model("first"), tiny_model("second", strength=0.3)
    return tiny_evaluation(*models, sides=(8, 16))


@cache
def private() -> str:
    return show(pair())


@cache
def public() -> str:
    return show(pair(), own_prompts())


@cache
def own_prompts() -> PublicPrompts:
    return draw_public([result.candidate for result in pair().results], PROMPTS, seed=7)


def hostile() -> Evaluation:
    """Put markup wherever a text comes from outside."""
    (result,) = alone().results
    benchmark = alone().benchmark
    examples = tuple(
        replace(example, captions=(HOSTILE, HOSTILE)) for example in benchmark.real.examples
    )
    return replace(
        alone(),
        data=HOSTILE,
        split=HOSTILE,
        benchmarks=[replace(benchmark, real=replace(benchmark.real, examples=examples))],
        results=[
            replace(
                result,
                candidate=replace(
                    result.candidate,
                    name=HOSTILE,
                    sample_grids=replace(GRIDS, captions=(HOSTILE,)),
                ),
            )
        ],
    )


def pictures_in(text: str) -> set[bytes]:
    """Return the pixels of all pictures of a page."""
    encoded = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    return {Image.open(io.BytesIO(base64.b64decode(each))).tobytes() for each in encoded}


def pixels(pictures: Pictures) -> set[bytes]:
    return {picture.tobytes() for picture in pictures.reshape(-1, *pictures.shape[-3:])}


def row_of(text: str, title: str) -> str:
    found = re.search(rf'<tr><th scope="row">{title}\n.*?</tr>', text, re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("text", [private, public], ids=["private", "public"])
def test_the_page_needs_no_script_and_asks_no_one(text: Callable[[], str]) -> None:
    content = text()
    tags = Tags(content)
    assert not tags.names & {"script", "iframe", "object", "embed", "base", "form"}
    links = tags.values("src", "href", "srcset", "action", "data", "poster", "xlink:href")
    assert links
    assert all(link.startswith("data:") for link in links)
    assert "url(" not in content
    assert "@import" not in content
    assert "default-src 'none'" in tags.values("content")[0]


def test_whatever_comes_from_outside_is_text_and_never_markup() -> None:
    text = show(hostile())
    tags = Tags(text)
    assert "script" not in tags.names
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert all(link.startswith("data:") for link in tags.values("src"))
    assert HOSTILE in unescape(text)


def test_a_new_score_takes_no_more_than_its_row() -> None:
    brightness = Score(
        "brightness",
        "Brightness",
        "how bright <drawn> pictures are",
        "one",
        lambda _, samples: Measured.mean_of(samples.pictures.mean(axis=(0, 2, 3, 4)), 1),
        ceiling=REAL_PICTURES,
        floor=SHUFFLED,
        of_features=False,
    )
    (result,), benchmark = alone().results, alone().benchmark
    scores = Scorer(benchmark, scores=[*SCORES, brightness]).score(result.samples)
    evaluation = replace(alone(), results=[replace(result, scores=scores)])
    row = row_of(show(evaluation), "Brightness")
    assert "how bright &lt;drawn&gt; pictures are" in row and "near 1" in row
    assert report_facts(evaluation)["models"][0]["scores"]["brightness"]["value"] > 0
    assert any(line.split()[0] == "Brightness" for line in table(evaluation))


def test_the_private_page_shows_captions_and_real_pictures() -> None:
    real, train = pair().benchmark.real, TRAIN
    assert any(caption in private() for caption in real.captions)
    assert pixels(real.pictures) & pictures_in(private())
    assert pixels(train.pictures) & pictures_in(private())
    assert all(
        pixels(result.samples.pictures) & pictures_in(private()) for result in pair().results
    )


def test_the_public_page_shows_nothing_of_the_data() -> None:
    real, shown = pair().benchmark.real, pictures_in(public())
    assert not [caption for caption in (*real.captions, *TRAIN.captions) if caption in public()]
    assert not shown & (pixels(real.pictures) | pixels(TRAIN.pictures))
    assert not [result for result in pair().results if pixels(result.samples.pictures) & shown]


def test_the_public_page_shows_all_prompts_of_ones_own() -> None:
    assert all(prompt in public() for prompt in PROMPTS)
    drawn = [pixels(pictures) for pictures in own_prompts().pictures]
    assert pictures_in(public()) == set.union(*drawn)


def test_each_prompt_is_drawn_with_the_same_seeds_alone_and_among_others() -> None:
    model = tiny_model()
    both, one = (draw_public([model], prompts, seed=7) for prompts in (PROMPTS, PROMPTS[1:]))
    assert both.prompts == tuple(PROMPTS)
    assert np.array_equal(both.pictures[0][1], one.pictures[0][0])
    assert np.array_equal(one.pictures[0][0], model.pictures_of(PROMPTS[1:] * 4, range(7, 11)))


def test_the_page_tells_the_truncation_of_each_model_that_has_one() -> None:
    whole, truncated = pair().results
    less = replace(truncated, candidate=replace(truncated.candidate, truncation=0.7))
    text = show(replace(pair(), results=[whole, less]))
    assert re.search(r"<p><b>second</b>: .*kimg of training, truncation 0\.7</p>", text)
    assert text.count("kimg of training</p>") == 1  # the other's
    assert "truncation" not in private()


def test_an_omitted_score_is_told_by_its_reason_and_never_by_a_number() -> None:
    text = show(tiny_evaluation(benchmark=without_train()))
    for title in ("Novelty", "R@1 of 100", "Class, top 1", "Class, top 5"):
        row = row_of(text, title)
        assert "left out: nothing to learn from" in row
        assert "<b>" not in row
        assert "bar" not in row
    assert text.count("left out: nothing to learn from") == 7  # and memory, alignment, and binding


def test_a_measured_score_is_told_with_noise_floor_and_ceiling() -> None:
    text = show(alone())
    score = report_facts(alone())["models"][0]["scores"]["recall"]
    row = re.sub(r"<[^>]*>", " ", row_of(text, "Recall"))
    decimals = len(re.findall(r"± \d\.(\d+)", row)[0])
    for value in (score, score["floor"], score["ceiling"]):
        assert figure(value["value"], decimals) in row
    assert "higher is better" in row


def test_notes_stand_below_the_table_once() -> None:
    text = show(alone())
    note = alone().results[0].scores[1].measured
    assert note is not None and note.note
    assert len(re.findall(rf"<sup>\w</sup> {note.note}", text)) == 1
    assert "<sup>a</sup>" in row_of(text, "FID")


def test_differences_that_exceed_the_noise_are_marked() -> None:
    assert f"second {MINUS} first" in private()
    assert re.search(r'<p class="worse">second worse</p>', private())
    assert "Which differences exceed the noise" not in show(alone())


def test_scores_stand_at_every_side_and_colours_at_none() -> None:
    section = show(looked_at_twice()).split("<h2>By side</h2>")[1].split("<h2>")[0]
    assert re.findall(r"<th>(.*?)</th>", section) == ["", "8 px", "16 px"]
    scores = report_facts(looked_at_twice())["models"][1]["scores"]
    (row,) = re.findall(r'<tr[^>]*><th scope="row">\s*<small>second.*?</tr>', section, re.DOTALL)[
        :1
    ]
    for side in ("8", "16"):
        found = scores["kid"]["by_side"][side]
        assert figure(found["value"], decimals(found)) in row
    assert section.count("<tr") == 1 + 2 * 12  # the head, and two models in all but colours
    assert "Colours" not in section
    assert "<h2>By side</h2>" not in private()


def test_a_model_that_is_worse_at_one_side_is_shown_as_a_disagreement() -> None:
    sides = {8: Difference("kid", 0, 1, -2, -3, -1), 16: Difference("kid", 0, 1, 1, 0.5, 2)}
    mean = Difference("kid", 0, 1, -0.5, -0.8, -0.2, sides)
    text = show(replace(looked_at_twice(), differences=[mean]))
    assert '<p class="other">sides disagree</p>' in text
    assert "better at 8 px, worse at 16 px" in text


def test_the_curve_is_there_for_a_run_only() -> None:
    assert "Over training" in private()
    assert "Losses, over kimg" in private()
    assert "Over training" not in show(alone())


def test_a_run_is_shown_as_it_drew_at_the_start_and_last() -> None:
    section = private().split("First and last samples</h2>")[1].split("<h2>")[0]
    shown = re.findall(r'<img src="([^"]+)" alt="([^"]+)">\s*<figcaption>(.*?)<', section)
    assert [words for _, *words in shown] == [
        ["pictures drawn at the start, step 0", "At the start, step 0"],
        ["pictures drawn last, step 5,000", "Last, step 5,000"],
    ]
    sources = [base64.b64decode(uri.removeprefix("data:image/png;base64,")) for uri, *_ in shown]
    assert sources == list(GRIDS.grids.values())
    assert "<li>a caption of &lt;the&gt; run</li>" in section
    assert re.findall("<h3>(.*?)</h3>", section) == ["second"]
    assert "First and last samples" not in show(alone())


def test_the_public_page_shows_neither_grids_nor_captions_of_a_run() -> None:
    assert not pictures_in(public()) & {
        Image.open(io.BytesIO(grid)).tobytes() for grid in GRIDS.grids.values()
    }
    assert "a caption of" not in public()
    assert "First and last samples" not in public()


def test_a_curve_passes_over_what_is_not_finite_and_stays_in_its_field() -> None:
    charts = {chart["title"].partition(",")[0]: chart for chart in curve(tiny_model(curve=CURVE))}
    assert list(charts) == ["KID", "R@1", "Losses", "Share of pairs classified correctly"]
    assert [len(line) for line in charts["Losses"]["lines"].values()] == [2, 1]
    for chart in charts.values():
        for x, y in (point for line in chart["lines"].values() for point in line):
            assert LEFT <= x <= RIGHT
            assert TOP <= y <= BOTTOM


def test_the_logits_of_a_run_are_lines_inside_bands() -> None:
    quantiles = {f"logit_generated_{percent}": percent / 50 for percent in (25, 50, 75)}
    lines = [{"kimg": kimg, **quantiles} for kimg in (1.0, 2.0)]
    model = tiny_model(curve=lines)
    (chart,) = curve(model)
    line, band = chart["lines"]["drawn"], chart["bands"]["drawn"]
    assert [x for x, _ in band] == [line[0][0], line[1][0], line[1][0], line[0][0]]
    assert band[0][1] > line[0][1] > band[-1][1]
    assert show(tiny_evaluation(model)).count("<polygon") == 1


def test_a_long_curve_is_thinned_out() -> None:
    long = [{"kimg": float(kimg), "loss_d": 1.0} for kimg in range(10_000)]
    (chart,) = curve(tiny_model(curve=long))
    assert 100 < len(chart["lines"]["discriminator"]) <= 300


def test_a_copied_train_picture_is_found_and_shown_beside_its_original() -> None:
    model = tiny_model("copyist")

    def copy_one(noise: Noise, _: Embeddings) -> Pictures:
        pictures: Pictures = TRAIN.pictures[np.full(len(noise), 5)]
        return pictures

    text = show(tiny_evaluation(replace(model, draw=copy_one)))
    assert "The closest drawn picture is at 0.00" in text
    closest, rest = text.split("<small>closest</small>")[:2]
    original = re.findall(r'src="([^"]+)"', rest)[0]
    assert re.findall(r'src="([^"]+)"', closest)[-1] == original
    assert "<small>0.00</small>" in rest


def test_best_and_worst_are_in_the_order_of_the_judge() -> None:
    benchmark, (result,) = alone().benchmark, alone().results
    assert benchmark.probes is not None
    cosines = benchmark.probes.retrieval.cosine(
        result.samples.features[0], benchmark.real.sentences[benchmark.captions[0]]
    )
    order = np.sort(cosines)
    blocks = re.split("<h3>(?:Best|Worst)</h3>", show(alone()).split("Over training")[0])[1:]
    for block, expected in zip(blocks, (order[::-1], order), strict=True):
        found = re.findall(r"<br><small>(.*?)</small>", block)
        assert found == [figure(float(each), 2) for each in expected[:8]]


def test_more_models_hardly_make_the_page_heavier() -> None:
    models = [tiny_model(name) for name in "abcd"]
    benchmark = tiny_benchmark(60)
    two, four = (show(tiny_evaluation(*some, benchmark=benchmark)) for some in (models[:2], models))
    assert four.count("<img") < 1.1 * two.count("<img")


@pytest.mark.parametrize(
    ("value", "places", "said"),
    [
        (0.03124, 4, "0.0312"),
        (-0.00001, 3, "0.000"),
        (-1.5, 1, f"{MINUS}1.5"),
        (1234.5, 0, "1,234"),
    ],
)
def test_a_figure_is_told_for_people(value: float, places: int, said: str) -> None:
    assert figure(value, places) == said


@pytest.mark.parametrize(
    ("value", "best", "floor", "ceiling", "at"),
    [
        (0.3, "high", 0.0, 1.0, 0.3),
        (0.3, "low", 1.0, 0.0, 0.7),
        (2.0, "one", 0.0, 1.0, 2.0),
        (0.3, "high", 1.0, 1.0, None),
        (0.3, "high", 1.0, 0.7, None),
        (0.3, "low", 0.1, 0.3, None),
    ],
)
def test_a_score_has_a_place_between_floor_and_ceiling_unless_the_floor_is_no_worse(
    value: float, best: str, floor: float, ceiling: float, at: float | None
) -> None:
    score = {"value": value, "best": best, "floor": {"value": floor}, "ceiling": {"value": ceiling}}
    assert place(score) == (at if at is None else pytest.approx(at))


@pytest.mark.parametrize("missing", ["floor", "ceiling"])
def test_without_floor_or_ceiling_a_score_has_no_place(missing: str) -> None:
    bounds = {"floor": {"value": 0.0}, "ceiling": {"value": 1.0}}
    assert place({"value": 0.5, "best": "high"} | bounds | {missing: None}) is None
