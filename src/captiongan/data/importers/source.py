"""Reads the files of a foreign source in place: a folder, in which archives count as folders.

Nothing is unpacked, and a name in an archive never becomes a path. The bytes read are bounded: of
a member by `MAXIMUM_FILE` or `MAXIMUM_NOTES`, of an archive by `MAXIMUM_RATIO`.
"""

import bz2
import gzip
import io
import lzma
import os
import posixpath
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from captiongan.base.image_reading import without_path
from captiongan.data.importers.tar_reader import tar_files
from captiongan.data.importers.zip_reader import zip_infos
from captiongan.errors import CaptionganError, DataError

MAXIMUM_FILE = 64 * 2**20
"""The largest picture file that is read, in bytes."""

MAXIMUM_NOTES = 1024 * 2**20
"""The largest file of captions, classes or splits that is read line by line, in bytes."""

MAXIMUM_TEXT = 128 * 2**20
"""The largest such file that is read as a whole: its lines or JSON take many times as much."""

MAXIMUM_RATIO = 200
"""The largest ratio of unpacked to packed bytes of an archive; pictures have about 1."""

_FREE = 64 * 2**20  # a small archive of blank pictures is no bomb
ENDINGS = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
"""How the name of an archive ends."""

_OPENERS = {
    ".gz": gzip.open,
    ".tgz": gzip.open,
    ".bz2": bz2.open,
    ".tbz2": bz2.open,
    ".xz": lzma.open,
    ".txz": lzma.open,
}


class MemberError(Exception):
    """A file of a source that cannot be read; `kind` is the fault, `reason` the details."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True)
class Member:
    """A file of a source, readable until the next one is requested.

    `name` has forward slashes and starts below the source. An archive counts as a folder:
    `102flowers.tgz/jpg/image_00001.jpg`.
    """

    name: str
    open: Callable[[], IO[bytes]]
    stream: Path | None = None
    """The archive, if it is read as a stream: a fault ends it."""

    def read(self, most: int = MAXIMUM_FILE) -> bytes:
        """Return the content.

        Raises:
            MemberError: the file has more than `most` bytes, or is broken.
            DataError: the archive is broken, and no further file can be read.
        """
        try:
            with self.open() as file:
                content = file.read(most + 1)
        except (CaptionganError, MemberError):
            raise
        except Exception as error:  # as in `unbroken`
            if self.stream:
                raise _broken(self.stream, error) from error
            raise MemberError("unreadable file", without_path(error)) from error
        if len(content) > most:
            raise MemberError("too large", f"more than {most} bytes")
        return content

    def notes(self, most: int = MAXIMUM_NOTES) -> bytes:
        """Return the content of a file of captions, classes or splits; raises DataError."""
        try:
            return self.read(most)
        except MemberError as error:
            raise DataError(
                f"'{self.name}': {error.kind} ({error.reason}); fetch it again"
            ) from error

    def text(self) -> str:
        """Return `notes` as text; the spine of the importers refuses captions that are not UTF-8.

        What is not becomes lone surrogates.
        """
        return as_text(self.notes(MAXIMUM_TEXT))


def as_text(content: bytes) -> str:
    """Return foreign bytes as text, with lone surrogates for those that are not UTF-8."""
    return content.decode("utf-8-sig", "surrogateescape")


def members(source: Path) -> Iterator[Member]:
    """Stream the files of a folder or an archive, in a repeatable order.

    Hidden files are skipped. The name of a link to a folder ends in a slash. Such a link, one that
    leads out of the folder, and anything else that is no plain file or has an unsafe name, is
    listed but raises MemberError when read.

    Raises:
        DataError: nothing is at `source`, or an archive is broken.
    """
    if source.is_dir():
        yield from _folder(source)
    elif source.is_file():
        yield from unfolded(source, source.name)
    else:
        raise DataError(f"source '{source}' does not exist; name a folder, an archive or a file")


def is_archive(name: str) -> bool:
    """Return whether a file is an archive, by its name."""
    return name.lower().endswith(ENDINGS)


def unfolded(path: Path, name: str) -> Iterator[Member]:
    """Stream the files of an archive, known by the extension of `name`; another file is yielded.

    Raises:
        DataError: the archive is broken.
    """
    if not is_archive(name):
        yield Member(name, lambda: path.open("rb"))
        return
    with unbroken(path):
        yield from (_zip if name.lower().endswith(".zip") else _tar)(path, name)


@contextmanager
def unbroken(path: Path) -> Iterator[None]:
    """Turn any error that a foreign file causes in the block into a DataError."""
    try:
        yield
    except CaptionganError:
        raise
    except Exception as error:  # foreign bytes can make a decoder raise almost anything
        raise _broken(path, error) from error


def _folder(root: Path) -> Iterator[Member]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not hidden(name))
        for name in [name for name in folders if Path(folder, name).is_symlink()]:
            folders.remove(name)
            yield _refused(f"{Path(folder, name).relative_to(root).as_posix()}/", "linked folder")
        for file in sorted(files):
            path = Path(folder, file)
            name = path.relative_to(root).as_posix()
            if hidden(name):
                continue
            if fault := misplaced(path, root):
                yield _refused(name, fault)
            else:
                yield from unfolded(path, name)


def misplaced(path: Path, root: Path) -> str | None:
    """Return why a file of a folder is not read: it lies outside, or is no plain file."""
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return "outside the folder"
        return None if stat.S_ISREG(path.stat().st_mode) else "no plain file"
    except (OSError, RuntimeError):  # a link into nothing, or to itself
        return "no plain file"


class _Bounded(io.RawIOBase):
    """A stream that raises an error instead of unpacking without end."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream = stream
        self._path = path
        self._left = most_unfolded(path)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(memoryview(buffer)))
        memoryview(buffer)[: len(content)] = content
        self._left -= len(content)
        if self._left < 0:
            raise bomb(self._path)
        return len(content)


