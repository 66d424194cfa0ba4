"""A spreadsheet of captions, saved as CSV, and a folder or an archive of pictures.

    file,caption,class
    rose.jpg,a red rose,rose
    rose.jpg,a crimson flower,rose

Columns are separated by commas, semicolons or tabs. Each caption has a row or a column
(`caption 1`, `caption 2`) of its own. Pictures lie in the table's folder, or where `pictures` says.
"""

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from captiongan.base.lines import MAXIMUM_LINE
from captiongan.data.importers.items import (
    PICTURE,
    Box,
    Item,
    Note,
    Request,
    captioned,
    only_splits,
)
from captiongan.errors import DataError

COLUMNS = {
    "picture": ("file", "file_name", "filename", "image", "image_name", "picture", "path", "name"),
    "caption": ("caption", "captions", "text", "description", "sentence", "prompt", "title"),
    "class": ("class", "label", "category", "class_name"),
    "split": ("split", "subset", "set"),
}
"""The usual names of the columns; the first that the table has counts."""

_EDGES = ("left", "top", "width", "height")
_NUMBERED = re.compile(r"(.*?)[ _-]?\d+$")
_ENDINGS = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class Table:
    """A CSV file; its columns' names are stripped and in lower case."""

    path: Path
    delimiter: str
    columns: tuple[str, ...]

    def rows(self) -> Iterator[Mapping[str, str]]:
        """Stream the rows that are not blank; raises DataError if the file is no CSV file."""
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                lines = csv.reader(file, delimiter=self.delimiter, strict=True)
                next(lines, None)
                for line in lines:
                    if any(line):
                        cells = [*line, *[""] * len(self.columns)]
                        yield dict(zip(self.columns, cells, strict=False))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise _unreadable(self.path, error) from error

    def column(self, meaning: str, asked: Mapping[str, str]) -> str | None:
        """Return the column that holds the file, caption, class or split of a picture.

        Raises:
            DataError: the table lacks a column that the user named.
        """
        if meaning in asked:
            wanted = asked[meaning].strip().lower()
            if wanted not in self.columns:
                raise DataError(
                    f"--{meaning}-column '{asked[meaning]}' is not in '{self.path}'; choose one of "
                    + ", ".join(self.columns)
                )
            return wanted
        return next((name for name in COLUMNS[meaning] if name in self.columns), None)


def read(request: Request) -> Iterator[Item]:
    """Stream the pictures that the table names.

    Raises:
        DataError: there is no table, or it has no column of files or captions.
    """
    splits = only_splits(request, "csv", "source", "none")
    table = read_table(find_table(request.source))
    captions = _caption_columns(table, request.columns)
    if not captions:
        raise _no_column(table, "caption")
    notes: dict[str, Note] = {}
    for key, row in rows_by_file(table, request.columns):
        before = notes[key].captions if key in notes else ()
        texts = tuple(row[column] for column in captions if row[column].strip())
        notes[key] = note(table, row, before + texts, request.columns, splits == "source")
    return pictures_of(table, request, notes)


def find_table(source: Path) -> Path:
    """Return the table itself, or the only one in a folder; raises DataError."""
    if not source.is_dir():
        return source
    tables = sorted(path for path in source.iterdir() if path.suffix.lower() in _ENDINGS[:2])
    if len(tables) != 1:
        raise DataError(
            f"source '{source}' has {len(tables)} files .csv or .tsv; name the one to read"
        )
    return tables[0]


def read_table(path: Path) -> Table:
    """Read the header of a CSV file; raises DataError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            heading = file.readline(MAXIMUM_LINE)
            delimiter = max(",;\t", key=heading.count)
            (columns,) = csv.reader([heading], delimiter=delimiter)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from error
    return Table(path, delimiter, tuple(name.strip().lower() for name in columns))


def rows_by_file(table: Table, asked: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield each row with the normalised name of its picture; raises DataError."""
    column = table.column("picture", asked)
    if column is None:
        raise _no_column(table, "picture")
    for row in table.rows():
        name = row[column].strip().replace("\\", "/")
        if name:
            yield str(PurePosixPath(name)), row


def note(
    table: Table,
    row: Mapping[str, str],
    captions: tuple[str, ...],
    asked: Mapping[str, str],
    split_by_source: bool,
) -> Note:
    """Return a note with the captions, and what a row says of its picture."""
    label, split = table.column("class", asked), table.column("split", asked)
    return Note(
        captions,
        row[label].strip() or None if label else None,
        row[split].strip() or None if split and split_by_source else None,
        _box(row),
    )


def pictures_of(table: Table, request: Request, notes: Mapping[str, Note]) -> Iterator[Item]:
    """Stream the pictures that a table names, from its folder or from `request.pictures`.

    A name in the table is the end of a file's name: `rose.jpg` is found in `photos.zip` too. Files
    that the table does not name are skipped.
    """
    known = _Endings(notes)
    return captioned(request.pictures or table.path.parent, notes, known.key_of)


class _Endings:
    """Finds the name in a table with which a file's name ends."""

    def __init__(self, names: Mapping[str, Note]) -> None:
        self._names = names

    def key_of(self, name: str) -> str | None:
        if not PICTURE.search(name):
            return None
        parts = name.split("/")
        endings = ("/".join(parts[first:]) for first in range(len(parts)))
        return next((ending for ending in endings if ending in self._names), None)


def _caption_columns(table: Table, asked: Mapping[str, str]) -> Sequence[str]:
    """Return the column of captions, and its numbered companions."""
    first = table.column("caption", asked)
    stems = (first,) if first else COLUMNS["caption"]
    numbered = [
        name
        for name in table.columns
        if name != first and (found := _NUMBERED.fullmatch(name)) and found[1] in stems
    ]
    return [*([first] if first else []), *numbered]


def _box(row: Mapping[str, str]) -> Box | None:
    try:
        left, top, width, height = (float(row[edge]) for edge in _EDGES)
    except (KeyError, ValueError):
        return None
    box = left, top, left + width, top + height
    return box if all(map(math.isfinite, box)) else None


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"table '{path}' cannot be read ({error}); save it as CSV in UTF-8, with a header"
    )


def _no_column(table: Table, meaning: str) -> DataError:
    return DataError(
        f"table '{table.path}' has no column for the {meaning} (it has "
        f"{', '.join(table.columns)}); call one `{meaning}`, or name it with --{meaning}-column"
    )
