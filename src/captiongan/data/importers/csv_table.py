"""A spreadsheet of captions, saved as CSV, and a folder or an archive of pictures.

    file,caption,class
    rose.jpg,a red rose,rose
    rose.jpg,a crimson flower,rose

Columns are separated by commas, semicolons or tabs. Each caption has a row or a column
(`caption 1`, `caption 2`) of its own. Pictures lie in the table's folder, or where `pictures` says.
"""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from captiongan.base.csv_rows import BadRow, csv_rows
from captiongan.base.lines import MAXIMUM_LINE, numbered
from captiongan.base.safe_reading import open_regular
from captiongan.data.importers.columns import COLUMNS, not_taken
from captiongan.data.importers.items import (
    COLUMN_OPTIONS,
    Box,
    Item,
    Note,
    Rejected,
    Request,
    only_splits,
)
from captiongan.data.importers.source import MAXIMUM_NOTES, is_archive, members
from captiongan.data.importers.table_pictures import pictures_of
from captiongan.errors import DataError

TABLE_OPTIONS = ("pictures", *COLUMN_OPTIONS)
"""The options of an import that tables use."""

_EDGES = ("left", "top", "width", "height")
_NUMBERED = re.compile(r"(.*?)[ _-]?\d+$")
_ENDINGS = (".csv", ".tsv")

REST_OF_ROW = "with unquoted commas: the rest of the row was taken as the caption"
"""The remark on a picture whose caption goes on where the row should end."""


