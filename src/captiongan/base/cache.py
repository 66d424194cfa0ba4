"""Where derived data lives: the picture stores and the embeddings, safe to delete at any time."""

import hashlib
import os
from pathlib import Path

from captiongan.base.files import replace_file
from captiongan.errors import OutputError

CACHE_VARIABLE = "CAPTIONGAN_CACHE"


def cache_folder(kind: str) -> Path:
    """Return the folder for one kind of derived data, made if absent.

    It is `$CAPTIONGAN_CACHE/kind`, or `~/.cache/captiongan/kind` where the variable is not set.

    Raises:
        OutputError: the folder cannot be made.
    """
    root = os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "captiongan"
    folder = Path(root) / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cache folder '{folder}' cannot be made ({error.strerror}); "
            f"set {CACHE_VARIABLE} to a folder that can be written to"
        ) from error
    return folder


def write_to_cache(file: Path, content: bytes) -> None:
    """Write a file of derived data, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        replace_file(file, content)
    except OSError as error:
        raise OutputError(
            f"cache file '{file}' cannot be written ({error.strerror}); "
            f"make room, or set {CACHE_VARIABLE} to another folder"
        ) from error


def write_sealed(file: Path, content: bytes) -> None:
    """Write a file of derived data behind a hash of it, so that damage of any kind is seen.

    Raises:
        OutputError: it cannot be written.
    """
    write_to_cache(file, hashlib.sha256(content).digest() + content)


def read_sealed(file: Path) -> bytes | None:
    """Return the content that `write_sealed` was given; None if it is absent or damaged."""
    try:
        sealed = file.read_bytes()
    except OSError:
        return None
    seal, content = sealed[: hashlib.sha256().digest_size], sealed[hashlib.sha256().digest_size :]
    return content if hashlib.sha256(content).digest() == seal else None
