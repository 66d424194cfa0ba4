"""What a score is: a function of a benchmark and samples of it, with a ceiling and a floor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from captiongan.evaluation.benchmark import Benchmark, Samples
from captiongan.evaluation.distances import Floats


class NotMeaningfulError(Exception):
    """A score that would not mean anything here; the message says why."""


@dataclass(frozen=True)
class Measured:
    """The value of a score, and over how many drawn pictures.

    `parts` (N,) are what each example of the benchmark adds: their mean is the value, their spread
    its noise. NaN stands for an example that does not count. None where a score is not such a mean.
    """

    value: float
    parts: Floats | None
    pictures: int
    note: str = ""

    @classmethod
    def mean_of(cls, parts: Floats, pictures: int) -> "Measured":
        """Measure a score that is the mean of what each example adds.

        Raises:
            NotMeaningfulError: no example counts.
        """
        if np.isnan(parts).all():
            raise NotMeaningfulError("no example of this split counts in it")
        return cls(float(np.nanmean(parts)), parts, pictures)

    @classmethod
    def over_sides(cls, sides: Sequence["Measured"]) -> "Measured":
        """Return the mean of one score over the sides at which it was measured.

        The parts are means, too: an example adds the mean of what it adds at each side.
        """
        parts = [each.parts for each in sides if each.parts is not None]
        return cls(
            float(np.mean([each.value for each in sides])),
            np.mean(parts, axis=0) if len(parts) == len(sides) else None,
            sides[0].pictures,
            sides[0].note,
        )

    @property
    def standard_error(self) -> float | None:
        """Of the value, over the examples of the benchmark; None where it is unknown."""
        if self.parts is None:
            return None
        parts = self.parts[~np.isnan(self.parts)]
        return float(parts.std(ddof=1) / np.sqrt(len(parts))) if len(parts) > 1 else None


Best = Literal["low", "high", "one"]
"""Which values of a score are good."""

Measure = Callable[[Benchmark, Samples], Measured]


@dataclass(frozen=True)
class StandIn:
    """Other samples in the place of a candidate's: what is perfect, or what knows nothing.

    `samples` returns them, or None where there are none. `of_candidate` says that they are made of
    the candidate's own samples, so that they differ from candidate to candidate.
    """

    samples: Callable[[Benchmark, Samples], Samples | None]
    of_candidate: bool = False


REAL_PICTURES = StandIn(lambda benchmark, _: benchmark.of_real)
TRAIN_PICTURES = StandIn(lambda benchmark, _: benchmark.of_train)
FLAT_SHEETS = StandIn(lambda benchmark, _: benchmark.of_flat)
SHUFFLED = StandIn(lambda benchmark, own: own.shuffled(benchmark.seed), of_candidate=True)


@dataclass(frozen=True)
class Score:
    """One kind of score.

    Args:
        name: its key in `report.json`.
        title: its name for readers.
        meaning: what it says, in a clause for the page of a report.
        best: which values are good.
        measure: measures it on samples of a benchmark; raises NotMeaningfulError where that would
            not mean anything.
        ceiling: what is perfect: samples to measure in the place of drawn ones, or a number.
        floor: what knows nothing, likewise.
        of_features: whether it depends on the extractor, and so on its side.
    """

    name: str
    title: str
    meaning: str
    best: Best
    measure: Measure
    ceiling: StandIn | float
    floor: StandIn | float
    of_features: bool = True
