"""Identifies the content of a source, so that a changed one is not taken for the same."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from captiongan.base.files import sha256_of
from captiongan.data.importers.items import PICTURE, Request
from captiongan.data.importers.source import hidden, is_archive

TABLES = (".csv", ".tsv", ".txt")
"""How the name of a table ends."""

_MOST_TO_HASH = 16 * 2**20


def content_of(request: Request, out: Path) -> str:
    """Return a sha256 of all that a request reads; what lies in `out` does not count.

    Tables and other small files count by their bytes, so a copy of them is the same; pictures,
    archives and large files by their size and time of change.
    """
    digest = hashlib.sha256()
    for path in filter(None, (request.source, request.pictures, request.template)):
        _add(digest.update, path, _below(path, out))
    if request.pictures is None and request.source.suffix.lower() in TABLES:
        folder = request.source.parent
        _add(digest.update, folder, (path for path in _below(folder, out) if _is_picture(path)))
    return digest.hexdigest()


def _add(update: Callable[[bytes], None], root: Path, paths: Iterator[Path]) -> None:
    for path in paths:
        try:
            name, state = path.relative_to(root).as_posix(), _state(path)
        except OSError:  # it is gone, or private; an importer says so
            continue
        update(f"{name}\0{state}\0".encode(errors="surrogateescape"))


def _below(path: Path, out: Path) -> Iterator[Path]:
    """Yield a file itself, or the files of a folder in a repeatable order."""
    if not path.is_dir():
        yield path
    skipped = out.resolve()
    for folder, folders, files in os.walk(path):
        inner = (name for name in folders if not hidden(name))
        folders[:] = sorted(name for name in inner if Path(folder, name).resolve() != skipped)
        yield from (Path(folder, name) for name in sorted(files) if not hidden(name))


def _is_picture(path: Path) -> bool:
    return bool(PICTURE.search(path.name)) or is_archive(path.name)


def _state(path: Path) -> str:
    facts = path.stat()
    if stat.S_ISREG(facts.st_mode) and facts.st_size <= _MOST_TO_HASH and not _is_picture(path):
        return sha256_of(path)
    return f"{facts.st_size} {facts.st_mtime_ns}"
