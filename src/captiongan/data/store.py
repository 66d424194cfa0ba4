"""The decode-once store: a data set's pictures as bytes on disk, ready to be cropped.

Each picture is decoded once, its short side resized to `side` with an antialiasing filter
(Lanczos), its middle square kept, and appended to one file that is then memory-mapped. Training
never decodes.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from captiongan.cache import CACHE_VARIABLE, cache_folder
from captiongan.data.folder import (
    Example,
    LoadedExample,
    Reject,
    read_captioned_folder,
)
from captiongan.data.toy import toy_examples
from captiongan.errors import DataError, OutputError

STORE_FORMAT = 1
TOY_SIZE = 2048

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PictureStore:
    """A data set, decoded.

    `pictures` is (N, side, side, 3) uint8 RGB, memory-mapped; `examples` are its N captions and
    classes, in the same order; `rejects` are the lines that were skipped, in words.
    """

    pictures: Pictures
    examples: tuple[Example, ...]
    rejects: tuple[str, ...]


def open_store(source: str, side: int, minimum_side: int) -> PictureStore:
    """Open the store of a data set; build it first if this is the first time.

    Args:
        source: a captioned folder, `toy`, or `toy:SIZE` for a toy set of another size.
        side: side of the stored pictures, in pixels.
        minimum_side: pictures with a shorter short side are rejected.

    Raises:
        DataError: the folder cannot be read, or nothing usable is left in it.
    """
    toy_size = _toy_size(source)
    if toy_size is None:
        key = _fingerprint(Path(source), side, minimum_side)
    else:
        key = f"toy-{toy_size}-{side}-{STORE_FORMAT}"
    folder = cache_folder("pictures") / key
    if not folder.is_dir():
        if toy_size is None:
            _build(folder, read_captioned_folder(Path(source), minimum_side), side)
        else:
            _build(folder, toy_examples(toy_size, side), side)
    store = _read(folder, side)
    if not store.examples:
        raise DataError(
            f"--data '{source}': nothing usable is left, all {len(store.rejects)} lines were "
            f"rejected, the first one: {store.rejects[0]}; "
            f"see `captiongan data check {source}`"
        )
    return store


def captions_of(source: str, side: int = 76, minimum_side: int = 64) -> Iterator[str]:
    """Yield all captions of a data set, picture by picture; arguments as `open_store`."""
    for example in open_store(source, side, minimum_side).examples:
        yield from example.captions


def square(picture: Image.Image, side: int) -> Image.Image:
    """Return the middle square of a picture, resized to `side` with an antialiasing filter."""
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)


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


def _fingerprint(root: Path, side: int, minimum_side: int) -> str:
    """Name the store after all that decides its content: the metadata, the files, the size."""
    digest = hashlib.sha256(f"{STORE_FORMAT} {root.resolve()} {side} {minimum_side}".encode())
    if root.is_dir():
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            facts = file.stat()
            digest.update(f"{file} {facts.st_size} {facts.st_mtime_ns}".encode(errors="replace"))
    return f"{root.resolve().name}-{side}-{digest.hexdigest()[:16]}"


def _build(folder: Path, items: Iterator[LoadedExample | Reject], side: int) -> None:
    """Write the store beside its place and move it there whole."""
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    examples: list[Example] = []
    rejects: list[str] = []
    try:
        with (work / "pictures.u8").open("wb") as pictures:
            for item in items:
                if isinstance(item, Reject):
                    rejects.append(str(item))
                else:
                    examples.append(item.example)
                    pictures.write(square(item.picture, side).tobytes())
        content = {"examples": [asdict(example) for example in examples], "rejects": rejects}
        (work / "examples.json").write_text(json.dumps(content))
        _put_in_place(work, folder)
    except OSError as error:
        raise OutputError(
            f"picture store '{folder}' cannot be written ({error.strerror}); "
            f"make room, or set {CACHE_VARIABLE} to another folder"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _put_in_place(work: Path, folder: Path) -> None:
    try:
        work.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was first, with the same content
            raise


def _read(folder: Path, side: int) -> PictureStore:
    content = json.loads((folder / "examples.json").read_text())
    examples = tuple(
        Example(item["file_name"], tuple(item["captions"]), item["label"])
        for item in content["examples"]
    )
    shape = (len(examples), side, side, 3)
    if examples:
        pictures = cast(
            Pictures, np.memmap(folder / "pictures.u8", dtype=np.uint8, mode="r", shape=shape)
        )
    else:
        pictures = np.empty(shape, dtype=np.uint8)
    return PictureStore(pictures, examples, tuple(content["rejects"]))
