"""The captioned folder: pictures and one `metadata.jsonl` that says what each of them shows.

Each line of `metadata.jsonl` is a JSON object with `file_name` (a path inside the folder, with
forward slashes), `text` (a caption or a list of captions) and, if known, `class` (a string or an
integer). Other keys are ignored.

A bad line or picture costs only itself: the reader yields a `Reject` for it and goes on.
"""

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from captiongan.base.image_reading import (
    PictureFault,
    UnusablePictureError,
    read_picture,
    without_path,
)
from captiongan.base.lines import BadTextError, TextFault, json_object, json_type, numbered_lines
from captiongan.errors import DataError

METADATA = "metadata.jsonl"
"""Name of the file that lists the pictures and their captions."""

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
"""The ways in which a line that is a JSON object can be unusable."""

Kind = TextFault | LineFault | PictureFault
"""The ways in which a line or its picture can be unusable."""


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
    """A line that cannot be used: where it stands (from 1), the kind of fault, and the details."""

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
class Summary:
    """What a captioned folder holds: counts of pictures, captions, classes and rejects.

    `fewest`, `mean` and `most` are captions per usable picture (0 without pictures), `classes`
    maps each class to its number of pictures, `rejects` each kind of fault to its number of lines.
    """

    pictures: int
    captions: int
    fewest: int
    mean: float
    most: int
    classes: Mapping[str, int]
    rejects: Mapping[Kind, int]

    @property
    def obstacle(self) -> str | None:
        """Why this cannot be trained on, if so."""
        return obstacle(self.pictures, self.classes)


@dataclass(frozen=True)
class Line:
    """A line that says what it must, numbered from 1; its picture has not been looked at."""

    number: int
    example: Example

    @property
    def identity(self) -> str:
        """What it has in common with lines that name the same file, however they spell it."""
        return posixpath.normpath(self.example.file_name).casefold()

    def refused(self, kind: Kind, reason: str) -> Reject:
        """Return what becomes of it if it cannot be used."""
        return Reject(METADATA, self.number, kind, reason, self.example.file_name)


class Verdicts:
    """What became of the files that lines have named: each is judged once.

    Of the lines that name the same file, the first usable one counts.
    """

    def __init__(self) -> None:
        self._used: dict[str, int] = {}
        self._refused: dict[str, Reject] = {}

    def on(self, line: Line) -> Reject | None:
        """Return why a line cannot be used, if the lines before it tell."""
        if line.identity in self._used:
            return line.refused("duplicate", f"already on line {self._used[line.identity]}")
        before = self._refused.get(line.example.file_name)
        return before and line.refused(before.kind, before.reason)

    def note(self, line: Line, refusal: Reject | None) -> None:
        """Remember that a line is used, or why not."""
        if refusal is None:
            self._used[line.identity] = line.number
        else:
            self._refused[line.example.file_name] = refusal


class _BadLineError(Exception):
    def __init__(self, kind: LineFault, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind: LineFault = kind
        self.reason = reason


def obstacle(pictures: int, classes: Mapping[str, int]) -> str | None:
    """Say why so many pictures, of these classes where known, cannot be trained on, if so."""
    if pictures < 2:
        return f"{pictures} usable pictures are too few, no caption can mismatch; add more"
    if pictures in classes.values():
        return (
            f"all {pictures} pictures are of class '{next(iter(classes))}', so no caption can "
            "mismatch; leave `class` out or add pictures of another class"
        )
    return None


def read_captioned_folder(root: Path, minimum_side: int) -> Iterator[LoadedExample | Reject]:
    """Stream the folder in the order of its metadata, decoding each usable picture once.

    `minimum_side` is the least number of pixels on a picture's short side. Memory holds one
    picture at a time. Of two lines that name the same file, the first usable
    one counts.

    Raises `DataError`, at the call, if there is no folder or no metadata with at least one line.
    """
    return _stream(root, read_lines(root), minimum_side)


def read_lines(root: Path) -> Iterator[Line | Reject]:
    """Stream the lines of a folder's metadata; of what they name, nothing is looked at.

    Raises `DataError` as `read_captioned_folder` does.
    """
    try:
        if not root.is_dir():
            raise DataError(
                f"data folder {str(root)!r} is not a folder: give one with pictures; {_EXPECTED}"
            )
        empty = next(numbered_lines(root / METADATA), None) is None
    except OSError as error:
        raise DataError(
            f"data folder {str(root)!r} has no readable {METADATA} ({error.strerror}): add it; "
            f"{_EXPECTED}"
        ) from error
    if empty:
        raise DataError(f"data folder {str(root)!r} has an empty {METADATA}: fill it; {_EXPECTED}")
    return (_parsed(number, line) for number, line in numbered_lines(root / METADATA))


def load(root: Path, line: Line, minimum_side: int) -> LoadedExample | Reject:
    """Decode the picture of a line, whatever other lines name."""
    try:
        picture = read_picture(_path(root, line.example.file_name), minimum_side)
    except _BadLineError as bad:
        return line.refused(bad.kind, bad.reason)
    except UnusablePictureError as unusable:
        return line.refused(unusable.fault, unusable.reason)
    return LoadedExample(line.example, picture)


def summarise(items: Iterable[LoadedExample | Reject]) -> Summary:
    """Count what the reader yields, keeping none of the pictures."""
    captions: list[int] = []
    classes: Counter[str] = Counter()
    rejects: Counter[Kind] = Counter()
    for item in items:
        if isinstance(item, Reject):
            rejects[item.kind] += 1
            continue
        captions.append(len(item.example.captions))
        if item.example.label is not None:
            classes[item.example.label] += 1
    return Summary(
        pictures=len(captions),
        captions=sum(captions),
        fewest=min(captions, default=0),
        mean=sum(captions) / max(len(captions), 1),
        most=max(captions, default=0),
        classes=classes,
        rejects=rejects,
    )


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


def _parsed(number: int, line: bytes) -> Line | Reject:
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
    if file_name.startswith("/") or ".." in file_name.split("/"):
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


def _words(text: str) -> str:
    return " ".join(text.split())


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)
