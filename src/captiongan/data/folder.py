"""The captioned folder: pictures, and a `metadata.jsonl` that describes each of them.

Each line of `metadata.jsonl` is a JSON object with `file_name` (a path inside the folder, with
forward slashes), `text` (a caption or a list of captions) and, if known, `class` (a string or an
integer). Other keys are ignored.

For a bad line or picture the reader yields a `Reject` and continues.
"""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from captiongan.base.files import os_errors_as
from captiongan.base.image_reading import (
    PictureFault,
    UnusablePictureError,
    read_picture,
    without_path,
)
from captiongan.base.lines import BadTextError, TextFault, json_object, json_type, numbered
from captiongan.base.safe_reading import open_regular
from captiongan.errors import DataError

METADATA = "metadata.jsonl"
"""The file that lists the pictures and their captions."""

MOST_METADATA = 2**30
"""The largest `metadata.jsonl` that is read, in bytes."""

_EXPECTED = (
    f'{METADATA} must hold a line per picture like {{"file_name": "a.jpg", "text": "a red flower"}}'
)

LineFault = Literal[
    "bad file name",
    "outside the folder",
    "duplicate",
    "missing file",
    "no caption",
    "bad caption",
    "bad class",
]
"""The faults of a line that is a JSON object."""

Kind = TextFault | LineFault | PictureFault
"""All faults of a line or its picture."""


@dataclass(frozen=True)
class Example:
    """One line of the metadata: a picture's name, its captions (at least one) and its class."""

    file_name: str
    captions: tuple[str, ...]
    label: str | None


@dataclass(frozen=True)
class LoadedExample:
    """An example with its decoded, upright RGB picture (uint8, 0 to 255)."""

    example: Example
    picture: Image.Image


@dataclass(frozen=True)
class Reject:
    """A line that cannot be used: its file and number (from 1), the kind of fault, the details."""

    file: str
    line: int
    kind: Kind
    reason: str
    file_name: str | None

    def __str__(self) -> str:
        """One printable line, such as `metadata.jsonl:12: a.jpg: too small (9x9; at least 64)`."""
        place = f"{self.file}:{self.line}: "
        if self.file_name is not None:
            place += f"{_printable(self.file_name)}: "
        return f"{place}{self.kind} ({_printable(self.reason)})"


@dataclass(frozen=True)
class Line:
    """A valid line, numbered from 1; its picture has not been opened."""

    number: int
    example: Example

    @property
    def identity(self) -> str:
        """Equal for all lines that name the same file, however they spell it."""
        return posixpath.normpath(self.example.file_name).casefold()

    def refused(self, kind: Kind, reason: str) -> Reject:
        """Return the reject of this line."""
        return Reject(METADATA, self.number, kind, reason, self.example.file_name)


class Verdicts:
    """Remembers which files are used or refused, so that each is decoded once.

    Of the lines that name the same file, the first usable one counts.
    """

    def __init__(self) -> None:
        self._used: dict[str, int] = {}
        self._refused: dict[str, Reject] = {}

    def on(self, line: Line) -> Reject | None:
        """Return the reject of a line if earlier lines decide it, else None."""
        if line.identity in self._used:
            return line.refused("duplicate", f"already on line {self._used[line.identity]}")
        before = self._refused.get(line.example.file_name)
        return before and line.refused(before.kind, before.reason)

    def note(self, line: Line, refusal: Reject | None) -> None:
        """Remember that a line is used, or why it is refused."""
        if refusal is None:
            self._used[line.identity] = line.number
        else:
            self._refused[line.example.file_name] = refusal


