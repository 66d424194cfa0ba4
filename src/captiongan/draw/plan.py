"""A drawing request, validated and encoded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from captiongan.bundle.text_encoder import Embeddings, Reading

Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class Plan(Generic[Drawn]):
    """A row of `noise` (N, noise_dim) and of `embedding` (N, embedding_dim) for each picture.

    The rows may be drawn in parts, or together with those of other plans: no picture depends on
    another. `readings` are those of the prompts. `result` turns the pixels, (N, H, W, 3) uint8,
    into the result of the request, which may have fewer pictures; it may take as long as drawing.
    """

    noise: npt.NDArray[np.float32]
    embedding: Embeddings
    readings: Sequence[Reading]
    result: Callable[[npt.NDArray[np.uint8]], Drawn]
