"""Files of prompts: txt, jsonl, csv and parquet, streamed row by row.

For a row that cannot be used, the reader yields a `Reject` and goes on. A file is copied before it
is read, so all that is drawn from it is drawn from the same bytes.
"""

import hashlib
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from captiongan.base.csv_rows import BadRow, csv_rows
from captiongan.base.files import os_errors_as
from captiongan.base.lines import BadTextError, decoded, json_object, json_type, numbered
from captiongan.base.parquet_pages import BadPagesError, check_pages
from captiongan.draw.prompts import SEEDS
from captiongan.errors import BulkError

PROMPT, SEED = "prompt", "seed"
"""The keys, or columns, that are read; others are ignored."""

MOST_DIGITS = len(str(SEEDS))

ROWS_AT_ONCE = 1024
"""Number of rows of a parquet file in memory at a time."""

_TEXTS = ("string", "large_string", "string_view")
"""How Arrow calls the types of a text."""

MOST_BYTES = 2**16
"""Of a prompt in a parquet file; a longer one could stand in any number of rows at no cost."""

CHUNK = 2**20


@dataclass(frozen=True)
class Row:
    """A prompt as it is in the file, its line (from 1), and its own seed, if any."""

    line: int
    prompt: str
    seed: int | None = None


@dataclass(frozen=True)
class Reject:
    """A row that cannot be drawn: its line (from 1), and the reason."""

    line: int
    reason: str


Rows = Iterator[Row | Reject]


@dataclass(frozen=True)
class Prompts:
    """A file of prompts as it was when it was opened, whatever becomes of it.

    `sha256` is that of the bytes from which the rows are read.
    """

    file: Path
    sha256: str
    _content: BinaryIO
    _reader: Callable[[Path, BinaryIO], Rows]

    def rows(self) -> Rows:
        """Stream the rows, from the first one on.

        Raises:
            BulkError: the file has no prompts to its header or table, or is a parquet file and
                pyarrow is missing.
        """
        with _readable(self.file):
            self._content.seek(0)
            yield from self._reader(self.file, self._content)