class _BadLineError(Exception):
    def __init__(self, kind: LineFault, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind: LineFault = kind
        self.reason = reason


def read_captioned_folder(root: Path, minimum_side: int) -> Iterator[LoadedExample | Reject]:
    """Stream the folder in the order of its metadata, decoding each usable picture once.

    Memory holds one picture at a time. Of the lines that name the same file, the first usable one
    counts.

    Args:
        root: the folder.
        minimum_side: fewest pixels of a picture's short side.

    Raises:
        DataError: at the call, if there is no folder or no metadata with at least one line.
    """
    return _stream(root, read_lines(root), minimum_side)


def read_lines(root: Path) -> Iterator[Line | Reject]:
    """Stream the lines of a folder's metadata without opening the pictures.

    Raises:
        DataError: as in `read_captioned_folder`.
    """
    what = f"data folder '{root}' has no readable {METADATA}"
    with os_errors_as(DataError, what, f"add it: {_EXPECTED}"):
        if not root.is_dir():
            raise DataError(f"data folder '{root}' is not a folder; give one: {_EXPECTED}")
        empty = next(_numbered(root), None) is None
    if empty:
        raise DataError(f"data folder '{root}' has an empty {METADATA}; fill it: {_EXPECTED}")
    return (parsed(number, line) for number, line in _numbered(root))


def _numbered(root: Path) -> Iterator[tuple[int, bytes]]:
    with open_regular(root / METADATA, root, MOST_METADATA) as file:
        yield from numbered(file)


def load(root: Path, line: Line, minimum_side: int) -> LoadedExample | Reject:
    """Decode the picture of a line, without regard to other lines."""
    try:
        picture = read_picture(_path(root, line.example.file_name), minimum_side)
    except _BadLineError as bad:
        return line.refused(bad.kind, bad.reason)
    except UnusablePictureError as unusable:
        return line.refused(unusable.fault, unusable.reason)
    return LoadedExample(line.example, picture)


def _stream(
    root: Path, lines: Iterable[Line | Reject], minimum_side: int
) -> Iterator[LoadedExample | Reject]:
    verdicts = Verdicts()
    for line in lines:
        if isinstance(line, Reject):
            yield line
            continue
        if refusal := verdicts.on(line):
            yield refusal
            continue
        item = load(root, line, minimum_side)
        verdicts.note(line, item if isinstance(item, Reject) else None)
        yield item


def parsed(number: int, line: bytes) -> Line | Reject:
    """Read a line of the metadata, numbered from 1."""
    file_name = None
    try:
        record = json_object(line)
        file_name = _file_name(record)
        return Line(number, Example(file_name, _captions(record), _label(record)))
    except (BadTextError, _BadLineError) as bad:
        return Reject(METADATA, number, bad.kind, bad.reason, file_name)


def _file_name(record: dict[str, object]) -> str:
    file_name = record.get("file_name")
    if not isinstance(file_name, str):
        raise _BadLineError("bad file name", f"file_name must be a string: {json_type(file_name)}")
    if not file_name.strip():
        raise _BadLineError("bad file name", "file_name is empty")
    if "\0" in file_name:
        raise _BadLineError("bad file name", "file_name holds a NUL byte")
    return file_name


def _captions(record: dict[str, object]) -> tuple[str, ...]:
    text = record.get("text")
    if text is None:
        raise _BadLineError("no caption", "text is missing")
    texts = text if isinstance(text, list) else [text]
    strings = [_words(item) for item in texts if isinstance(item, str)]
    if len(strings) < len(texts):
        raise _BadLineError("bad caption", "text must be a string or a list of strings")
    captions = tuple(filter(None, strings))
    if not captions:
        raise _BadLineError("no caption", "text is blank")
    return captions


def _label(record: dict[str, object]) -> str | None:
    label = record.get("class")
    if label is None:
        return None
    if isinstance(label, bool) or not isinstance(label, str | int):
        raise _BadLineError(
            "bad class", f"class must be a string or an integer: {json_type(label)}"
        )
    return _words(str(label)) or None


def _path(root: Path, file_name: str) -> Path:
    if leads_out(file_name):
        raise _BadLineError("outside the folder", "file_name must be a relative path without '..'")
    try:
        path = (root / file_name).resolve()
        inside, found = path.is_relative_to(root.resolve()), path.is_file()
    except (OSError, RuntimeError) as error:  # too long a name, no permission, a loop of links
        raise _BadLineError("missing file", without_path(error)) from error
    if not inside:
        raise _BadLineError("outside the folder", "file_name leads out of it by a link")
    if not found:
        raise _BadLineError("missing file", "no such file in the folder")
    return path


def leads_out(file_name: str) -> bool:
    """Return whether a picture's name is not that of a file below the folder."""
    return file_name.startswith("/") or ".." in file_name.split("/")


def _words(text: str) -> str:
    return " ".join(text.split())


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)
