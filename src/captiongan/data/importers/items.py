"""The items that an importer yields: pictures with what their source says of them, and rejects."""

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from captiongan.data.importers.source import Member, members
from captiongan.errors import DataError

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels of the upright picture."""

Splits = Literal["classes", "source", "none"]
"""By whole classes, as the source has them, or none."""


@dataclass(frozen=True)
class Request:
    """What the user asks of an importer; `captiongan data import --help` explains each field.

    `columns` names the columns of a table by their meaning, if they have unusual names.
    """

    source: Path
    pictures: Path | None = None
    splits: Splits | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    template: Path | None = None
    seed: int = 0

    def facts(self) -> dict[str, Any]:
        """Return all that decides the items, as JSON values."""
        paths = {name: str(getattr(self, name)) for name in ("source", "pictures", "template")}
        return asdict(self) | paths


@dataclass(frozen=True, slots=True)
class Note:
    """What a source says of a picture: captions, and class, split and box if known.

    `remarks` tell how it was found or read, where that is not plain.
    """

    captions: tuple[str, ...]
    label: str | None = None
    split: str | None = None
    box: Box | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A picture of a source: its unique name there, its note, and its file's content.

    `read` may be called until the next item is requested; it raises MemberError.
    """

    name: str
    note: Note
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Rejected:
    """An item that cannot be used: its name in the source, the kind of fault, the details."""

    name: str
    kind: str
    reason: str


Item = Found | Rejected

PICTURE = re.compile(r"\.(jpe?g|png|webp|gif|bmp|tiff?|ppm|avif|heic|heif)$", re.IGNORECASE)
"""Extensions of picture files, for sources that do not list their pictures.

HEIC is among them so that the account says what to do with it.
"""

_SPLIT = re.compile(r"(?:^|[/_.-])(train|val|valid|validation|dev|test)(?:\d*)(?=[/_.-]|$)")


def captioned(
    source: Path, notes: Mapping[str, Note], key_of: Callable[[str], str | None]
) -> Iterator[Item]:
    """Stream the pictures of a source with their notes, and a reject for each one without.

    Args:
        source: a folder or archive with the pictures.
        notes: the notes by key.
        key_of: returns the key of a file by its name; None if the file is no picture.
    """
    found = set()
    for member in members(source):
        if refusal := linked_folder(member):
            yield refusal
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


def linked_folder(member: Member) -> Rejected | None:
    """Return the reject of a link to a folder, whose pictures would be in no account otherwise."""
    return linked(member.name) if member.name.endswith("/") else None


def linked(name: str) -> Rejected:
    """Return the reject of a link to a folder."""
    return Rejected(name, "linked folder", "put the folder itself in the link's place")


def picture_name(name: str) -> str | None:
    """Return the last part of a picture's name; None for other files."""
    return posixpath.basename(name) if PICTURE.search(name) else None


def split_in(name: str) -> str | None:
    """Return the split in a file's name: `data/train-00000-of-00001.parquet` is train."""
    found = _SPLIT.search(name.lower())
    return found.group(1) if found else None


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Turn a missing package that the block imports into a DataError that names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DataError(
            f"this kind needs the package '{error.name}', which is not installed; "
            f"pip install 'captiongan[{extra}]'"
        ) from error


COLUMN_OPTIONS = ("picture-column", "caption-column", "class-column")
"""The options that name columns of a table, by their meaning."""


def only_splits(
    request: Request, kind: str, *offered: Splits, uses: Collection[str] = ()
) -> Splits:
    """Return the splits that the user asked for, or else the first that a kind offers.

    Args:
        request: what the user asks.
        kind: of the source.
        offered: the splits that the kind offers.
        uses: which of the options `pictures` and `COLUMN_OPTIONS` the kind uses.

    Raises:
        DataError: the user asked for other splits, or gave an option that would have no effect.
    """
    given = [f"{meaning}-column" for meaning in request.columns]
    given += ["pictures"] if request.pictures else []
    for option in given:
        if option not in uses:
            raise DataError(f"--{option} has no effect on {kind}; leave it out")
    wanted = request.splits or offered[0]
    if wanted not in offered:
        raise DataError(
            f"--splits '{wanted}' is not offered by {kind}; choose one of " + ", ".join(offered)
        )
    return wanted
