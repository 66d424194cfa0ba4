"""Interpolations: paths between noises and between texts, saved as a strip or a film."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from captiongan.draw.picture import (
    FILMS,
    check_output,
    film,
    origin,
    png,
    truncated,
    turned,
    write_picture,
)
from captiongan.draw.sheet import grid

Vectors = npt.NDArray[np.float32]

Between = Callable[[Vectors, Vectors, int], Vectors]
"""Goes from one vector (D,) to another in two or more steps, including both ends: (steps, D)."""


@dataclass(frozen=True)
class Interpolation:
    """Pictures on the way from stop to stop, and everything that is needed to draw them again.

    A leg goes from one stop to the next and has `steps` pictures, including both stops. A stop
    between two legs is in `images` once. If `mirrored`, all images were mirrored left to right
    after they were drawn.
    """

    images: Sequence[Image.Image]
    prompts: Sequence[str]
    seeds: Sequence[int]
    steps: int
    bundle: str
    bundle_version: str
    truncation: float = 1.0
    mirrored: bool = False

    @property
    def metadata(self) -> dict[str, str]:
        """The texts in the saved file; there is one prompt or seed per line."""
        stops = {
            "prompt": "\n".join(self.prompts),
            "seed": "\n".join(map(str, self.seeds)),
            "steps": str(self.steps),
        }
        drawn_with = truncated(self.truncation) | turned(self.mirrored)
        return stops | drawn_with | origin(self.bundle, self.bundle_version)

    @property
    def legs(self) -> list[Sequence[Image.Image]]:
        """The pictures of each leg, from stop to stop."""
        starts = range(0, len(self.images) - 1, self.steps - 1)
        return [self.images[start : start + self.steps] for start in starts]

    def save(self, path: str | Path, frames_per_second: float = 12.0) -> None:
        """Write a PNG with a strip for each leg, or a GIF or WebP film, by the ending of `path`.

        The film plays forwards and backwards in a loop.

        Raises:
            OutputError: the file cannot be written or has another ending, or a film does not have
                1 to 50 frames per second.
        """
        path = Path(path)
        check_output(path, (".png", *FILMS))
        write_picture(path, self.encoded(path.suffix[1:], frames_per_second))

    def encoded(self, kind: str, frames_per_second: float = 12.0) -> bytes:
        """Return the content of the file that `save` writes: `kind` is png, gif or webp."""
        if kind.lower() == "png":
            return png(grid(self.legs), self.metadata)
        there_and_back = [*self.images, *self.images[-2:0:-1]]
        return film(there_and_back, kind, self.metadata, frames_per_second)


def line(start: Vectors, end: Vectors, steps: int) -> Vectors:
    """Go from text to text on a line: (1 - s) e_1 + s e_2 (Reed et al. 2016, section 4.3)."""
    return _on_line(start, end, np.linspace(0, 1, steps, dtype=np.float32))


def arc(start: Vectors, end: Vectors, steps: int) -> Vectors:
    """Go from noise to noise on a great circle (White 2016, arXiv 1609.04468, section 2.1).

    Noise of D numbers has a length close to sqrt(D). On a straight line it would become shorter,
    and the generator has hardly ever seen short noise. Exactly opposite noises have no single arc
    between them, and the result is meaningless; random noises are never opposite.
    """
    return on_arc(start, end, np.linspace(0, 1, steps))


def on_arc(start: Vectors, end: Vectors, shares: npt.ArrayLike) -> Vectors:
    """Return the noises at `shares`, 0 to 1, of the arc from `start` to `end`: (shares, D).

    At 0 the noise is exactly `start`, and at 1 exactly `end`.
    """
    along = np.asarray(shares, dtype=float)
    cosine = start @ end / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = float(np.arccos(np.clip(cosine, -1, 1)))
    if angle < 1e-3:  # the same direction: the arc is the line
        return _on_line(start, end, along.astype(np.float32))
    along = along[:, None]
    way = np.sin((1 - along) * angle) * start + np.sin(along * angle) * end
    return np.asarray(way / np.sin(angle), dtype=np.float32)


def _on_line(start: Vectors, end: Vectors, shares: Vectors) -> Vectors:
    way: Vectors = (1 - shares[:, None]) * start + shares[:, None] * end
    return way


def at_stops(vectors: Vectors, stops: int) -> Vectors:
    """Return a row for each stop: its own, or copies of a single one."""
    return vectors if len(vectors) == stops else np.repeat(vectors, stops, axis=0)


def through(stops: Vectors, steps: int, between: Between) -> Vectors:
    """Go from stop to stop (K, D), with `steps` on each leg: ((K - 1) (steps - 1) + 1, D)."""
    legs = [between(start, end, steps)[:-1] for start, end in pairwise(stops)]
    return np.concatenate([*legs, stops[-1:]])
