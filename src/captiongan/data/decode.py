"""From lines of the metadata to squares, the pictures of a store: pure work, for any engine."""

import os
import platform
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import PIL
from PIL import Image, features

from captiongan.base.image_reading import middle_square
from captiongan.base.threads import Engine
from captiongan.data.folder import Line, Reject, Verdicts, load
from captiongan.errors import DataError
from captiongan.version import __version__

CHUNK = 32
"""Lines that are handed out together."""


@dataclass(frozen=True)
class Square:
    """The picture of a line: `pixels` are those of (side, side, 3) uint8 RGB, row by row."""

    line: Line
    pixels: bytes


@dataclass(frozen=True)
class Deferred:
    """A line that is left to be judged at home, when those before it are.

    Another that names the same file was handed out before; or another process cannot use the file,
    and `trouble` tells which machine that is on, and why.
    """

    line: Line
    trouble: str | None = None


@dataclass(frozen=True)
class Place:
    """Where work is done: the process, and what decides the pixels there beside the pictures."""

    machine: str
    process: int
    versions: tuple[str, ...]

    @classmethod
    def here(cls) -> "Place":
        """Return the place of this process."""
        versions = (
            f"captiongan {__version__}",
            f"Pillow {PIL.__version__}",
            f"libjpeg {features.version('jpg')}",
        )
        return cls(platform.node(), os.getpid(), versions)


@dataclass(frozen=True)
class SquareMaker:
    """What makes squares of the lines of one folder, in this process or far from its `home`.

    Args:
        root: the captioned folder.
        side: side of the squares, in pixels.
        minimum_side: pictures with a shorter short side are rejected.
        squash: squeeze whole pictures to squares, instead of keeping their middle squares.
        home: the process that puts the squares together.
    """

    root: Path
    side: int
    minimum_side: int
    squash: bool = False
    home: Place = field(default_factory=Place.here)

    def __call__(
        self, chunk: Sequence[Line | Deferred | Reject]
    ) -> list[Square | Deferred | Reject]:
        """Make a square of each line that is free to be judged; keep the order.

        Far from home no line is rejected, but deferred: the fault may be the machine's.

        Raises:
            DataError: this machine would make other squares than the one at home.
        """
        here = Place.here()
        if here.versions != self.home.versions:
            raise DataError(
                f"machine '{here.machine}' has {', '.join(here.versions)}, not "
                f"{', '.join(self.home.versions)}, and would make other pictures; install the same "
                "on all machines"
            )
        return [self._item(each, here) if isinstance(each, Line) else each for each in chunk]

    def square(self, line: Line) -> Square | Reject:
        """Decode the picture of a line and fit it to a square."""
        item = load(self.root, line, self.minimum_side)
        if isinstance(item, Reject):
            return item
        return Square(line, fit(self.squash)(item.picture, self.side).tobytes())

    def _item(self, line: Line, here: Place) -> Square | Deferred | Reject:
        item = self.square(line)
        if isinstance(item, Square) or here == self.home:
            return item
        file = self.root / line.example.file_name
        return Deferred(
            line, f"machine '{here.machine}' cannot use '{file}' ({item.kind}: {item.reason})"
        )


def make_squares(
    lines: Iterable[Line | Reject], make: SquareMaker, engine: Engine
) -> Generator[Square | Reject, None, None]:
    """Stream the squares of a folder in the order of its lines, whatever the engine.

    Of the lines that name the same file, the first usable one counts. Only the first is handed
    out; those that follow wait until it is known what became of it.

    Raises:
        DataError: a machine cannot use a picture that this one can.
    """
    verdicts = Verdicts()
    with closing(engine(make, _chunks(lines))) as chunks:
        for each in chain.from_iterable(chunks):
            item = _judged(each, verdicts, make) if isinstance(each, Deferred) else each
            if isinstance(item, Square):
                verdicts.note(item.line, None)
            yield item


def fit(squash: bool) -> Callable[[Image.Image, int], Image.Image]:
    """Return what turns a picture into a square of a side."""
    return squashed if squash else middle_square


def squashed(picture: Image.Image, side: int) -> Image.Image:
    """Return the whole picture squeezed to a square of `side`, with the same filter."""
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def _chunks(lines: Iterable[Line | Reject]) -> Iterator[list[Line | Deferred | Reject]]:
    """Cut the lines into chunks; a file is free to be judged where it is first named."""
    lines, named = iter(lines), set[str]()
    while chunk := [_free(each, named) for each in islice(lines, CHUNK)]:
        yield chunk


def _free(line: Line | Reject, named: set[str]) -> Line | Deferred | Reject:
    if isinstance(line, Reject):
        return line
    if line.identity in named:
        return Deferred(line)
    named.add(line.identity)
    return line


def _judged(deferred: Deferred, verdicts: Verdicts, make: SquareMaker) -> Square | Reject:
    """Judge a line now that all is known of those before it."""
    line = deferred.line
    if refusal := verdicts.on(line):
        return refusal
    item = make.square(line)
    if isinstance(item, Reject):
        verdicts.note(line, item)
    elif deferred.trouble:
        raise DataError(
            f"{deferred.trouble}, which this machine can use; put the data on storage that all "
            "machines share, under the same path"
        )
    return item
