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
    """Return the folder for one kind of derived data, created if absent.

    It is `$CAPTIONGAN_CACHE/KIND`. Without the variable it is a folder in `~/.cache/captiongan` if
    that exists, or else in the operating system's place for caches.

    Raises:
        OutputError: the folder cannot be created.
    """
    folder = _root() / kind
    fix = f"set {CACHE_VARIABLE} to a writable folder"
    with os_errors_as(OutputError, f"cache folder '{folder}' cannot be created", fix):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def writing_to_cache(what: str) -> AbstractContextManager[None]:
    """Turn an OSError of the block into an OutputError that says how to make room.

    `what` is what the block writes, such as `cache file 'a'`.
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
    """Return derived data from the cache; compute it if the file is absent or damaged.

    A hash before the content reveals damage.

    Args:
        kind: the folder of the cache.
        name: of the file; it identifies everything that the content depends on.
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
    try:
        usual = Path.home() / ".cache" / "captiongan"
    except RuntimeError as error:
        raise OutputError(
            f"cache folder: there is no home directory for it ({error}); set {CACHE_VARIABLE} to a "
            "folder that can be written to"
        ) from error
    return usual if usual.is_dir() else user_cache_path("captiongan", appauthor=False)


def _read_sealed(file: Path) -> bytes | None:
    """Return the content after the hash; None if the file is absent or damaged."""
    try:
        sealed = file.read_bytes()
    except OSError:
        return None
    content = sealed[_SEAL:]
    return content if hashlib.sha256(content).digest() == sealed[:_SEAL] else None
