"""The decode-once store: a data set's pictures as bytes on disk, ready to be cropped.

Each picture is decoded once, its short side resized to `side` with an antialiasing filter
(Lanczos), its middle square kept (or the whole picture squashed to a square), and appended to one
file that is then memory-mapped. Training never decodes. All cores of the machine decode; the store
is the same to the last byte however many there are.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from captiongan.base.cache import cache_folder, writing_to_cache
from captiongan.base.commands import command
from captiongan.base.files import whole_folder
from captiongan.base.safe_reading import read_regular
from captiongan.data.decode import Square, SquareMaker, fit, make_squares
from captiongan.data.folder import METADATA, MOST_METADATA, Example, Line, Reject, read_lines
from captiongan.data.toy import toy_examples
from captiongan.errors import DataError, OutputError

STORE_FORMAT = 1
TOY_SIZE = 2048
FILE_NAME = re.compile(rb'"file_name"\s*:\s*("(?:[^"\\]|\\.)*")')

Pictures = npt.NDArray[np.uint8]

Progress = Callable[[int], None]


@dataclass(frozen=True)
class PictureStore:
    """A data set, decoded.

    `pictures` is (N, side, side, 3) uint8 RGB, memory-mapped. `examples` are the N examples in the
    same order. `rejects` describe the skipped lines.
    """

    pictures: Pictures
    examples: tuple[Example, ...]
    rejects: tuple[str, ...]

    @cached_property
    def captions(self) -> tuple[str, ...]:
        """All captions, in the order of the examples."""
        return tuple(caption for example in self.examples for caption in example.captions)

    @cached_property
    def digest(self) -> str:
        """A sha256 over the names, captions and classes, in order."""
        return hashlib.sha256(repr(self.examples).encode(errors="replace")).hexdigest()

    @cached_property
    def pixels_sha256(self) -> str:
        """A sha256 over the pictures, in order."""
        return hashlib.sha256(np.ascontiguousarray(self.pictures).data).hexdigest()

    def middle(self, side: int) -> Pictures:
        """Return a view of the middle squares of all pictures: (N, side, side, 3) uint8."""
        low = (self.pictures.shape[1] - side) // 2
        return self.pictures[:, low : low + side, low : low + side]

    def with_first_captions(self) -> "PictureStore":
        """Return a store with the first caption of each picture only."""
        examples = (replace(each, captions=each.captions[:1]) for each in self.examples)
        return replace(self, examples=tuple(examples))


def open_store(
    source: str,
    side: int,
    minimum_side: int,
    squash: bool = False,
    on_progress: Progress | None = None,
) -> PictureStore:
    """Open the store of a data set; build it the first time.

    Args:
        source: a captioned folder, `toy`, or `toy:SIZE` for a toy set of another size.
        side: side of the stored pictures, in pixels.
        minimum_side: pictures with a shorter short side are rejected.
        squash: squeeze whole pictures to squares, instead of keeping their middle squares.
        on_progress: receives the number of pictures so far while the store is built.

    Raises:
        DataError: the folder cannot be read, or nothing usable is left.
        OutputError: the store cannot be written.
    """
    toy_size = _toy_size(source)
    if toy_size is None:
        lines = read_lines(Path(source))
        make = SquareMaker(Path(source).resolve(), side, minimum_side, squash)
        squares = make_squares(lines, make)
        key = _fingerprint(Path(source), side, minimum_side)
    else:
        squares = _toy_squares(toy_size, side, squash)
        key = f"toy-{toy_size}-{side}-{STORE_FORMAT}"
    folder = cache_folder("pictures") / (f"{key}-squashed" if squash else key)
    store = _read(folder, side)
    if store is None:
        shutil.rmtree(folder, ignore_errors=True)
        _build(folder, squares, on_progress)
        store = _read(folder, side)
    if store is None:
        raise OutputError(f"picture store '{folder}' is unreadable; remove it and try again")
    if not store.examples:
        raise DataError(
            f"--data '{source}': nothing usable is left, all {len(store.rejects)} lines were "
            f"rejected, the first one: {store.rejects[0]}; "
            f"see `{command('data', 'check', source)}`"
        )
    return store


def captions_of(sources: Sequence[str]) -> list[str]:
    """Return the distinct captions of all usable pictures of some data sets.

    `sources` and the errors are those of `open_store`.
    """
    stores = [open_store(source, 76, 64) for source in sources]
    return list(dict.fromkeys(caption for store in stores for caption in store.captions))


def _toy_size(source: str) -> int | None:
    name, _, size = source.partition(":")
    if name != "toy":
        return None
    if not size:
        return TOY_SIZE
    if not size.isdecimal() or len(size) > 9 or int(size) < 2:
        raise DataError(
            f"--data '{source}': the size of a toy set is a whole number from 2 to 999999999, "
            "as in toy:500"
        )
    return int(size)


def _toy_squares(size: int, side: int, squash: bool) -> Generator[Square | Reject, None, None]:
    for number, drawn in enumerate(toy_examples(size, side), 1):
        yield Square(Line(number, drawn.example), fit(squash)(drawn.picture, side).tobytes())


def _fingerprint(root: Path, side: int, minimum_side: int) -> str:
    """Return a name that identifies all that decides the content: metadata, pictures, sizes."""
    metadata = read_regular(root / METADATA, root, MOST_METADATA)
    digest = hashlib.sha256(f"{STORE_FORMAT} {root.resolve()} {side} {minimum_side} ".encode())
    digest.update(metadata)
    for name in FILE_NAME.findall(metadata):
        try:
            plain = json.loads(name) if b"\\" in name else name[1:-1].decode()
            facts = os.stat(f"{root}/{plain}")  # noqa: PTH116  a Path takes as long as the rest
        except (OSError, ValueError):  # such a line is rejected in any case
            continue
        digest.update(b"%d %d " % (facts.st_size, facts.st_mtime_ns))
    return f"{root.resolve().name}-{side}-{digest.hexdigest()[:16]}"


def _build(
    folder: Path,
    squares: Generator[Square | Reject, None, None],
    on_progress: Progress | None,
) -> None:
    with writing_to_cache(f"picture store '{folder}'"):
        try:
            with closing(squares), whole_folder(folder) as work:
                _write(work, squares, on_progress)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same content
                raise


def _write(work: Path, squares: Iterable[Square | Reject], on_progress: Progress | None) -> None:
    examples: list[Example] = []
    rejects: list[str] = []
    with (work / "pictures.u8").open("wb") as pictures:
        for item in squares:
            if isinstance(item, Reject):
                rejects.append(str(item))
                continue
            examples.append(item.line.example)
            pictures.write(item.pixels)
            if on_progress:
                on_progress(len(examples))
    content = {"examples": [asdict(example) for example in examples], "rejects": rejects}
    (work / "examples.json").write_text(json.dumps(content))


def _read(folder: Path, side: int) -> PictureStore | None:
    """Open a store; None if it is absent or damaged."""
    try:
        content = json.loads((folder / "examples.json").read_text())
        examples = tuple(
            Example(item["file_name"], tuple(item["captions"]), item["label"])
            for item in content["examples"]
        )
        pictures = np.empty((0, side, side, 3), dtype=np.uint8)
        if examples:
            shape = (len(examples), side, side, 3)
            # "c": a tensor may share this memory; what it writes does not reach the file.
            pictures = np.memmap(folder / "pictures.u8", dtype=np.uint8, mode="c", shape=shape)
        return PictureStore(pictures, examples, tuple(content["rejects"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