@contextmanager
def open_prompts(file: Path) -> Iterator[Prompts]:
    """Open a file of prompts, of which a temporary copy is made; its ending says how it is read.

    txt: a prompt a line. jsonl: an object a line. csv: a header, then a row a line. parquet: a
    table, whose rows count as lines. All but txt have a `prompt` and may have a `seed`. Blank lines
    are no rows.

    Raises:
        BulkError: it is no file that can be read, or ends in something else.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise BulkError(
            f"prompts '{file}' ends in '{file.suffix}', must be a {', '.join(_READERS)} file; "
            "convert or rename it"
        )
    if file.exists() and not file.is_file():
        raise BulkError(
            f"prompts '{file}' is not a regular file, must be one because a stopped job reads it "
            "again; write the prompts to a file first"
        )
    digest = hashlib.sha256()
    with TemporaryFile() as copy:
        with _readable(file), file.open("rb") as original:
            while chunk := original.read(CHUNK):
                digest.update(chunk)
                copy.write(chunk)
        yield Prompts(file, digest.hexdigest(), copy, reader)


def _readable(file: Path) -> AbstractContextManager[None]:
    fix = "check its path, permissions and content"
    return os_errors_as(BulkError, f"prompts '{file}' cannot be read", fix)


def _txt(_: Path, content: BinaryIO) -> Rows:
    for number, line in numbered(content):
        try:
            yield Row(number, decoded(line).rstrip("\r\n"))
        except BadTextError as bad:
            yield Reject(number, str(bad))


def _jsonl(_: Path, content: BinaryIO) -> Rows:
    for number, line in numbered(content):
        try:
            yield _row(number, json_object(line))
        except BadTextError as bad:
            yield Reject(number, str(bad))


def _csv(file: Path, content: BinaryIO) -> Rows:
    rows = csv_rows(
        (number, line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape"))
        for number, line in numbered(content)
    )
    header = next(rows, None)
    if isinstance(header, BadRow):
        raise BulkError(
            f"prompts '{file}': its first line is not a CSV header ({header.reason}); start with "
            f"'{PROMPT}'"
        )
    names = header.cells if header else []
    _check_columns(file, names)
    for row in rows:
        if isinstance(row, BadRow):
            yield Reject(row.line, f"bad CSV ({row.reason})")
        else:
            yield _csv_row(row.line, names, row.cells)


def _csv_row(line: int, header: Sequence[str], cells: Sequence[str]) -> Row | Reject:
    if len(cells) > len(header):
        return Reject(
            line, "bad CSV (more cells than columns: put a prompt with a comma in quotes)"
        )
    record = dict(zip(header, cells, strict=False))
    seed = record.get(SEED, "")
    whole = seed.isdecimal() and len(seed) <= MOST_DIGITS
    return _row(line, record | {SEED: int(seed) if whole else seed or None})


def _parquet(file: Path, content: BinaryIO) -> Rows:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        raise BulkError(
            f"prompts '{file}' is a parquet file, and the package '{error.name}' is not installed; "
            "pip install 'captiongan[parquet]', or write the prompts as jsonl"
        ) from error
    try:
        schema = parquet.read_schema(content)
        _check_columns(file, schema.names)
        columns = [name for name in (PROMPT, SEED) if name in schema.names]
        for name in columns:
            _check_type(file, name, schema.field(name).type)
        content.seek(0)
        # As a dictionary, so that a text that stands in many rows is in memory once.
        with parquet.ParquetFile(content, read_dictionary=[PROMPT]) as table:
            check_pages(content, table, columns)
            place = 0
            for batch in table.iter_batches(ROWS_AT_ONCE, columns=columns):
                for cells in zip(*batch.columns, strict=True):
                    place += 1
                    yield _row_of_cells(place, dict(zip(columns, cells, strict=True)))
    except (ArrowException, BadPagesError, UnicodeDecodeError) as error:  # names are texts too
        reason = " ".join(str(error).split())
        raise BulkError(
            f"prompts '{file}' is not a parquet file, or is damaged ({reason}); write it again"
        ) from error


def _row_of_cells(line: int, cells: Mapping[str, Any]) -> Row | Reject:
    try:
        return _row(line, {name: _value(cell) for name, cell in cells.items()})
    except UnicodeDecodeError as error:
        return Reject(line, f"not UTF-8 ({error.reason} at byte {error.start + 1})")
    except BadTextError as bad:
        return Reject(line, str(bad))


def _value(cell: Any) -> object:
    """Return a text or a number of a parquet file; raises BadTextError if it is too long."""
    if hasattr(cell, "dictionary"):
        cell = cell.value
    content = cell.as_buffer() if hasattr(cell, "as_buffer") else None
    if content is not None and content.size > MOST_BYTES:
        raise BadTextError("line too long", f"more than {MOST_BYTES} bytes")
    return cell.as_py()


def _check_type(file: Path, name: str, kind: Any) -> None:
    """Refuse types, such as odd times, some of whose values Python cannot express."""
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    if types.is_null(kind) or number or str(kind) in _TEXTS:
        return
    must = "texts" if name == PROMPT else "whole numbers"
    raise BulkError(
        f"prompts '{file}': column '{name}' holds {kind}, must hold {must}; convert the column"
    )


def _row(line: int, record: Mapping[str, object]) -> Row | Reject:
    prompt, seed = record.get(PROMPT), record.get(SEED)
    if not isinstance(prompt, str):
        return Reject(line, f"'{PROMPT}' must be a text: {json_type(prompt)}")
    try:
        prompt.encode()
    except UnicodeEncodeError:
        return Reject(line, "not UTF-8")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        return Reject(line, f"'{SEED}' must be a whole number: {reprlib.repr(seed)}")
    return Row(line, prompt, seed)


def _check_columns(file: Path, names: Sequence[str]) -> None:
    for name in (PROMPT, SEED):
        if list(names).count(name) > 1:
            raise BulkError(
                f"prompts '{file}' has {list(names).count(name)} columns '{name}', must have one; "
                "rename the others"
            )
    if PROMPT not in names:
        raise BulkError(
            f"prompts '{file}' has the columns {', '.join(names) or 'none'}, must have "
            f"'{PROMPT}'; rename the column with the sentences"
        )


_READERS = {".txt": _txt, ".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
