"""From a seed to the noise of its picture, and to the bit that may mirror it."""

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Noise = npt.NDArray[np.float32]


def noise_of(seed: int, dim: int) -> Noise:
    """Return the noise of one picture: (dim,) float32, standard normal, `seed` 0 to 2**32 - 1.

    NumPy guarantees the stream of `numpy.random.RandomState`, so a seed gives the same noise with
    every version of NumPy.
    """
    stream = _STREAMS.one
    stream.seed(seed)
    return stream.standard_normal(dim).astype(np.float32)


def noise_rows(seeds: Sequence[int], dim: int, truncation: float = 1.0) -> Noise:
    """Return the noise of each seed times `truncation`: (N, dim) float32, at least one seed."""
    return truncation * np.stack([noise_of(seed, dim) for seed in seeds])


def mirror_of(seed: int, dim: int) -> bool:
    """Return whether a bundle with `mirror_by_seed` mirrors the picture of a seed.

    The bit comes after the noise of `dim` numbers: it says whether the stream's next number in
    [0, 1) is below 0.5.
    """
    stream = _STREAMS.one
    stream.seed(seed)
    stream.standard_normal(dim)
    return stream.random_sample() < 0.5


class _Streams(threading.local):
    """A stream of noise for each thread; making a new one takes 30 times as long as seeding it."""

    def __init__(self) -> None:
        self.one = np.random.RandomState()


_STREAMS = _Streams()
