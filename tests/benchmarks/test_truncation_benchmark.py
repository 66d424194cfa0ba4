"""The benchmark of truncation: one set of captions for all, and what its page tells."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import truncation, truncation_page
from benchmarks.marked_page import BEGIN, END, marks, write_measured
from benchmarks.truncation_page import SHOWN, ScoresAt, curves, measured_on, table, write_page
from captiongan.data.toy import write_toy_folder
from captiongan.errors import OutputError, PromptError
from captiongan.evaluation import evaluate, extractors, probe_training
from captiongan.evaluation.benchmark import Benchmark
from captiongan.evaluation.candidate import open_candidate
from captiongan.evaluation.scorer import Scorer, ScoreResult
from support.tiny_bundle import write_tiny_bundle
from support.tiny_evaluation import tiny_evaluation, tiny_model
from support.tiny_exam import WordEncoder, blocks


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set with both splits; networks are stood in for by small ones."""
    for split, size, seed in (("train", 110, 0), ("test", 100, 1)):
        write_toy_folder(tmp_path / "toys" / split, size, 16, seed)
    monkeypatch.setattr(evaluate, "MiniLM", WordEncoder)
    monkeypatch.setattr(probe_training, "STEPS", 20)
    monkeypatch.setattr(extractors, "EXTRACTORS", {"lite1": blocks("lite1")})
    return tmp_path / "toys"


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(write_tiny_bundle(tmp_path / "tiny").folder)


def page_with_marks(docs: Path, *parts: str) -> Path:
    docs.mkdir()
    page = docs / truncation_page.PAGE
    page.write_text("".join(map(part_of, parts)))
    return page


def part_of(name: str) -> str:
    begin, end = marks(name)
    return f"Of {name}:\n\n{begin}\n{end}\n\n"


def of_painter() -> ScoresAt:
    """Return the scores of a painter at three truncations."""
    evaluation = tiny_evaluation(tiny_model("painter"))
    candidate, scorer = evaluation.results[0].candidate, Scorer(evaluation.benchmark)
    return {
        each: scorer.score(evaluation.benchmark.samples_of(replace(candidate, truncation=each)))
        for each in (1.0, 0.7, 0.4)
    }


def named(results: Sequence[ScoreResult], name: str) -> ScoreResult:
    return next(result for result in results if result.score.name == name)


def test_the_command_writes_the_part_of_its_bundle_and_leaves_the_others(
    data: Path, bundle: str, tmp_path: Path
) -> None:
    page = page_with_marks(tmp_path / "docs", "other", "tiny")
    for _ in range(2):
        truncation.main(bundle, data, truncation=[1.0, 0.5], docs=tmp_path / "docs")
        other, _, mine = page.read_text().partition("Of tiny:")
        assert other == part_of("other")
        assert mine.count("| truncation |") == mine.count("| 0.5 |") == 1
        assert mine.count("(images/truncation/tiny.svg)") == 1
    assert "<svg" in (tmp_path / "docs" / "images" / "truncation" / "tiny.svg").read_text()


def test_all_truncations_run_one_benchmark_and_are_scored_as_by_evaluate(
    data: Path, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Benchmark] = []
    open_benchmark = evaluate._open_benchmark

    def noting(*arguments: object) -> Benchmark:
        opened.append(open_benchmark(*arguments))  # type: ignore[arg-type]
        return opened[-1]

    monkeypatch.setattr(evaluate, "_open_benchmark", noting)
    evaluation, marked = truncation.measure(bundle, data, "test", "lite1", [0.9, 0.5], 10)
    assert opened == [replace(evaluation.benchmarks[0], scale=1.0)]
    assert list(marked) == [0.9, 0.5]
    for each, results in marked.items():
        alone = evaluate.evaluate(
            [bundle], data, "test", "lite1", 10, 0, "best", print, truncation=each
        )
        assert repr(results) == repr(alone.results[0].scores)


def test_the_table_has_a_line_for_each_truncation_then_ceiling_and_floor() -> None:
    found = of_painter()
    header, _, *lines, ceiling, floor = table(found).splitlines()
    assert header == "| truncation | KID | Coverage | Diversity | R@1 of 100 | Colours |"
    assert [line.split(" | ")[0] for line in lines] == ["| 1", "| 0.7", "| 0.4"]
    for line, results in zip(lines, found.values(), strict=True):
        for name, digits in SHOWN.items():
            measured = named(results, name).measured
            assert measured
            assert f"{measured.value:.{digits}f} ± {measured.standard_error:.{digits}f}" in line
    kid, r_at_1 = (named(found[0.4], name) for name in ("kid", "r_at_1"))
    assert kid.ceiling and kid.floor and r_at_1.floor
    assert ceiling.startswith(f"| *ceiling* | {kid.ceiling.value:.4f} | ")
    assert floor.startswith(f"| *floor* | {kid.floor.value:.4f} | ")
    assert f"({r_at_1.floor.value:.3f})" in lines[-1]
    assert len({line.count("|") for line in table(found).splitlines()}) == 1


def test_diversity_falls_with_truncation() -> None:
    found = [named(results, "diversity").measured for results in of_painter().values()]
    values = [measured.value for measured in found if measured]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)


def test_the_curves_pass_through_all_that_was_measured() -> None:
    found = of_painter()
    without = [replace(each, measured=None) for each in found[1.0]]
    for axes, name in zip(curves(found).axes, SHOWN, strict=True):
        drawn = np.asarray(axes.lines[0].get_xydata())
        expected = {each: named(results, name).measured for each, results in found.items()}
        assert [x for x, _ in drawn] == [0.4, 0.7, 1.0]
        for x, y in drawn:
            measured = expected[float(x)]
            assert measured and y == measured.value
    assert not any(axes.lines for axes in curves({1.0: without}).axes)
    assert table({1.0: without}).splitlines()[2] == "| 1 | - | - | - | - | - |"


def test_the_page_says_what_was_measured_on_what_and_the_same_drawing_is_the_same_file(
    tmp_path: Path,
) -> None:
    evaluation, found = tiny_evaluation(tiny_model("painter")), of_painter()
    said = measured_on(evaluation)
    assert "`painter` (bundle 1a2b3c4d)" in said
    assert "480 pictures of the captions of garden/test" in said
    assert "its 120 by blocks at 8 px; seed 0" in said
    page = page_with_marks(tmp_path / "docs", "painter")
    drawings = []
    for _ in range(2):
        write_page(tmp_path / "docs", evaluation, found)
        drawings.append((tmp_path / "docs/images/truncation/painter.svg").read_bytes())
    assert said in page.read_text()
    assert drawings[0] == drawings[1]


def test_a_page_without_a_part_for_the_bundle_is_noticed_before_anything_is_scored(
    bundle: str, tmp_path: Path
) -> None:
    page_with_marks(tmp_path / "docs", "other")
    with pytest.raises(OutputError, match="must have the lines <!-- measured tiny: begin -->"):
        truncation.main(bundle, tmp_path / "no data", docs=tmp_path / "docs")


def test_a_truncation_that_is_none_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"truncation 0 is not a number above 0"):
        truncation.main("nowhere", tmp_path / "no data", truncation=[1.0, 0])


def test_the_page_has_a_part_for_each_shipped_bundle() -> None:
    for name in ("flowers", "birds"):
        assert open_candidate(name).name == name
        truncation_page.check_page(truncation.ROOT / "docs", name)


def test_a_page_of_one_part_needs_no_name(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    write_measured(page, "measured")
    assert page.read_text() == f"{BEGIN}\n\nmeasured\n{END}\n"
