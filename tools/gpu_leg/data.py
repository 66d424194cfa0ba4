"""Captioned folders as one small file: what training sees of the pictures, and all captions.

Pictures become the squares that the picture store would make of them, under their own names; which
lines of the metadata are usable stays as it was, and with it the digest of the data set.
"""

import io
import posixpath
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from PIL import Image

from captiongan.base.files import whole_folder
from captiongan.base.image_reading import middle_square
from captiongan.data.folder import METADATA, Kind, LoadedExample, read_captioned_folder
from captiongan.errors import ConfigError, DataError, OutputError


@dataclass(frozen=True)
class Squares:
    """What pictures are packed as: JPEGs of `side` pixels, with all of their colour.

    Like the store, they enlarge what is shorter, but leave out what is shorter than `minimum_side`.
    """

    side: int = 76
    minimum_side: int = 64
    quality: int = 92

    def __post_init__(self) -> None:
        """Raise ConfigError if what is packed would be left out again where it is unpacked."""
        if self.side < self.minimum_side:
            raise ConfigError(
                f"--side {self.side} is less than --minimum-side {self.minimum_side}; give the "
                "run's data.resolution + data.margin, and its data.resolution"
            )

    def jpeg(self, picture: Image.Image) -> bytes:
        """Return the middle square of an RGB picture as a JPEG, chroma not subsampled (4:4:4)."""
        file = io.BytesIO()
        square = middle_square(picture, self.side)
        square.save(file, "JPEG", quality=self.quality, subsampling=0, optimize=True)
        return file.getvalue()


@dataclass(frozen=True)
class Packed:
    """How many pictures of a folder were packed, and how many lines were left out, by fault."""

    name: str
    pictures: int
    left_out: Mapping[Kind, int]


def pack(folders: Sequence[Path], out: Path, squares: Squares) -> list[Packed]:
    """Pack captioned folders into `out`, each under the last two parts of its path.

    Memory holds one picture at a time; `out` appears whole or not at all.

    Raises:
        ConfigError: two folders would have the same name.
        DataError: a folder cannot be read, or nothing in it is usable.
        OutputError: `out` cannot be written.
    """
    named = {"/".join(folder.resolve().parts[1:][-2:]): folder for folder in folders}
    if len(named) < len(folders):
        raise ConfigError(
            f"{len(folders)} folders share {len(named)} names ({', '.join(named)}): the last two "
            "parts of the paths must differ; pack them apart"
        )
    try:
        with _whole_file(out) as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
            return [_pack(tar, name, folder, squares) for name, folder in named.items()]
    except OSError as error:
        raise OutputError(
            f"--out '{out}' cannot be written ({error.strerror}); choose another file"
        ) from error


def unpack(archive: Path, out: Path) -> None:
    """Unpack what `pack` wrote to the new folder `out`.

    Raises:
        DataError: it is no such file, it is damaged, or it reaches outside of `out`.
        OutputError: there is something at `out` already.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputError(f"--out '{out}' holds something already; name a new folder")
    try:
        with tarfile.open(archive, "r:gz") as tar, whole_folder(out) as work:
            tar.extractall(work, filter="data")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"'{archive}' cannot be unpacked to '{out}' ({error}); pack and bring it again"
        ) from error


def add_file(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Append a file to an archive, with nothing of who packed it where and when."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _pack(tar: tarfile.TarFile, name: str, folder: Path, squares: Squares) -> Packed:
    items = read_captioned_folder(folder, squares.minimum_side)
    add_file(tar, f"{name}/{METADATA}", (folder / METADATA).read_bytes())
    pictures, left_out = 0, Counter[Kind]()
    for item in items:
        if isinstance(item, LoadedExample):
            file_name = posixpath.normpath(item.example.file_name)
            add_file(tar, f"{name}/{file_name}", squares.jpeg(item.picture))
            pictures += 1
        else:
            left_out[item.kind] += 1
    if not pictures:
        raise DataError(
            f"'{folder}': nothing usable is left, all {left_out.total()} lines were rejected; see "
            f"`captiongan data check {folder}`"
        )
    return Packed(name, pictures, left_out)


@contextmanager
def _whole_file(final: Path) -> Iterator[BinaryIO]:
    """Give a file to write to; it becomes `final` when the block ends well."""
    work = final.with_name(f".{final.name}-{token_hex(4)}")
    try:
        with work.open("wb") as file:
            yield file
        work.replace(final)
    finally:
        work.unlink(missing_ok=True)
