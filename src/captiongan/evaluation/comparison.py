"""Which differences between candidates exceed the noise: a paired bootstrap over the exam."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from captiongan.evaluation.distances import Floats
from captiongan.evaluation.scores import Result

RESAMPLES = 2000
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Difference:
    """By how much the second of two candidates is above the first in a score.

    `low` and `high` are the ends of the 95 % interval.
    """

    score: str
    first: int
    second: int
    value: float
    low: float
    high: float

    @property
    def exceeds_noise(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def differences(marks: Sequence[Sequence[Result]], seed: int = 0) -> list[Difference]:
    """Compare each two candidates in each score that is a mean over the examples of the exam.

    Examples are drawn with replacement (Efron 1979), the same ones for both candidates, so what is
    hard about an example is hard for both and cancels. Scores without parts (FID) are not compared.
    """
    found = []
    for results in zip(*marks, strict=True):
        for (first, one), (second, other) in combinations(enumerate(results), 2):
            if one.measured is None or other.measured is None:
                continue
            if one.measured.parts is None or other.measured.parts is None:
                continue
            between = other.measured.parts - one.measured.parts
            if np.isnan(between).all():
                continue
            low, high = _interval(between[~np.isnan(between)], seed)
            value = other.measured.value - one.measured.value
            found.append(Difference(one.score.name, first, second, value, low, high))
    return found


def _interval(parts: Floats, seed: int) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    means = [parts[random.integers(len(parts), size=len(parts))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, INTERVAL)
    return float(low), float(high)
