"""What `report.json` promises: quotable scores, reasons for absent ones, nothing of the data."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from captiongan.errors import OutputError
from captiongan.evaluation.comparison import Difference
from captiongan.evaluation.evaluate import Evaluation
from captiongan.evaluation.report import check_folder, report_facts, write_report
from captiongan.evaluation.score_type import Measured
from captiongan.evaluation.scores import SCORES
from captiongan.version import __version__
from support.tiny_evaluation import SHA256, tiny_evaluation, tiny_model, without_train
from support.tiny_exam import BlockMeans


@cache
def alone() -> Evaluation:
    return tiny_evaluation()


@cache
def pair() -> Evaluation:
    return tiny_evaluation(tiny_model("first"), tiny_model("second", strength=0.3))


def leaves(value: Any) -> Iterator[Any]:
    """Yield all that nested facts hold, the keys of objects too."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def with_value(evaluation: Evaluation, score: str, measured: Measured) -> Evaluation:
    """Return the evaluation with another measurement in the place of one score."""
    (result,) = evaluation.results
    scores = [
        replace(mark, measured=measured) if mark.score.name == score else mark
        for mark in result.scores
    ]
    return replace(evaluation, results=[replace(result, scores=scores)])


def extractor_at(*sides: int) -> dict[str, Any]:
    """Return how a report identifies `BlockMeans` at these sides."""
    identity = asdict(BlockMeans().identity)
    del identity["input_side"]
    return identity | {"input_sides": list(sides)}


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_every_score_says_on_what_and_with_what_it_was_measured() -> None:
    facts = report_facts(alone())
    scores = facts["models"][0]["scores"]
    measured = [score for score in scores.values() if "omitted" not in score]
    assert list(scores) == [score.name for score in SCORES]
    assert len(measured) >= 10
    for score in measured:
        assert {
            "model": "painter",
            "model_kind": "bundle",
            "model_sha256": SHA256,
            "data": "garden",
            "split": "test",
            "real_pictures": 120,
            "resize": "middle square, Lanczos to 8 px",
            "extractor": extractor_at(8),
            "seed": 0,
            "truncation": 1.0,
            "best_of": 1,
            "captiongan": __version__,
        }.items() <= score.items()
        assert score["n"] > 0
        for said in (f"{score['n']:,} drawn, 120 real", "garden/test", "blocks 8 px", "seed 0"):
            assert said in score["quote"]
        assert f"captiongan {__version__}, bundle 1a2b3c4d" in score["quote"]


def test_a_quote_tells_the_truncation_if_there_was_one() -> None:
    (result,) = alone().results
    candidate = replace(result.candidate, truncation=0.7)
    truncated = replace(alone(), results=[replace(result, candidate=candidate)])
    quotes = [
        report_facts(each)["models"][0]["scores"]["kid"]["quote"] for each in (truncated, alone())
    ]
    assert "seed 0, truncation 0.7, captiongan" in quotes[0]
    assert quotes[1] == quotes[0].replace(", truncation 0.7", "")


def test_a_quote_tells_that_the_best_of_several_were_scored() -> None:
    (result,) = alone().results
    best = replace(
        alone(), results=[replace(result, candidate=replace(result.candidate, best_of=4))]
    )
    facts = report_facts(best)["models"][0]
    assert facts["best_of"] == facts["scores"]["kid"]["best_of"] == 4
    assert "seed 0, best of 4, captiongan" in facts["scores"]["kid"]["quote"]


def test_a_score_has_the_value_noise_and_bounds_that_were_measured() -> None:
    result = alone().results[0].scores[0]
    score = report_facts(alone())["models"][0]["scores"]["kid"]
    assert result.measured and result.ceiling and result.floor
    assert score["value"] == pytest.approx(result.measured.value, rel=1e-5)
    assert score["standard_error"] == pytest.approx(result.measured.standard_error, rel=1e-5)
    assert score["ceiling"]["value"] == pytest.approx(result.ceiling.value, rel=1e-5)
    assert score["floor"]["value"] == pytest.approx(result.floor.value, rel=1e-5)
    assert score["best"] == "low"


def test_a_quote_has_the_digits_that_the_noise_bears() -> None:
    evaluation = tiny_evaluation()
    parts = alone().results[0].scores[0].measured
    assert parts is not None
    measured = replace(parts, value=0.031234)
    score = report_facts(with_value(evaluation, "kid", measured))["models"][0]["scores"]["kid"]
    value, _, error = score["quote"].split(" (")[0].removeprefix("KID ").partition(" ± ")
    decimals = len(error.partition(".")[2])
    assert value == f"{0.031234:.{decimals}f}"
    assert len(error.replace(".", "").lstrip("0")) == 2


def test_a_score_has_its_values_and_bounds_at_every_side() -> None:
    facts = report_facts(tiny_evaluation(sides=(8, 16)))
    scores = facts["models"][0]["scores"]
    assert scores["colours"]["by_side"] == {}
    for name in set(scores) - {"colours"}:
        by_side = scores[name]["by_side"]
        assert list(by_side) == ["8", "16"]
        for what in ("ceiling", "floor"):
            mean = sum(each[what]["value"] for each in by_side.values()) / 2
            assert scores[name][what]["value"] == pytest.approx(mean, rel=1e-4, abs=1e-4)
        mean = sum(each["value"] for each in by_side.values()) / 2
        assert scores[name]["value"] == pytest.approx(mean, rel=1e-4, abs=1e-4)
    assert list(facts["judges"]) == list(scores["kid"]["judges_sha256"]) == ["8", "16"]
    assert "blocks 8/16 px" in scores["kid"]["quote"]


