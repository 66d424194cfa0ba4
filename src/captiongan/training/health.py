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
    """Raises the alarms of a run, from the step where it starts or resumes.

    Args:
        data: the training data; the variety of its pictures is the reference.
        captions: the captions of the sample grid, one per row.
        step: steps taken so far.
        say: called with each line for the console.
    """

    def __init__(self, data: TrainingData, captions: Sequence[str], step: int, say: Say) -> None:
        count = len(data.store.examples)
        rows = np.linspace(0, count - 1, min(count, REAL_PICTURES)).astype(int)
        self._real = max(spread(data.centre(rows.tolist()), axis=0), 1.0)
        self._distinct = _distinct_rows(captions) if data.config.has_text else []
        self._alarms = Alarms(step, say)

    def check_grid(self, step: int, pictures: Pictures) -> dict[str, float]:
        """Measure the variety of a sample grid, and raise an alarm if it is low.

        Args:
            step: steps taken so far.
            pictures: (captions, noises, H, W, 3) in 0..255, the same noise in each column.

        Returns:
            The metrics `health_noise_spread` and, with several captions, `health_text_spread`.
        """
        metrics = {"health_noise_spread": spread(pictures, axis=1) / self._real}
        if len(self._distinct) > 1:
            text_spread = spread(pictures[self._distinct], axis=0)
            metrics["health_text_spread"] = text_spread / self._real
        self._alarms.check_grid(step, metrics)
        return metrics

    def check_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Do what `Alarms.check_metrics` does."""
        self._alarms.check_metrics(step, metrics)

    def check_scores(self, step: int, metrics: dict[str, float]) -> None:
        """Do what `Alarms.check_scores` does."""
        self._alarms.check_scores(step, metrics)


def spread(pictures: Pictures, axis: int) -> float:
    """Return the root mean square difference of the pixels of two pictures along an axis.

    Args:
        pictures: (..., H, W, 3) in 0..255, H and W multiples of 16; they are averaged to 16 x 16.
        axis: along which pictures are compared, two or more.

    Returns:
        A number in 0..255.
    """
    *many, height, width, _ = pictures.shape
    blocks = pictures.reshape(*many, SIDE, height // SIDE, SIDE, width // SIDE, 3)
    coarse = blocks.mean(axis=(-4, -2))
    return math.sqrt(2 * coarse.var(axis=axis, ddof=1).mean())


def _distinct_rows(captions: Sequence[str]) -> list[int]:
    """Return the rows whose caption stands in no earlier row."""
    return [row for row, caption in enumerate(captions) if caption not in captions[:row]]
