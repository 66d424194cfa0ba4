"""The report of an evaluation: `report.json` for programs and quotes, `report.html` for readers.

`report.json` holds no captions, no pictures and no paths. Each score in it stands alone: it repeats
on what and with what it was measured.
"""

import json
import math
import os
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from captiongan.base.files import os_errors_as, replace_file
from captiongan.errors import OutputError
from captiongan.evaluation.benchmark import Benchmark
from captiongan.evaluation.comparison import Difference
from captiongan.evaluation.evaluate import Evaluation, ModelResult
from captiongan.evaluation.page import PublicPrompts, draw_public, page, quote
from captiongan.evaluation.score_type import Best, Measured
from captiongan.evaluation.scorer import ScoreResult
from captiongan.version import __version__

__all__ = ["PublicPrompts", "check_folder", "draw_public", "report_facts", "write_report"]

FACTS = "report.json"
PAGE = "report.html"
DIGITS = 6
"""Significant digits of the numbers in `report.json`."""


def check_folder(out: Path) -> None:
    """Make the folder of a report if need be; raises OutputError unless it can be written to."""
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK | os.X_OK):
            raise OutputError(f"--out '{out}': permission denied; choose another folder")


def write_report(out: Path, evaluation: Evaluation, public: PublicPrompts | None) -> None:
    """Write `report.html`, then `report.json`, into a folder; earlier ones are replaced.

    With `public`, the page shows those prompts in the place of captions and real pictures.

    Raises:
        OutputError: the folder cannot be made, or written to.
    """
    facts = report_facts(evaluation)
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    contents = {PAGE: page(facts, evaluation, public), FACTS: text}
    check_folder(out)
    with _writing(out):
        for name, content in contents.items():
            # The name of a folder may hold what UTF-8 cannot.
            replace_file(out / name, content.encode(errors="replace"))


def report_facts(evaluation: Evaluation) -> dict[str, Any]:
    """Return what `report.json` holds: finite numbers, texts, lists and objects of them.

    A score that was left out is `{"omitted": reason}`, and so are probes where there are none.
    """
    benchmark = evaluation.benchmark
    facts = {
        "captiongan": __version__,
        "data": {
            "name": evaluation.data,
            "split": evaluation.split,
            "pictures": len(benchmark.real),
            "captions": len(benchmark.real.captions),
            "rejects": evaluation.rejects,
            "also_in_train": evaluation.also_in_train,
            "digest": benchmark.real.digest,
            "resize": _resize(benchmark),
        },
        "seed": benchmark.seed,
        "per_picture": benchmark.rounds,
        "extractor": _extractor(evaluation),
        "sentences": asdict(evaluation.sentences),
        "judges": _probes(evaluation),
        "models": [_model(evaluation, result) for result in evaluation.results],
        "differences": [
            _difference(each, evaluation)
            for each in evaluation.differences
            if math.isfinite(each.value)
        ],
    }
    rounded: dict[str, Any] = _rounded(facts)
    return rounded


def _resize(benchmark: Benchmark) -> str:
    return f"middle square, Lanczos to {benchmark.real.pictures.shape[1]} px"


def _extractor(evaluation: Evaluation) -> dict[str, Any]:
    """Identify the extractor with all its sides: scores at other sides do not compare.

    Reports of one side alone, before there were several, have `input_side` in its place.
    """
    facts = asdict(evaluation.benchmark.extractor.identity)
    del facts["input_side"]
    return facts | {"input_sides": [benchmark.side for benchmark in evaluation.benchmarks]}


def _probes(evaluation: Evaluation) -> dict[str, Any]:
    """Tell of the probes at each side."""
    if evaluation.benchmark.probes is None:
        return {"omitted": evaluation.benchmark.no_probes}
    return {
        str(benchmark.side): asdict(benchmark.probes.report) | {"sha256": benchmark.probes.sha256}
        for benchmark in evaluation.benchmarks
        if benchmark.probes
    }


def _model(evaluation: Evaluation, result: ModelResult) -> dict[str, Any]:
    benchmark, label = evaluation.benchmark, result.candidate.name
    facts: dict[str, Any] = {"label": label, "kind": "model", "sha256": None, "kimg": None}
    facts |= result.candidate.facts
    facts |= {"truncation": result.candidate.truncation, "best_of": result.candidate.best_of}
    measured_on_and_with = {
        "model": label,
        "model_kind": facts["kind"],
        "model_sha256": facts["sha256"],
        "data": evaluation.data,
        "split": evaluation.split,
        "real_pictures": len(benchmark.real),
        "resize": _resize(benchmark),
        "extractor": _extractor(evaluation),
        "judges_sha256": {
            str(each.side): each.probes.sha256 for each in evaluation.benchmarks if each.probes
        },
        "seed": benchmark.seed,
        "truncation": facts["truncation"],
        "best_of": facts["best_of"],
        "captiongan": __version__,
    }
    scores = {each.score.name: _score(each, measured_on_and_with) for each in result.scores}
    return facts | {"scores": scores}


def _score(result: ScoreResult, measured_on_and_with: dict[str, Any]) -> dict[str, Any]:
    measured = _measured(result.measured)
    title = {"title": result.score.title}
    if measured is None:
        return title | {"omitted": result.omitted or "it came out as no finite number"}
    score = title | measured | {"best": result.score.best} | _bounds(result) | measured_on_and_with
    by_side = {
        str(side): (_measured(each.measured) or {}) | _bounds(each)
        for side, each in result.by_side.items()
    }
    return score | {"quote": quote(score), "by_side": by_side}


def _bounds(result: ScoreResult) -> dict[str, Any]:
    return {"ceiling": _measured(result.ceiling), "floor": _measured(result.floor)}


def _measured(measured: Measured | None) -> dict[str, Any] | None:
    """Return value, noise and number of drawn pictures; None where there is no finite value."""
    if measured is None or not math.isfinite(measured.value):
        return None
    return {
        "value": measured.value,
        "standard_error": measured.standard_error,
        "n": measured.pictures,
        "note": measured.note,
    }


def _difference(difference: Difference, evaluation: Evaluation) -> dict[str, Any]:
    labels = [result.candidate.name for result in evaluation.results]
    scores = {result.score.name: result.score for result in evaluation.results[0].scores}
    best, second = scores[difference.score].best, labels[difference.second]
    return {
        "score": difference.score,
        "first": labels[difference.first],
        "second": second,
        **_compared(difference, best, second),
        "sides": difference.by_side_in_words(best),
        "by_side": {
            str(side): _compared(each, best, second) for side, each in difference.by_side.items()
        },
    }


def _compared(difference: Difference, best: Best, second: str) -> dict[str, Any]:
    change = difference.change(best)
    names_one = difference.exceeds_noise and not difference.sides_disagree
    return {
        "value": difference.value,
        "low": difference.low,
        "high": difference.high,
        "verdict": f"{second} {change}" if names_one else change,
    }


def _rounded(value: Any) -> Any:
    """Round all floats in nested facts; what is not finite becomes None."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def _writing(out: Path) -> AbstractContextManager[None]:
    what = f"--out '{out}' cannot be written to"
    return os_errors_as(OutputError, what, "make room, or choose another folder")
