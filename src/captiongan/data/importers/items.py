"""What an importer yields: pictures with what their source says of them, and what it lacks."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from captiongan.data.importers.source import members
from captiongan.errors import DataError

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels of the upright picture."""

Splits = Literal["classes", "source", "none"]
"""By whole classes, as the source has them, or all in one."""


@dataclass(frozen=True)
class Request:
    """What is asked of an importer; see `captiongan data import --help` for each.

    `columns` names the columns of a table that are not called as usual.
    """

    source: Path
    pictures: Path | None = None
    splits: Splits | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    template: Path | None = None
    seed: int = 0

    def facts(self) -> dict[str, Any]:
        """Return all that decides what is found, as values that JSON takes."""
        paths = {name: str(getattr(self, name)) for name in ("source", "pictures", "template")}
        return asdict(self) | paths


@dataclass(frozen=True, slots=True)
class Note:
    """What a source says of a picture: captions, and if known class, split and box."""

    captions: tuple[str, ...]
    label: str | None = None
    split: str | None = None
    box: Box | None = None


@dataclass(frozen=True)
class Found:
    """A picture of a source: its name there, which no other has, and its file's content.

    `read` raises MemberError, and can be called until the next item is asked for.
    """

    name: str
    note: Note
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Rejected:
    """What cannot be used: its name in the source, the kind of fault, and the details."""

    name: str
    kind: str
    reason: str


Item = Found | Rejected

PICTURE = re.compile(r"\.(jpe?g|png|webp|gif|bmp|tiff?|ppm)$", re.IGNORECASE)
"""What names of pictures end in, where a source does not list them."""

_SPLIT = re.compile(r"(?:^|[/_.-])(train|val|valid|validation|dev|test)(?:\d*)(?=[/_.-]|$)")


def captioned(
    source: Path, notes: Mapping[str, Note], key_of: Callable[[str], str | None]
) -> Iterator[Item]:
    """Stream the pictures of a source with the notes that were made of them before.

    `key_of` turns the name of a file into the key of its note; None if it is no picture.
    """
    found = set()
    for member in members(source):
        key = key_of(member.name)
        if key is None:
            continue
        found.add(key)
        if key in notes:
            yield Found(key, notes[key], member.read)
        else:
            yield Rejected(key, "no caption", "the source has none for it")
    for key in notes:
        if key not in found:
            yield Rejected(key, "missing file", "it has captions, but no picture")


def picture_name(name: str) -> str | None:
    """Return the last part of a picture's name, as sources list it; None for other files."""
    return posixpath.basename(name) if PICTURE.search(name) else None


def split_in(name: str) -> str | None:
    """Return the split that a file's name tells: `data/train-00000-of-00001.parquet` is train."""
    found = _SPLIT.search(name.lower())
    return found.group(1) if found else None


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Say which extra to install where what is imported in the block is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DataError(
            f"this kind needs the package '{error.name}', which is not installed: "
            f"pip install 'captiongan[{extra}]'"
        ) from error


def only_splits(request: Request, kind: str, *offered: Splits) -> Splits:
    """Return the way of splitting that was asked for, or else the first that a kind offers."""
    wanted = request.splits or offered[0]
    if wanted not in offered:
        raise DataError(
            f"--splits '{wanted}' cannot be had of {kind}: give one of " + ", ".join(offered)
        )
    return wanted
