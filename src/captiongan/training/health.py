"""The variety of a run's sample grids, over captions and over noises, for the alarms."""

import math
from collections.abc import Sequence

import numpy as np

from captiongan.data.store import Pictures
from captiongan.runs.alarms import Alarms, Say
from captiongan.training.batches import TrainingData

SIDE = 16
"""Pictures are averaged to this side, so that grain does not count as variety."""

REAL_PICTURES = 256


class Health:
    """Watches over a run from the step where it starts or resumes.

    Args:
        data: what the run is trained on; the variety of its pictures is the reference.
        captions: of the rows of the sample grid.
        step: steps taken so far.
        say: called with each line for the console.
    """

    def __init__(self, data: TrainingData, captions: Sequence[str], step: int, say: Say) -> None:
        count = len(data.store.examples)
        rows = np.linspace(0, count - 1, min(count, REAL_PICTURES)).astype(int)
        self._real = max(spread(data.centre(rows.tolist()), axis=0), 1.0)
        self._distinct = _firsts(captions) if data.config.has_text else []
        self._alarms = Alarms(step, say)

    def see_grid(self, step: int, pictures: Pictures) -> dict[str, float]:
        """Raise an alarm if a sample grid calls for it; return the metrics that it is checked by.

        Args:
            step: steps taken so far.
            pictures: (captions, noises, H, W, 3) in 0..255, the same noise in each column.
        """
        metrics = {"health_noise_spread": spread(pictures, axis=1) / self._real}
        if len(self._distinct) > 1:
            text_spread = spread(pictures[self._distinct], axis=0)
            metrics["health_text_spread"] = text_spread / self._real
        self._alarms.hear_grid(step, metrics)
        return metrics

    def hear_reading(self, step: int, metrics: dict[str, float]) -> None:
        """See `Alarms.hear_reading`."""
        self._alarms.hear_reading(step, metrics)

    def hear_scores(self, step: int, metrics: dict[str, float]) -> None:
        """See `Alarms.hear_scores`."""
        self._alarms.hear_scores(step, metrics)


def spread(pictures: Pictures, axis: int) -> float:
    """Return the root mean square distance of two pictures along an axis, all else held.

    Args:
        pictures: (..., H, W, 3) in 0..255, H and W multiples of 16; they are averaged to 16 x 16.
        axis: of the pictures that are compared, two or more.

    Returns:
        A number in 0..255: the distance of two pictures is that of their pixels, root mean square.
    """
    *many, height, width, _ = pictures.shape
    blocks = pictures.reshape(*many, SIDE, height // SIDE, SIDE, width // SIDE, 3)
    coarse = blocks.mean(axis=(-4, -2))
    return math.sqrt(2 * coarse.var(axis=axis, ddof=1).mean())


def _firsts(captions: Sequence[str]) -> list[int]:
    """Return the numbers of the captions that equal no earlier one."""
    return [row for row, caption in enumerate(captions) if caption not in captions[:row]]
