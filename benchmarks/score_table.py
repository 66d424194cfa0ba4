"""Scores as cells of a Markdown table: of a model, of the ceilings, of the floors."""

from collections.abc import Mapping, Sequence

from captiongan.evaluation.score_type import Measured
from captiongan.evaluation.scorer import ScoreResult

Shown = Mapping[str, int]
"""The scores in the table, with their decimals."""

OWN_FLOOR = {"r_at_1", "top_1", "top_5", "colours"}
"""Whose floor is that of the drawn pictures themselves, with captions dealt out anew."""


def titles(scores: Sequence[ScoreResult], shown: Shown) -> list[str]:
    """Return the head of each column."""
    return [result.score.title for result, _ in _columns(scores, shown)]


def values(scores: Sequence[ScoreResult], shown: Shown) -> list[str]:
    """Return each score with its noise, and in brackets a floor of its own."""
    return [_value(result, digits) for result, digits in _columns(scores, shown)]


def ceilings(scores: Sequence[ScoreResult], shown: Shown) -> list[str]:
    """Return the ceiling of each score."""
    return [_plain(result.ceiling, digits) for result, digits in _columns(scores, shown)]


def floors(scores: Sequence[ScoreResult], shown: Shown) -> list[str]:
    """Return the floor of each score, where it is the same for all models."""
    return [
        "in brackets" if result.score.name in OWN_FLOOR else _plain(result.floor, digits)
        for result, digits in _columns(scores, shown)
    ]


def _columns(scores: Sequence[ScoreResult], shown: Shown) -> list[tuple[ScoreResult, int]]:
    found = {result.score.name: result for result in scores}
    return [(found[name], digits) for name, digits in shown.items()]


def _value(result: ScoreResult, digits: int) -> str:
    if result.measured is None:
        return "-"
    error = result.measured.standard_error
    noise = "" if error is None else f" ± {error:.{digits}f}"
    floor = f" ({_plain(result.floor, digits)})" if result.score.name in OWN_FLOOR else ""
    return f"{result.measured.value:.{digits}f}{noise}{floor}"


def _plain(measured: Measured | None, digits: int) -> str:
    return "-" if measured is None else f"{measured.value:.{digits}f}"
