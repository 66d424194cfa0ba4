"""Files of prompts: txt, jsonl, csv and parquet, streamed row by row.

For a row that cannot be used, the reader yields a `Reject` and goes on.
"""

import csv
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from captiongan.base.files import os_errors_as
from captiongan.base.lines import BadTextError, decoded, json_object, json_type, numbered_lines
from captiongan.draw.prompts import SEEDS
from captiongan.errors import BulkError

PROMPT, SEED = "prompt", "seed"
"""The keys, or columns, that are read; others are ignored."""

MOST_DIGITS = len(str(SEEDS))

ROWS_AT_ONCE = 1024
"""Number of rows of a parquet file in memory at a time."""


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


def read_rows(file: Path) -> Rows:
    """Stream the rows of a file of prompts; its ending says how it is read.

    txt: a prompt a line. jsonl: an object a line. csv: a header, then a row a line. parquet: a
    table, whose rows count as lines. All but txt have a `prompt` and may have a `seed`. Blank lines
    are no rows.

    Raises:
        BulkError: it is no file that can be read, ends in something else, has no prompts to its
            header or table, or is a parquet file and pyarrow is missing.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise BulkError(
            f"prompts '{file}' ends in '{file.suffix}', must be a {', '.join(_READERS)} file; "
            "convert or rename it"
        )
    if file.exists() and not file.is_file():
        raise BulkError(
            f"prompts '{file}' is not a regular file, must be one because it is read twice; "
            "write the prompts to a file first"
        )
    return _reading(file, reader(file))


def _reading(file: Path, rows: Rows) -> Rows:
    fix = "check its path, permissions and content"
    with os_errors_as(BulkError, f"prompts '{file}' cannot be read", fix):
        yield from rows


def _txt(file: Path) -> Rows:
    for number, line in numbered_lines(file):
        try:
            yield Row(number, decoded(line).rstrip("\r\n"))
        except BadTextError as bad:
            yield Reject(number, str(bad))


def _jsonl(file: Path) -> Rows:
    for number, line in numbered_lines(file):
        try:
            yield _row(number, json_object(line))
        except BadTextError as bad:
            yield Reject(number, str(bad))


def _csv(file: Path) -> Rows:
    place = 0

    def texts() -> Iterator[str]:
        nonlocal place
        for place, line in numbered_lines(file):
            yield line.decode("utf-8-sig" if place == 1 else "utf-8", "surrogateescape")

    records = csv.DictReader(texts(), strict=True)
    try:
        _check_columns(file, records.fieldnames or [])
    except csv.Error as error:
        raise BulkError(
            f"prompts '{file}': its first line is not a CSV header ({error}); start with '{PROMPT}'"
        ) from error
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(place, f"bad CSV ({error})")
        else:
            yield _csv_row(place, record)


def _csv_row(line: int, record: dict[str, str]) -> Row | Reject:
    if None in record:  # where the reader puts what is beyond the last column
        return Reject(
            line, "bad CSV (more cells than columns: put a prompt with a comma in quotes)"
        )
    seed = record.get(SEED, "")
    whole = seed.isdecimal() and len(seed) <= MOST_DIGITS
    return _row(line, record | {SEED: int(seed) if whole else seed or None})


def _parquet(file: Path) -> Rows:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        raise BulkError(
            f"prompts '{file}' is a parquet file, and the package '{error.name}' is not installed; "
            "pip install 'captiongan[parquet]', or write the prompts as jsonl"
        ) from error
    try:
        with parquet.ParquetFile(file) as table:
            _check_columns(file, table.schema_arrow.names)
            columns = [name for name in (PROMPT, SEED) if name in table.schema_arrow.names]
            place = 0
            for batch in table.iter_batches(ROWS_AT_ONCE, columns=columns):
                for cells in zip(*batch.columns, strict=True):
                    place += 1
                    yield _row_of_cells(place, dict(zip(columns, cells, strict=True)))
    except ArrowException as error:
        raise BulkError(
            f"prompts '{file}' is not a parquet file, or is damaged ({error}); write it again"
        ) from error


def _row_of_cells(line: int, cells: Mapping[str, Any]) -> Row | Reject:
    try:
        return _row(line, {name: cell.as_py() for name, cell in cells.items()})
    except UnicodeDecodeError as error:
        return Reject(line, f"not UTF-8 ({error.reason} at byte {error.start + 1})")


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
    if PROMPT not in names:
        raise BulkError(
            f"prompts '{file}' has the columns {', '.join(names) or 'none'}, must have "
            f"'{PROMPT}'; rename the column with the sentences"
        )


_READERS = {".txt": _txt, ".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
