"""All scores of a candidate, with ceilings and floors, at every side of the extractor.

Ceiling and floor are the same function of stand-ins: real pictures in the place of drawn ones, and
samples that know nothing. A score is measured at each side; its headline is the mean over them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from captiongan.evaluation.benchmark import Benchmark, Samples
from captiongan.evaluation.score_type import Measured, NotMeaningfulError, Score, StandIn
from captiongan.evaluation.scores import SCORES


@dataclass(frozen=True)
class ScoreResult:
    """A score of one candidate; without `measured` it was left out, for the reason `omitted`.

    If it was measured at several sides, its values are means over `by_side`, else that is empty.
    """

    score: Score
    measured: Measured | None
    ceiling: Measured | None = None
    floor: Measured | None = None
    omitted: str = ""
    by_side: Mapping[int, "ScoreResult"] = field(default_factory=dict)

    @classmethod
    def over_sides(cls, by_side: Mapping[int, "ScoreResult"]) -> "ScoreResult":
        """Return the mean over the sides; what is left out at one side is left out altogether."""
        results = list(by_side.values())
        if len(results) == 1:
            return results[0]
        for result in results:
            if result.measured is None:
                return result
        return cls(
            results[0].score,
            _mean(result.measured for result in results),
            _mean(result.ceiling for result in results),
            _mean(result.floor for result in results),
            by_side=by_side,
        )


def _mean(sides: Iterable[Measured | None]) -> Measured | None:
    known = list(sides)
    measured = [each for each in known if each is not None]
    return Measured.over_sides(measured) if len(measured) == len(known) else None


class Scorer:
    """Scores the samples of one benchmark; what does not depend on them is measured once.

    `benchmarks` are that benchmark at each side of the extractor.
    """

    def __init__(self, *benchmarks: Benchmark, scores: Sequence[Score] = SCORES) -> None:
        self._benchmarks = benchmarks
        self._scores = scores
        self._bounds: dict[tuple[str, StandIn, int], Measured | None] = {}

    def score(self, *samples: Samples) -> list[ScoreResult]:
        """Measure all scores, with ceilings and floors; leave out what would not mean anything.

        `samples` are those of one candidate, as each benchmark describes them.
        """
        sides = list(zip(self._benchmarks, samples, strict=True))
        return [
            ScoreResult.over_sides(
                {
                    benchmark.side: self._result(score, benchmark, described)
                    for benchmark, described in (sides if score.of_features else sides[:1])
                }
            )
            for score in self._scores
        ]

    def _result(self, score: Score, benchmark: Benchmark, samples: Samples) -> ScoreResult:
        try:
            measured = score.measure(benchmark, samples)
        except NotMeaningfulError as error:
            return ScoreResult(score, None, omitted=str(error))
        return ScoreResult(
            score,
            measured,
            self._bound(score, score.ceiling, benchmark, samples),
            self._bound(score, score.floor, benchmark, samples),
        )

    def _bound(
        self, score: Score, bound: StandIn | float, benchmark: Benchmark, samples: Samples
    ) -> Measured | None:
        if isinstance(bound, float):
            return Measured(bound, None, 0, "by definition")
        key = (score.name, bound, benchmark.side)
        if bound.of_candidate or key not in self._bounds:
            others = bound.samples(benchmark, samples)
            self._bounds[key] = None if others is None else score.measure(benchmark, others)
        return self._bounds[key]