@dataclass(frozen=True)
class Row:
    """The cells of a row by column, its line, and what there is to remark on it."""

    line: int
    cells: Mapping[str, str]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A CSV file; its columns' names are stripped and in lower case.

    `home` is the folder or archive that it lies in, `asked` the columns that the user named.
    """

    name: str
    home: Path
    open: Callable[[], BinaryIO]
    delimiter: str
    columns: tuple[str, ...]
    asked: Mapping[str, str]

    def rows(self) -> Iterator[Row | Rejected]:
        """Stream the rows that are not blank; raises DataError if the file cannot be read."""
        try:
            with _as_text(self.open()) as file:
                rows = csv_rows(numbered(file), self.delimiter)
                next(rows, None)
                for row in rows:
                    if isinstance(row, BadRow):
                        yield self.rejected(row.line, row.reason)
                    elif any(row.cells):
                        yield self._row(row.line, row.cells)
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def rejected(self, line: int, reason: str, kind: str = "bad row") -> Rejected:
        """Return the reject of a row."""
        return Rejected(f"{self.name}:{line}", kind, reason)

    def column(self, meaning: str) -> str | None:
        """Return the column that holds the file, caption, class or split of a picture.

        Raises:
            DataError: the table lacks a column that the user named.
        """
        if meaning in self.asked:
            wanted = self.asked[meaning].strip().lower()
            if wanted not in self.columns:
                raise DataError(
                    f"--{meaning}-column '{self.asked[meaning]}' is not in '{self.name}'; choose "
                    "one of " + ", ".join(self.columns)
                )
            return wanted
        return next((name for name in COLUMNS[meaning] if name in self.columns), None)

    def remarks(self, *meanings: str) -> tuple[str, ...]:
        """Return what there is to remark on every picture of the table, as `not_taken` does."""
        chosen = {meaning: self.column(meaning) for meaning in meanings}
        return not_taken(chosen, self.columns, self.asked)

    def captions(self) -> list[str]:
        """Return the column of captions, and its numbered companions."""
        first = self.column("caption")
        stems = (first,) if first else COLUMNS["caption"]
        numbered = [
            name
            for name in self.columns
            if name != first and (found := _NUMBERED.fullmatch(name)) and found[1] in stems
        ]
        return [*([first] if first else []), *numbered]

    def _row(self, line: int, cells: list[str]) -> Row | Rejected:
        """Name the cells; more of them than columns are the rest of a caption, or a bad row."""
        width = len(self.columns)
        beyond, remarks = cells[width:], tuple[str, ...]()
        if any(cell.strip() for cell in beyond):
            if self.captions() != [self.columns[-1]]:
                reason = f"{len(cells)} cells for {width} columns"
                return self.rejected(line, f"{reason}; put text with '{self.delimiter}' in quotes")
            cells = [*cells[: width - 1], self.delimiter.join(cells[width - 1 :])]
            remarks = (REST_OF_ROW,)
        padded = [*cells, *[""] * width]
        return Row(line, dict(zip(self.columns, padded, strict=False)), remarks)


def read(request: Request) -> Iterator[Item]:
    """Stream the pictures that the table names.

    Raises:
        DataError: there is no table, or it has no column of files or captions.
    """
    splits = only_splits(request, "csv", "source", "none", uses=TABLE_OPTIONS)
    table = read_table(request)
    captions, remarks = table.captions(), table.remarks("caption", "class")
    if not captions:
        raise _no_column(table, "caption")
    notes: dict[str, Note] = {}
    for item in rows_by_file(table):
        if isinstance(item, Rejected):
            yield item
            continue
        key, row = item
        before = notes.get(key, Note((), remarks=remarks))
        texts = tuple(row.cells[column] for column in captions if row.cells[column].strip())
        told = note(table, row, texts, splits == "source", row.remarks)
        if reason := _contradiction(before, told):
            yield table.rejected(row.line, f"{reason} of '{key}'; correct one", "contradiction")
        else:
            notes[key] = _joined(before, told)
    yield from pictures_of(request.pictures or table.home, notes)


def read_table(request: Request) -> Table:
    """Read the header of the table, or of the only one in a folder or an archive.

    Raises:
        DataError: there is no such table, or it cannot be read.
    """
    name, home, opener = _find(request.source)
    try:
        with _as_text(opener()) as file:
            heading = file.readline(MAXIMUM_LINE)
        heading.encode()
        delimiter = max(",;\t", key=heading.count)
        (columns,) = csv.reader([heading], delimiter=delimiter)
    except (OSError, UnicodeError, csv.Error) as error:
        raise _unreadable(name, error) from error
    names = tuple(unicodedata.normalize("NFC", name).strip().lower() for name in columns)
    return Table(name, home, opener, delimiter, names, request.columns)


def holds_table(source: Path) -> bool:
    """Return whether a source is a table, or a folder with one."""
    if source.is_dir():
        return bool(_tables(source))
    return source.suffix.lower() in (*_ENDINGS, ".txt")


def _find(source: Path) -> tuple[str, Path, Callable[[], BinaryIO]]:
    """Return the name of the only table, what it lies in, and how it is opened."""
    if source.is_dir():
        names, name = _tables(source), ""
        if len(names) == 1:
            (name,) = names
        opener: Callable[[], BinaryIO] = partial(open_regular, source / name, source, MAXIMUM_NOTES)
        home = source
    elif is_archive(source.name):
        names, content = [], b""
        for member in members(source):
            if member.name.lower().endswith(_ENDINGS):
                names.append(member.name)
                content = member.notes()
        opener, home = partial(io.BytesIO, content), source
    else:
        return str(source), source.parent, lambda: source.open("rb")
    if len(names) != 1:
        raise DataError(
            f"source '{source}' has {len(names)} files .csv or .tsv; name the one to read"
        )
    return names[0], home, opener


def _tables(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)


def _as_text(file: IO[bytes]) -> io.TextIOWrapper:
    """Read a file as UTF-8; the spine of the importers refuses what is not."""
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


def rows_by_file(table: Table) -> Iterator[tuple[str, Row] | Rejected]:
    """Yield each row with the normalised name of its picture; raises DataError."""
    column = table.column("picture")
    if column is None:
        raise _no_column(table, "picture")
    for row in table.rows():
        if isinstance(row, Rejected):
            yield row
        elif name := row.cells[column].strip().replace("\\", "/"):
            yield str(PurePosixPath(unicodedata.normalize("NFC", name))), row
        else:
            yield table.rejected(row.line, "the row names no picture", "missing file")


def note(
    table: Table,
    row: Row,
    captions: tuple[str, ...],
    split_by_source: bool,
    remarks: tuple[str, ...] = (),
) -> Note:
    """Return a note with the captions, and what a row says of its picture."""
    label, split = table.column("class"), table.column("split")
    return Note(
        captions,
        row.cells[label].strip() or None if label else None,
        row.cells[split].strip() or None if split and split_by_source else None,
        _box(row.cells),
        remarks,
    )


def _contradiction(before: Note, told: Note) -> str:
    """Say in what a row contradicts earlier rows of its picture; empty if in nothing."""
    pairs = {"class": (before.label, told.label), "split": (before.split, told.split)}
    return next(
        (
            f"{what} '{new}' here, '{old}' on an earlier line"
            for what, (old, new) in pairs.items()
            if old and new and old != new
        ),
        "",
    )


def _joined(before: Note, told: Note) -> Note:
    """Return what all rows of a picture say of it; the last box counts."""
    return replace(
        before,
        captions=before.captions + told.captions,
        label=before.label or told.label,
        split=before.split or told.split,
        box=told.box or before.box,
        remarks=tuple(dict.fromkeys(before.remarks + told.remarks)),
    )


def _box(row: Mapping[str, str]) -> Box | None:
    try:
        left, top, width, height = (float(row[edge]) for edge in _EDGES)
    except (KeyError, ValueError):
        return None
    box = left, top, left + width, top + height
    return box if all(map(math.isfinite, box)) else None


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(
        f"table '{name}' cannot be read ({error}); save it as CSV in UTF-8, with a header"
    )


def _no_column(table: Table, meaning: str) -> DataError:
    return DataError(
        f"table '{table.name}' has no column for the {meaning} (it has "
        f"{', '.join(table.columns)}); call one `{meaning}`, or name it with --{meaning}-column"
    )
