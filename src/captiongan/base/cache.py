"""Where derived data lives: picture stores, embeddings, features. Safe to delete at any time."""

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from platformdirs import user_cache_path

from captiongan.base.files import os_errors_as, replace_file
from captiongan.errors import OutputError

CACHE_VARIABLE = "CAPTIONGAN_CACHE"

_SEAL = hashlib.sha256().digest_size


def cache_folder(kind: str) -> Path:
    """Return the folder for one kind of derived data, made if absent.

    It is `$CAPTIONGAN_CACHE/KIND`. Without the variable it is a folder of `~/.cache/captiongan`, if
    that exists, or else of the place where the operating system keeps caches.

    Raises:
        OutputError: the folder cannot be made.
    """
    folder = _root() / kind
    fix = f"set {CACHE_VARIABLE} to a folder that can be written to"
    with os_errors_as(OutputError, f"cache folder '{folder}' cannot be made", fix):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def writing_to_cache(what: str) -> AbstractContextManager[None]:
    """Turn an OSError of the block into an OutputError that says how to make room.

    `what` names what is written there, such as `cache file 'a'`.
    """
    fix = f"make room, or set {CACHE_VARIABLE} to another folder"
    return os_errors_as(OutputError, f"{what} cannot be written", fix)


def write_to_cache(file: Path, content: bytes) -> None:
    """Write a file of derived data, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with writing_to_cache(f"cache file '{file}'"):
        replace_file(file, content)


def cached(kind: str, name: str, compute: Callable[[], bytes]) -> bytes:
    """Return derived data from the cache, computed first if it is absent there or damaged.

    A hash in front of the content reveals damage.

    Args:
        kind: which folder of the cache.
        name: of the file there; it identifies all that the content depends on.
        compute: returns the content.

    Raises:
        OutputError: the cache cannot be written.
    """
    file = cache_folder(kind) / name
    content = _read_sealed(file)
    if content is None:
        content = compute()
        write_to_cache(file, hashlib.sha256(content).digest() + content)
    return content


def _root() -> Path:
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    usual = Path.home() / ".cache" / "captiongan"
    return usual if usual.is_dir() else user_cache_path("captiongan", appauthor=False)


def _read_sealed(file: Path) -> bytes | None:
    """Return the content behind the hash; None if the file is absent or damaged."""
    try:
        sealed = file.read_bytes()
    except OSError:
        return None
    content = sealed[_SEAL:]
    return content if hashlib.sha256(content).digest() == sealed[:_SEAL] else None
