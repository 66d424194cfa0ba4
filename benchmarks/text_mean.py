"""A mean with its noise."""

from dataclasses import dataclass

import numpy as np

from captiongan.evaluation.distances import Floats


@dataclass(frozen=True)
class Mean:
    """The mean of `count` independent parts; `standard_error` is that of the mean."""

    value: float
    standard_error: float
    count: int

    @classmethod
    def of(cls, parts: Floats) -> "Mean":
        """Take the mean of two parts or more, (N,)."""
        error = float(parts.std(ddof=1) / np.sqrt(len(parts)))
        return cls(float(parts.mean()), error, len(parts))