def _tar(path: Path, name: str) -> Iterator[Member]:
    opener = cast(Callable[[Path], IO[bytes]], _OPENERS.get(Path(name).suffix.lower(), _plain))
    with opener(path) as stream:
        for file in tar_files(io.BufferedReader(_Bounded(stream, path), 2**18)):
            if not hidden(file.name):
                content = partial(_itself, file.content)
                yield _archived(name, file.name, file.plain, content, path)


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _itself(content: IO[bytes]) -> IO[bytes]:
    return content


def _zip(path: Path, name: str) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        infos = zip_infos(archive, path)
        # A member ends where its header says, however many bytes it unpacks to.
        if sum(info.file_size for info in infos) > most_unfolded(path):
            raise bomb(path)
        for info in infos:
            if not (info.is_dir() or hidden(info.filename)):
                kind = stat.S_IFMT(info.external_attr >> 16)
                plain = kind in (0, stat.S_IFREG)
                yield _archived(name, info.filename, plain, partial(archive.open, info))


def _archived(
    archive: str,
    name: str,
    plain: bool,
    opener: Callable[[], IO[bytes]],
    stream: Path | None = None,
) -> Member:
    """Return a member of an archive, its name below that of the archive."""
    parts = name.split("/")
    whole = f"{archive}/{posixpath.normpath(name)}"
    if name.startswith("/") or ".." in parts or not name.isprintable() or "\\" in name:
        return _refused(whole, "unsafe name")
    if not plain:
        return _refused(whole, "no plain file")
    return Member(whole, opener, stream)


def _refused(name: str, kind: str) -> Member:
    def refuse() -> IO[bytes]:
        raise MemberError(kind, "only plain files inside the source are read")

    return Member(name, refuse)


def hidden(name: str) -> bool:
    """Return whether a name, or a folder in it, is one that no reader counts."""
    return any(
        part == "__MACOSX" or (part.startswith(".") and part.strip(".")) for part in name.split("/")
    )


def most_unfolded(path: Path) -> int:
    """Return how many bytes a packed file may unpack to."""
    return MAXIMUM_RATIO * path.stat().st_size + _FREE


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"'{path}' is broken ({without_path(error)}); fetch it again and repeat the "
        "command: imported pictures stay"
    )


def bomb(path: Path) -> DataError:
    """Return the error of a file that unpacks to more than that."""
    return DataError(
        f"'{path}' unpacks to more than {MAXIMUM_RATIO} times its size, so it is damaged "
        "or a trap; if you trust it, unpack it and name the folder"
    )
