"""What may stand in a folder of anyone's in the place of a plain file."""

import os
from collections.abc import Callable
from pathlib import Path


def link(place: Path) -> None:
    """Put a link to a private file, with the content that was there."""
    private = place.parent.parent / f"private-{place.name}"
    private.write_bytes(place.read_bytes() if place.exists() else b"private")
    place.unlink(missing_ok=True)
    place.symlink_to(private)


def pipe(place: Path) -> None:
    """Put a pipe that nobody writes to."""
    place.unlink(missing_ok=True)
    os.mkfifo(place)


def endless(place: Path) -> None:
    """Put a link to a device without an end."""
    place.unlink(missing_ok=True)
    place.symlink_to("/dev/zero")


def folder(place: Path) -> None:
    """Put a folder."""
    place.unlink(missing_ok=True)
    place.mkdir()


def sparse(place: Path) -> None:
    """Grow the file to more bytes than there is memory for, without taking room on the disk."""
    with place.open("ab") as file:
        file.truncate(2**40)


NO_PLAIN_FILES: tuple[Callable[[Path], None], ...] = (link, pipe, endless, folder, sparse)
