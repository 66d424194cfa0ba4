"""The one way to read a file of a folder that may come from anyone.

A name in such a folder may be a link to a private file, a pipe that nobody fills, a device without
an end, or a file of any size. Here it is a plain file inside the folder, of a bounded size, or
refused.
"""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
"""With these, a link or a pipe that takes the file's place meanwhile is not followed or waited for.

Not every system has all of them.
"""


class UnsafeFileError(OSError):
    """A file that is refused for what or where it is."""


def read_regular(path: Path, inside: Path, most: int) -> bytes:
    """Return the content of a regular file inside a folder.

    Args:
        path: begins with `inside`; neither it nor a folder between the two may be a link.
        inside: the folder, which may itself be a link.
        most: how many bytes the file may have.

    Raises:
        UnsafeFileError: it is anything but a regular file, outside the folder, or too large.
        OSError: it is not there or cannot be read.
    """
    with open_regular(path, inside, most) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(size + 1)
    if len(content) != size:
        raise _refused(path, "it changes while it is read")
    return content


def open_regular(path: Path, inside: Path, most: int) -> BufferedReader:
    """Open a file that `read_regular` would return, to read it piece by piece.

    Raises:
        OSError: as `read_regular`.
    """
    _check_place(path, inside)
    flags = os.O_RDONLY
    for name in _FLAGS:
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _refused(path, "it is not a regular file")
        if facts.st_size > most:
            raise _refused(path, f"it has {facts.st_size:,} bytes, at most {most:,} are read")
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def _check_place(path: Path, inside: Path) -> None:
    """Refuse a path that leads out of the folder, or ends at anything but a regular file."""
    if not path.is_relative_to(inside) or ".." in path.relative_to(inside).parts:
        raise _refused(path, "it lies outside its folder")
    place, mode = inside, 0
    try:
        for part in path.relative_to(inside).parts:
            place /= part
            mode = place.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise _refused(place, "it is a link, links are not followed")
    except ValueError as error:  # a name that no system has, such as one with a zero byte
        raise _refused(path, f"it has an impossible name: {error}") from error
    if not stat.S_ISREG(mode):
        raise _refused(path, "it is not a regular file")


def _refused(path: Path, reason: str) -> UnsafeFileError:
    return UnsafeFileError(errno.EPERM, reason, str(path))
