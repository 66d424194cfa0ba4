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
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

from captiongan.base.image_reading import without_path
from captiongan.errors import CaptionganError, DataError

MAXIMUM_FILE = 64 * 2**20
"""The largest picture file that is read, in bytes."""

MAXIMUM_NOTES = 1024 * 2**20
"""The largest file of captions, classes or splits that is read, in bytes."""

MAXIMUM_RATIO = 200
"""The largest ratio of unpacked to packed bytes of an archive; pictures have about 1."""

_FREE = 64 * 2**20  # a small archive of blank pictures is no bomb
_MAXIMUM_HEADER = 2**20
_ENDINGS = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
_OPENERS = {
    ".gz": gzip.open,
    ".tgz": gzip.open,
    ".bz2": bz2.open,
    ".tbz2": bz2.open,
    ".xz": lzma.open,
    ".txz": lzma.open,
}
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


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

    def notes(self) -> bytes:
        """Return the content of a file of captions, classes or splits; raises DataError."""
        try:
            return self.read(MAXIMUM_NOTES)
        except MemberError as error:
            raise DataError(
                f"'{self.name}': {error.kind} ({error.reason}); fetch it again"
            ) from error

    def text(self) -> str:
        """Return `notes` as text; bytes that are not UTF-8, as in old captions, become spaces."""
        return (
            self.notes()
            .decode("utf-8-sig", errors="replace")
            .replace("\N{REPLACEMENT CHARACTER}", " ")
        )


def members(source: Path) -> Iterator[Member]:
    """Stream the files of a folder or an archive, in a repeatable order.

    Hidden files are skipped. A link that leads out of the folder, and anything else that is no
    plain file or has an unsafe name, is listed but raises MemberError when read.

    Raises:
        DataError: nothing is at `source`, or an archive is broken.
    """
    if source.is_dir():
        yield from _folder(source)
    elif source.is_file():
        yield from unfolded(source, source.name)
    else:
        raise DataError(f"source '{source}' does not exist; name a folder, an archive or a file")


def unfolded(path: Path, name: str) -> Iterator[Member]:
    """Stream the files of an archive, known by the extension of `name`; another file is yielded.

    Raises:
        DataError: the archive is broken.
    """
    if not name.lower().endswith(_ENDINGS):
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
    resolved = root.resolve()
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for file in sorted(files):
            path = Path(folder, file)
            name = path.relative_to(root).as_posix()
            if _hidden(name):
                continue
            try:
                inside = path.resolve().is_relative_to(resolved)
                plain = inside and stat.S_ISREG(path.stat().st_mode)
            except (OSError, RuntimeError):  # a link into nothing, or to itself
                inside, plain = True, False
            if plain:
                yield from unfolded(path, name)
            else:
                yield _refused(name, "no plain file" if inside else "outside the folder")


class _TarInfo(tarfile.TarInfo):
    """A header with a bounded extension, which tarfile reads as a whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_TarInfo":
        info = super().frombuf(buf, encoding, errors)
        if info.type in _EXTENDED and info.size > _MAXIMUM_HEADER:
            raise DataError(f"archive has a header of {info.size} bytes: it is damaged, or a trap")
        return info


class _Bounded(io.RawIOBase):
    """A stream that raises an error instead of unpacking without end."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream = stream
        self._path = path
        self._left = _most_unfolded(path)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise _bomb(self._path)
        return content


def _tar(path: Path, name: str) -> Iterator[Member]:
    opener = cast(Callable[[Path], IO[bytes]], _OPENERS.get(Path(name).suffix.lower(), _plain))
    with (
        opener(path) as stream,
        tarfile.open(
            fileobj=_Bounded(stream, path), mode="r|", bufsize=2**18, tarinfo=_TarInfo
        ) as archive,
    ):
        for info in archive:
            archive.members = []  # type: ignore[attr-defined]  # otherwise it keeps every header
            if not (info.isdir() or _hidden(info.name)):
                yield _archived(
                    name, info.name, info.isreg(), partial(_present, archive, info), path
                )


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _present(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(info)
    assert content is not None  # it is a plain file
    return content


def _zip(path: Path, name: str) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        # A member ends where its header says, however many bytes it unpacks to.
        if sum(info.file_size for info in archive.infolist()) > _most_unfolded(path):
            raise _bomb(path)
        for info in archive.infolist():
            if not (info.is_dir() or _hidden(info.filename)):
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


def _hidden(name: str) -> bool:
    return any(
        part == "__MACOSX" or (part.startswith(".") and part.strip(".")) for part in name.split("/")
    )


def _most_unfolded(path: Path) -> int:
    return MAXIMUM_RATIO * path.stat().st_size + _FREE


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"'{path}' is broken ({without_path(error)}); fetch it again and repeat the "
        "command: imported pictures stay"
    )


def _bomb(path: Path) -> DataError:
    return DataError(
        f"archive '{path}' unpacks to more than {MAXIMUM_RATIO} times its size, so it is damaged "
        "or a trap; if you trust it, unpack it and name the folder"
    )