def test_reports_of_other_sides_and_of_before_there_were_sides_are_of_another_extractor() -> None:
    one, two = (report_facts(tiny_evaluation(sides=each)) for each in ((8,), (8, 16)))
    assert one["extractor"] == extractor_at(8) != two["extractor"] == extractor_at(8, 16)
    before = asdict(BlockMeans().identity)  # so wrote reports of one side
    assert before not in (one["extractor"], two["extractor"])
    quotes = [each["models"][0]["scores"]["colours"]["quote"] for each in (one, two)]
    assert quotes[0] != quotes[1]


def test_a_difference_says_which_sides_agree() -> None:
    models = tiny_model("first"), tiny_model("second", strength=0.3)
    facts = report_facts(tiny_evaluation(*models, sides=(8, 16)))
    found = {each["score"]: each for each in facts["differences"]}
    assert found["kid"]["sides"] == "worse at 8, 16 px"
    assert {each["verdict"] for each in found["kid"]["by_side"].values()} == {"second worse"}
    assert found["colours"]["sides"] == ""


def test_nobody_is_better_who_is_worse_at_one_side() -> None:
    sides = {8: Difference("kid", 0, 1, -2, -3, -1), 16: Difference("kid", 0, 1, 1, 0.5, 2)}
    mean = Difference("kid", 0, 1, -0.5, -0.8, -0.2, sides)
    (found,) = report_facts(replace(pair(), differences=[mean]))["differences"]
    assert found["verdict"] == "sides disagree"
    assert found["sides"] == "better at 8 px, worse at 16 px"
    agreeing = replace(mean, by_side={8: sides[8], 16: Difference("kid", 0, 1, 0.1, -0.1, 0.3)})
    (found,) = report_facts(replace(pair(), differences=[agreeing]))["differences"]
    assert found["verdict"] == "second better"
    assert found["sides"] == "better at 8 px, within noise at 16 px"


def test_an_omitted_score_is_a_reason_and_no_number() -> None:
    facts = report_facts(tiny_evaluation(benchmark=without_train()))
    scores = facts["models"][0]["scores"]
    for name in ("novelty", "r_at_1", "top_1", "top_5"):
        assert scores[name].keys() == {"title", "omitted"}
        assert scores[name]["omitted"] == "nothing to learn from"
    assert facts["judges"] == {"omitted": "nothing to learn from"}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_score_without_a_finite_value_is_omitted(value: float) -> None:
    facts = report_facts(with_value(alone(), "novelty", Measured(value, None, 480)))
    assert facts["models"][0]["scores"]["novelty"].keys() == {"title", "omitted"}


def test_the_file_has_no_path_no_caption_and_nothing_that_json_lacks(tmp_path: Path) -> None:
    write_report(tmp_path, pair(), None)
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    found = list(leaves(json.loads(text, parse_constant=refuse)))
    texts = [each for each in found if isinstance(each, str)]
    assert not [each for each in texts if Path(each).is_absolute() or str(tmp_path) in each]
    assert not [caption for caption in pair().benchmark.real.captions if caption in text]
    metrics = [each for each in found if isinstance(each, float)]
    assert len(metrics) > 100
    assert all(each == float(f"{each:.6g}") for each in metrics)


def test_differences_are_told_in_words() -> None:
    facts = report_facts(pair())
    verdicts = {each["score"]: each["verdict"] for each in facts["differences"]}
    assert verdicts["kid"] == "second worse"
    assert verdicts["r_at_1"] == "second worse"
    assert {each["first"] for each in facts["differences"]} == {"first"}


@pytest.mark.parametrize(
    ("score", "low", "high", "verdict"),
    [
        ("kid", -0.2, -0.1, "second better"),
        ("kid", 0.1, 0.2, "second worse"),
        ("recall", 0.1, 0.2, "second better"),
        ("recall", -0.2, -0.1, "second worse"),
        ("novelty", 0.1, 0.2, "second higher"),
        ("novelty", -0.2, -0.1, "second lower"),
        ("recall", -0.1, 0.2, "within noise"),
    ],
)
def test_only_what_exceeds_the_noise_is_better_or_worse(
    score: str, low: float, high: float, verdict: str
) -> None:
    between = [Difference(score, 0, 1, (low + high) / 2, low, high)]
    (found,) = report_facts(replace(pair(), differences=between))["differences"]
    assert found["verdict"] == verdict


def test_the_folder_is_made_and_an_earlier_report_replaced(tmp_path: Path) -> None:
    out = tmp_path / "new" / "report"
    for evaluation in (pair(), alone()):
        write_report(out, evaluation, None)
    assert {file.name for file in out.iterdir()} == {"report.html", "report.json"}
    assert len(json.loads((out / "report.json").read_text(encoding="utf-8"))["models"]) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for out in (file, file / "below"):
        with pytest.raises(OutputError, match=r"--out '.*file.*'.*choose another folder"):
            check_folder(out)
        with pytest.raises(OutputError, match="--out"):
            write_report(out, alone(), None)


def test_there_are_no_facts_without_their_page(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match="--out"):
        write_report(tmp_path, alone(), None)
    assert not (tmp_path / "report.json").exists()
