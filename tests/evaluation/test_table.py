"""The lines for a terminal tell every score with its bounds, and no number for what is left out."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from captiongan.evaluation.benchmark import Benchmark
from captiongan.evaluation.evaluate import Evaluation
from captiongan.evaluation.scorer import ScoreResult
from captiongan.evaluation.scores import SCORES
from captiongan.evaluation.table import table
from support.tiny_evaluation import tiny_evaluation, tiny_model, without_train


def evaluation(*strengths: float, benchmark: Benchmark | None = None) -> Evaluation:
    painters = [tiny_model(f"painter-{strength:g}", strength) for strength in strengths or [1.0]]
    return tiny_evaluation(*painters, benchmark=benchmark)


def line_of(lines: Sequence[str], title: str) -> str:
    (line,) = (line for line in lines if line.startswith(f"  {title}  "))
    return line


def test_a_candidate_has_a_line_for_each_score_with_its_error_ceiling_and_floor() -> None:
    sat = evaluation()
    first, head, *lines = table(sat)
    assert first == "painter-1: garden/test"
    assert head.split() == ["score", "value", "ceiling", "floor"]
    assert len(lines) == len(SCORES) == 13
    for line, result in zip(lines, sat.results[0].scores, strict=True):
        measured, ceiling, floor = result.measured, result.ceiling, result.floor
        assert measured is not None
        assert ceiling is not None
        assert floor is not None
        error = measured.standard_error
        numbers = [measured.value, *([] if error is None else [error]), ceiling.value, floor.value]
        assert line.startswith(f"  {result.score.title} ")
        assert [float(each) for each in re.findall(r"-?\d+\.\d{4}", line)] == pytest.approx(
            numbers, abs=6e-5
        )
        assert ("+-" in line) == (error is not None)


def test_each_line_says_which_values_are_good() -> None:
    lines = list(table(evaluation()))
    assert line_of(lines, "KID").endswith("lower is better")
    assert line_of(lines, "Coverage").endswith("higher is better")
    assert line_of(lines, "Diversity").endswith("best near 1")


def test_what_is_left_out_has_its_reason_and_no_number() -> None:
    lines = list(table(evaluation(benchmark=without_train())))
    for title in ("Novelty", "R@1 of 100", "Class, top 1"):
        (line,) = (line for line in lines if line.startswith(f"  {title} "))
        assert line.split(maxsplit=1)[1].endswith("left out: nothing to learn from")
        assert not re.search(r"\d+\.\d", line)
    assert not any("nan" in line.lower() for line in lines)
    assert line_of(lines, "KID").split()[-5] == "-"  # no train pictures, no ceiling


def test_the_differences_say_who_and_by_how_much_and_whether_that_exceeds_the_noise() -> None:
    sat = evaluation(1.0, 0.5)
    told = list(table(sat))[-len(sat.differences) :]
    assert sat.differences
    for line, difference in zip(told, sat.differences, strict=True):
        verdict = "exceeds the noise" if difference.exceeds_noise else "within the noise"
        assert line == (
            f"{difference.score}: painter-0.5 - painter-1 = {difference.value:+.4f} "
            f"({difference.low:+.4f} to {difference.high:+.4f}), {verdict}"
        )
    assert any("kid" in line and "exceeds" in line for line in told)
    assert any("within" in line for line in told)


def test_columns_stand_below_each_other() -> None:
    _, head, *lines = table(evaluation())
    for column in ("value", "ceiling", "floor"):
        end = head.index(column) + len(column)
        assert all(line[end - 1].isdigit() and not line[end].isdigit() for line in lines)


def test_one_candidate_alone_is_told_without_differences() -> None:
    assert len(list(table(evaluation()))) == 2 + len(SCORES)


def test_several_sides_have_a_line_each_score_that_differs_by_them() -> None:
    models = tiny_model("first"), tiny_model("second", 0.5)
    sat = tiny_evaluation(*models, sides=(8, 16))
    lines = list(table(sat))
    place = 2 + len(SCORES)
    assert lines[place].split() == ["by", "side", "8", "px", "16", "px"]
    by_side = lines[place + 1 : place + len(SCORES)]
    assert [line.strip().split("  ")[0] for line in by_side] == [
        score.title for score in SCORES if score.name != "colours"
    ]
    kid = sat.results[0].scores[0].by_side
    values = [f"{each.measured.value:.4f}" for each in kid.values() if each.measured]
    assert by_side[0].split() == ["KID", *values]
    assert any(line.endswith("exceeds the noise; worse at 8, 16 px") for line in lines)


def test_a_value_without_an_error_stands_alone() -> None:
    sat = evaluation()
    plain: list[ScoreResult] = [
        replace(result, measured=replace(result.measured, parts=None, value=np.pi))
        for result in sat.results[0].scores
        if result.measured is not None
    ]
    lines = list(table(replace(sat, results=[replace(sat.results[0], scores=plain)])))[2:]
    assert all("3.1416 " in line and "+-" not in line for line in lines)
