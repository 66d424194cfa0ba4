"""Reads a tar archive from a stream, and tells of any damage that the format can show.

`tarfile` takes a damaged header, or a missing one, for the end of the archive. Here a wrong
checksum, a file cut short, a missing end mark and data after it are errors. Extended headers are
short, and only their names and sizes are used, so none can take long to understand.
"""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

_BLOCK = tarfile.BLOCKSIZE
_PIECE = 2**18
_MAXIMUM_HEADER = 2**20
_LONG_NAME, _LONG_LINK = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_EXTENDED = (*_PAX, tarfile.XGLTYPE, _LONG_NAME, _LONG_LINK)
_SPARSE = "sparse"
_MORE_HOLES, _STILL_MORE_HOLES = 482, 504


class DamagedTarError(Exception):
    """An archive that is cut short, damaged, or made to do harm; the message says how."""


@dataclass(frozen=True)
class TarFile:
    """A file of an archive; `content` is readable until the next one is requested.

    `plain` is false for links and devices, and for files with holes, which could be of any size.
    """

    name: str
    plain: bool
    content: IO[bytes]


def tar_files(stream: IO[bytes]) -> Iterator[TarFile]:
    """Stream the files of an archive, without its folders.

    Raises:
        DamagedTarError: the archive does not end, or go on, as it should.
    """
    told: dict[str, str] = {}
    while header := _block(stream):
        if not any(header):
            _check_end(stream)
            return
        info = _parsed(header)
        content = _Content(stream, _length(info, told))
        if info.type in _EXTENDED:
            _check_length(info.size)
            _take(info, content, told)
        else:
            if info.type == tarfile.GNUTYPE_SPARSE:
                _skip_holes(stream, header)
            holes = info.type == tarfile.GNUTYPE_SPARSE or _SPARSE in told
            if not info.isdir():
                name = told.get("path", info.name)
                yield TarFile(name, info.isreg() and not holes, cast(IO[bytes], content))
            told = {}
        content.skip()
    raise DamagedTarError("it ends without an end mark: it is cut short")


class _Content(io.RawIOBase):
    """So many bytes of a stream, and the rest of their last block."""

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self._stream = stream
        self._left = length
        self._padding = -length % _BLOCK

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        content = _exactly(self._stream, self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        return content

    def skip(self) -> None:
        """Go on to the next header."""
        while self._left:
            self.read(_PIECE)
        _exactly(self._stream, self._padding)


def _parsed(header: bytes) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DamagedTarError(f"a header is damaged: {error}") from error
    if info.size < 0:
        raise DamagedTarError("a header is damaged: negative size")
    return info


def _length(info: tarfile.TarInfo, told: dict[str, str]) -> int:
    """Return how many bytes follow the header; links, devices and folders have none."""
    if info.type in tarfile.SUPPORTED_TYPES and not info.isreg() and info.type not in _EXTENDED:
        return 0
    size = told.get("size", "")
    return int(size) if size.isdecimal() and len(size) < 20 else info.size


def _check_length(size: int) -> None:
    if size > _MAXIMUM_HEADER:
        raise DamagedTarError(
            f"it has a header of {size} bytes, at most {_MAXIMUM_HEADER} are read"
        )


def _take(info: tarfile.TarInfo, content: _Content, told: dict[str, str]) -> None:
    """Note what an extended header says of the next file."""
    if info.type == _LONG_NAME:
        told["path"] = _text(content.read().partition(b"\0")[0])
    elif info.type in _PAX:
        told |= _records(content.read())


def _records(content: bytes) -> dict[str, str]:
    """Return the records `LENGTH KEY=VALUE` of a header that are of use here."""
    records, place = {}, 0
    while content[place : place + 1].strip(b"\0"):
        length = content[place : place + 20].partition(b" ")[0]
        end = place + int(length) if length.isdigit() else place
        key, equals, value = content[place + len(length) + 1 : end].partition(b"=")
        if not equals or not value.endswith(b"\n") or end > len(content):
            raise DamagedTarError("an extended header is damaged")
        if key in (b"path", b"size"):  # of others there may be millions
            records[_text(key)] = _text(value[:-1])
        elif key.startswith(b"GNU.sparse."):
            records[_SPARSE] = ""
        place = end
    return records


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _skip_holes(stream: IO[bytes], header: bytes) -> None:
    """Pass the blocks that list the holes of a file."""
    more = header[_MORE_HOLES]
    while more:
        more = _exactly(stream, _BLOCK)[_STILL_MORE_HOLES]


def _check_end(stream: IO[bytes]) -> None:
    while rest := stream.read(_PIECE):
        if any(rest):
            raise DamagedTarError("something follows its end mark: a header is overwritten")


def _block(stream: IO[bytes]) -> bytes:
    """Return the next block; nothing at the end of the stream."""
    first = stream.read(1)
    return first and first + _exactly(stream, _BLOCK - 1)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise DamagedTarError("it is cut short within a file")
    return content
