"""Files and folders that appear whole or not at all, and the hash that tells whether they are."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content in hexadecimal; raises OSError."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a kill leaves the old content or the new, never half; raises OSError."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(final: Path) -> Iterator[BinaryIO]:
    """Give a file to write to; it becomes `final`, or replaces it, when the block ends well.

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
    """Give a folder to write files into; it becomes `final` when the block ends well.

    An empty folder at `final` gives way; one with content does not. If the block fails, nothing is
    left. Raises OSError.
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
    """Remove a file or folder so that a kill leaves all of it, or a leftover; raises OSError."""
    doomed = _hidden(path)
    path.rename(doomed)
    _delete(doomed)


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove what killed processes were writing or removing in `folder`; raises OSError.

    Only of what was called `name`, a glob pattern. No other process may be at work there.
    """
    for leftover in folder.glob(f".{name}-{'[0-9a-f]' * 8}"):
        _delete(leftover)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError that names no file, as those of a full disk, name this one."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def _hidden(path: Path) -> Path:
    """Return the name under which something lies that is not there yet, or no longer."""
    return path.parent / f".{path.name[:100]}-{token_hex(4)}"


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _flush(path: Path) -> None:
    """Make the system write a file, or a folder's list of names, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
