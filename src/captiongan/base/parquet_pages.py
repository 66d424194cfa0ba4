"""Checks the pages of a parquet file before PyArrow unpacks them.

A page says itself how many bytes it unpacks to; the list at the end of the file may say otherwise,
and PyArrow believes the page. Pages are read here as far as their headers go, without unpacking.
The format is that of parquet-format (`PageHeader`), in Thrift's compact protocol.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

MOST_BYTES = 2**30
"""The most bytes of a page, packed or not."""

MOST_RATIO, FREE = 8, 2**26
"""A page may unpack to `MOST_RATIO` times its size and `FREE` bytes."""

MOST_LISTED = 2**22
"""The most values in all lists of a row group, which may all stand in one row."""

ENCODINGS = {0: "PLAIN", 2: "PLAIN_DICTIONARY", 3: "RLE", 5: "DELTA_BINARY_PACKED"} | {
    8: "RLE_DICTIONARY",
    9: "BYTE_STREAM_SPLIT",
}
"""Those in which a text takes its length in bytes, or stands in a dictionary once."""

TEXT, OTHER = "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"
"""What a text is, and what else may be long."""

Facts = dict[int, Any]
"""The fields of a Thrift structure by their numbers."""

_UNPACKED, _PACKED = 2, 3
_DICTIONARY, _VALUES = 7, 1
_PARTS = {5: 2, _DICTIONARY: 2, 8: 4}
"""The headers of the kinds of pages, and in each the number of its encoding."""

_DEEPEST = 8


class BadPagesError(Exception):
    """A parquet file that is damaged or made to do harm; the message says how."""


@dataclass(frozen=True)
class _Chunk:
    """Where the pages of a column lie in the file."""

    name: str
    start: int
    end: int


def check_pages(content: BinaryIO, table: Any, columns: Collection[str]) -> int:
    """Check all pages of some columns, and return how many bytes they unpack to together.

    Args:
        content: the file.
        table: its `pyarrow.parquet.ParquetFile`.
        columns: the names of the columns that are to be read.

    Raises:
        BadPagesError: a page is too large, or not what it should be.
    """
    return sum(
        _unpacked(header, chunk.name)
        for chunk in _chunks(table, columns)
        for header in _headers(content, chunk)
    )


def texts_in_lists(table: Any, columns: Collection[str]) -> list[str]:
    """Return the paths of texts of which a row can have any number, to be read as dictionaries.

    Raises:
        BadPagesError: there are other values of which a row can have any number, or too many.
    """
    listed: Counter[str] = Counter()
    for chunk, column in _columns(table, columns):
        if column.max_repetition_level:
            listed[column.path] += chunk.num_values
            if column.physical_type == OTHER or listed[column.path] > MOST_LISTED:
                raise BadPagesError(
                    f"the lists in '{column.path}' have other values than texts, or more than "
                    f"{MOST_LISTED:,}"
                )
    kinds = (table.schema.column(number) for number in range(len(table.schema)))
    return [each.path for each in kinds if each.path in listed and each.physical_type == TEXT]


def _columns(table: Any, columns: Collection[str]) -> Iterator[tuple[Any, Any]]:
    """Yield the facts of each wanted chunk, and those of its column."""
    for group in range(table.metadata.num_row_groups):
        facts = table.metadata.row_group(group)
        for number in range(facts.num_columns):
            chunk = facts.column(number)
            path = f"{chunk.path_in_schema}."
            if any(path.startswith(f"{name}.") for name in columns):
                yield chunk, table.schema.column(number)


def _chunks(table: Any, columns: Collection[str]) -> Iterator[_Chunk]:
    for chunk, _ in _columns(table, columns):
        start = chunk.data_page_offset
        if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
            start = chunk.dictionary_page_offset
        yield _Chunk(chunk.path_in_schema, start, start + chunk.total_compressed_size)


def _headers(content: BinaryIO, chunk: _Chunk) -> Iterator[Facts]:
    """Yield the header of each page of a chunk."""
    place = chunk.start
    while place < chunk.end:
        content.seek(place)
        header = _structure(content, 0)
        if not 0 <= (packed := _whole(header, _PACKED)) <= MOST_BYTES:
            raise BadPagesError(f"a page of '{chunk.name}' says that it has {packed:,} bytes")
        yield header
        place = content.tell() + packed


def _unpacked(header: Facts, name: str) -> int:
    """Return how many bytes a page unpacks to; raises BadPagesError."""
    packed, unpacked = _whole(header, _PACKED), _whole(header, _UNPACKED)
    if not 0 <= unpacked <= min(MOST_BYTES, FREE + MOST_RATIO * packed):
        raise BadPagesError(f"a page of '{name}' unpacks from {packed:,} to {unpacked:,} bytes")
    for number, place in _PARTS.items():
        if number in header and _whole(header[number], place) not in ENCODINGS:
            raise BadPagesError(
                f"'{name}' has an encoding that is none of {', '.join(ENCODINGS.values())}"
            )
    if _DICTIONARY in header and _whole(header[_DICTIONARY], _VALUES) > unpacked:
        raise BadPagesError(f"the dictionary of '{name}' says that it has more values than bytes")
    return unpacked


def _whole(facts: Any, number: int) -> int:
    """Return a number of a structure that has it."""
    value = facts.get(number) if isinstance(facts, dict) else None
    if type(value) is not int:
        raise BadPagesError("the header of a page is damaged")
    return value


def _structure(content: BinaryIO, depth: int) -> Facts:
    """Read a structure whose fields are in order, each there once."""
    if depth > _DEEPEST:
        raise BadPagesError("the header of a page nests too deeply")
    facts: Facts = {}
    number = 0
    while head := _byte(content):
        kind, step = head & 15, head >> 4
        following = number + step if step else _signed(content)
        if following <= number:
            raise BadPagesError("the header of a page is damaged")
        number = following
        facts[number] = _value(content, kind, depth)
    return facts


def _value(content: BinaryIO, kind: int, depth: int) -> Any:
    """Read a value; of a text or a list, which nobody needs here, nothing is kept."""
    if kind in (1, 2):  # true and false
        return kind == 1
    if kind == 3:
        return _byte(content)
    if kind in (4, 5, 6):
        return _signed(content)
    if kind == 7:
        return content.seek(8, 1) and None
    if kind == 8:
        return content.seek(_number(content), 1) and None
    if kind in (9, 10):
        return _pass_list(content, depth + 1)
    if kind == 12:
        return _structure(content, depth + 1)
    raise BadPagesError(f"the header of a page has a field of type {kind}")


def _pass_list(content: BinaryIO, depth: int) -> None:
    head = _byte(content)
    for _ in range(_number(content) if head >> 4 == 15 else head >> 4):
        if head & 15 in (1, 2):
            _byte(content)
        elif depth <= _DEEPEST:
            _value(content, head & 15, depth)


def _signed(content: BinaryIO) -> int:
    number = _number(content)
    return (number >> 1) ^ -(number & 1)


def _number(content: BinaryIO) -> int:
    """Read an integer with seven bits in each byte; a larger one has its lowest bits alone."""
    number = 0
    for place in range(5):
        byte = _byte(content)
        number |= (byte & 127) << 7 * place
        if byte < 128:
            if number < 2**32:
                return number
            break
    raise BadPagesError("the header of a page has a number that is too large")


def _byte(content: BinaryIO) -> int:
    byte = content.read(1)
    if not byte:
        raise BadPagesError("it is cut short within a page")
    return byte[0]
