"""The results of an evaluation in lines of text, for a terminal."""

from collections.abc import Iterator, Sequence

from captiongan.evaluation.comparison import Difference
from captiongan.evaluation.evaluate import Evaluation
from captiongan.evaluation.score_type import Measured
from captiongan.evaluation.scorer import ScoreResult

BEST = {"low": "lower is better", "high": "higher is better", "one": "best near 1"}


def table(evaluation: Evaluation) -> Iterator[str]:
    """Yield one line per score for each candidate, with ceiling and floor, then the differences."""
    for result in evaluation.results:
        yield f"{result.candidate.name}: {evaluation.data}/{evaluation.split}"
        yield f"  {'score':14}{'value':>20}{'ceiling':>10}{'floor':>10}"
        for each in result.scores:
            yield f"  {each.score.title:14}{_row(each)}"
        yield from _by_side(result.scores)
    for difference in evaluation.differences:
        yield _difference(difference, evaluation)


def _by_side(scores: Sequence[ScoreResult]) -> Iterator[str]:
    """Yield the values at each side, if there are several, of the scores that differ by it."""
    several = [result for result in scores if result.by_side]
    if several:
        heads = "".join(f"{f'{side} px':>10}" for side in several[0].by_side)
        yield f"  {'by side':14}{heads}"
    for result in several:
        values = "".join(f"{_value(each.measured):>10}" for each in result.by_side.values())
        yield f"  {result.score.title:14}{values}"


def _row(result: ScoreResult) -> str:
    if result.measured is None:
        return f"left out: {result.omitted}"
    error = result.measured.standard_error
    value = f"{result.measured.value:.4f}" + ("" if error is None else f" +- {error:.4f}")
    bounds = f"{_value(result.ceiling):>10}{_value(result.floor):>10}"
    return f"{value:>20}{bounds}  {BEST[result.score.best]}"


def _value(measured: Measured | None) -> str:
    return "-" if measured is None else f"{measured.value:.4f}"


def _difference(difference: Difference, evaluation: Evaluation) -> str:
    names = [result.candidate.name for result in evaluation.results]
    best = {each.score.name: each.score.best for each in evaluation.results[0].scores}
    verdict = "exceeds the noise" if difference.exceeds_noise else "within the noise"
    if difference.sides_disagree:
        verdict += ", but the sides disagree"
    sides = difference.by_side_in_words(best[difference.score])
    return (
        f"{difference.score}: {names[difference.second]} - {names[difference.first]} = "
        f"{difference.value:+.4f} ({difference.low:+.4f} to {difference.high:+.4f}), {verdict}"
        f"{f'; {sides}' if sides else ''}"
    )
