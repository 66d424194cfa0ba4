"""Files and folders that appear whole or not at all, their hashes, and the errors they raise."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from captiongan.errors import CaptionganError


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content in hexadecimal; raises OSError."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a kill leaves the old content or the new one; raises OSError."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(final: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to; it becomes `final`, or replaces it, when the block succeeds.

    If the block fails, nothing is left. Raises OSError.
    """
    work = _hidden(final)
    try:
        with naming(final):
            with work.open("xb") as file:
                yield file
            _flush(work)
            work.replace(final)
    finally:
        work.unlink(missing_ok=True)


@contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """Yield a folder to write files into; it becomes `final` when the block succeeds.

    It replaces an empty folder at `final`, but not one with content. If the block fails, nothing
    is left. Raises OSError.
    """
    work = _hidden(final)
    work.mkdir(parents=True)
    try:
        with naming(final):
            yield work
            for path in [*work.iterdir(), work]:
                _flush(path)
            if final.is_dir():
                final.rmdir()
            work.rename(final)
            _flush(final.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a file or folder so that a kill leaves it whole or hidden; raises OSError."""
    doomed = _hidden(path)
    path.rename(doomed)
    _delete(doomed)


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove what killed processes left half written or half removed in `folder`.

    `name` is a glob pattern of the final names. No other process may be at work there. Raises
    OSError.
    """
    for leftover in folder.glob(f".{name}-{'[0-9a-f]' * 8}"):
        _delete(leftover)


@contextmanager
def os_errors_as(failure: type[CaptionganError], what: str, fix: str) -> Iterator[None]:
    """Turn an OSError of the block into a one-line error: `WHAT (REASON); FIX`.

    Args:
        failure: the class of the error.
        what: what failed, such as `output 'a.png' cannot be written`.
        fix: what the user can do.

    Raises:
        CaptionganError: of the class `failure`.
    """
    try:
        yield
    except OSError as error:
        raise failure(f"{what} ({_reason(error, what)}); {fix}") from error


def _reason(error: OSError, what: str) -> str:
    """Return the system's reason, with the name of the file unless `what` has it."""
    reason = " ".join((error.strerror or str(error)).split())  # PyArrow's have several lines
    named = error.filename is None or f"'{error.filename}'" in what
    return reason if named else f"{reason}: '{error.filename}'"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add this file's name to an OSError without one, such as the error of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def _hidden(path: Path) -> Path:
    """Return a hidden name beside `path`, for a file that is being written or removed."""
    return path.parent / f".{path.name[:100]}-{token_hex(4)}"


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _flush(path: Path) -> None:
    """Flush a file, or a folder's list of names, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
