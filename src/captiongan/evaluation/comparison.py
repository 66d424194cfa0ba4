"""Which differences between candidates exceed the noise: a paired bootstrap over the benchmark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from captiongan.evaluation.distances import Floats
from captiongan.evaluation.score_type import Best
from captiongan.evaluation.scorer import ScoreResult

RESAMPLES = 2000
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Difference:
    """By how much the second of two candidates is above the first in a score.

    `low` and `high` are the ends of the 95 % interval. If the score is a mean over sides,
    `by_side` has the difference at each of them, else it is empty.
    """

    score: str
    first: int
    second: int
    value: float
    low: float
    high: float
    by_side: Mapping[int, "Difference"] = field(default_factory=dict)

    @property
    def exceeds_noise(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    @property
    def sides_disagree(self) -> bool:
        """Whether one of mean and sides is above the noise, and another below."""
        found = (self, *self.by_side.values())
        return any(each.low > 0 for each in found) and any(each.high < 0 for each in found)

    def change(self, best: Best) -> str:
        """Say what the second candidate is: better, worse, higher, lower, or within noise.

        `best` are the good values of the score. No candidate is better if it is worse at a side:
        then the sides disagree.
        """
        if self.sides_disagree:
            return "sides disagree"
        if not self.exceeds_noise:
            return "within noise"
        higher = self.low > 0
        if best == "one":
            return "higher" if higher else "lower"
        return "better" if higher == (best == "high") else "worse"

    def by_side_in_words(self, best: Best) -> str:
        """Say which sides agree, such as "better at 96, 128 px, within noise at 160 px"."""
        sides: dict[str, list[str]] = {}
        for side, difference in self.by_side.items():
            sides.setdefault(difference.change(best), []).append(str(side))
        return ", ".join(f"{change} at {', '.join(at)} px" for change, at in sides.items())


def differences(scores: Sequence[Sequence[ScoreResult]], seed: int = 0) -> list[Difference]:
    """Compare each pair of candidates in each score that is a mean over the examples.

    Examples of the benchmark are drawn with replacement (Efron 1979), the same ones for both
    candidates and at all sides, so what is hard about an example is hard for both and cancels.
    Scores without parts (FID) are not compared.
    """
    pairs = [
        _difference(first, second, seed)
        for results in zip(*scores, strict=True)
        for first, second in combinations(enumerate(results), 2)
    ]
    return [each for each in pairs if each is not None]


def _difference(
    first: tuple[int, ScoreResult], second: tuple[int, ScoreResult], seed: int
) -> Difference | None:
    (place, one), (other_place, other) = first, second
    if one.measured is None or other.measured is None:
        return None
    if one.measured.parts is None or other.measured.parts is None:
        return None
    between = other.measured.parts - one.measured.parts
    if np.isnan(between).all():
        return None
    low, high = _interval(between[~np.isnan(between)], seed)
    sides = {
        side: _difference((place, each), (other_place, other.by_side[side]), seed)
        for side, each in one.by_side.items()
    }
    return Difference(
        one.score.name,
        place,
        other_place,
        other.measured.value - one.measured.value,
        low,
        high,
        {side: each for side, each in sides.items() if each is not None},
    )


def _interval(parts: Floats, seed: int) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    means = [parts[random.integers(len(parts), size=len(parts))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, INTERVAL)
    return float(low), float(high)
