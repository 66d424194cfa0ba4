"""Turns the lines of the metadata into squares, the pictures of a store."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from PIL import Image

from captiongan.base.image_reading import middle_square
from captiongan.base.threads import on_cores
from captiongan.data.folder import Line, Reject, Verdicts, load

CHUNK = 32
"""Lines that a core takes at a time."""


@dataclass(frozen=True)
class Square:
    """The picture of a line; `pixels` are the bytes of (side, side, 3) uint8 RGB."""

    line: Line
    pixels: bytes


@dataclass(frozen=True)
class Deferred:
    """A line whose file an earlier line names: it waits for the verdict on that one."""

    line: Line


@dataclass(frozen=True)
class SquareMaker:
    """Makes squares from the lines of one folder.

    Args:
        root: the captioned folder.
        side: side of the squares, in pixels.
        minimum_side: pictures with a shorter short side are rejected.
        squash: squeeze whole pictures to squares, instead of keeping their middle squares.
    """

    root: Path
    side: int
    minimum_side: int
    squash: bool = False

    def __call__(
        self, chunk: Sequence[Line | Deferred | Reject]
    ) -> list[Square | Deferred | Reject]:
        """Make a square from each line that waits for no other; keep the order."""
        return [self.square(each) if isinstance(each, Line) else each for each in chunk]

    def square(self, line: Line) -> Square | Reject:
        """Decode the picture of a line and fit it to a square."""
        item = load(self.root, line, self.minimum_side)
        if isinstance(item, Reject):
            return item
        return Square(line, fit(self.squash)(item.picture, self.side).tobytes())


def make_squares(
    lines: Iterable[Line | Reject], make: SquareMaker
) -> Generator[Square | Reject, None, None]:
    """Stream the squares of a folder in the order of its lines, decoded on all cores.

    Of the lines that name the same file, the first usable one counts. Only the first is decoded at
    once; the others wait for the verdict on it.
    """
    verdicts = Verdicts()
    with closing(on_cores(make, _chunks(lines))) as chunks:
        for each in chain.from_iterable(chunks):
            item = _judged(each, verdicts, make) if isinstance(each, Deferred) else each
            if isinstance(item, Square):
                verdicts.note(item.line, None)
            yield item


def fit(squash: bool) -> Callable[[Image.Image, int], Image.Image]:
    """Return the function that turns a picture into a square of a side in pixels."""
    return squashed if squash else middle_square


def squashed(picture: Image.Image, side: int) -> Image.Image:
    """Return the whole picture squeezed to a square of `side` pixels (Lanczos)."""
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def _chunks(lines: Iterable[Line | Reject]) -> Iterator[list[Line | Deferred | Reject]]:
    """Cut the lines into chunks; lines that name a file again are deferred."""
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
    """Judge a line after the verdict on all lines before it."""
    line = deferred.line
    if refusal := verdicts.on(line):
        return refusal
    item = make.square(line)
    if isinstance(item, Reject):
        verdicts.note(line, item)
    return item
