"""Checks the pages of a parquet file before PyArrow unpacks them.

A page says itself how many bytes it unpacks to; the list at the end of the file may say otherwise,
and PyArrow believes the page. Pages are read here as far as their headers go, without unpacking.
The list itself is checked first, because PyArrow ends the process when it finds some faults there.
The format is that of parquet-format (`PageHeader`, `FileMetaData`), in Thrift's compact protocol.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO
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

_GROUPS, _CHUNKS, _FACTS, _ENCRYPTED = 4, 1, 3, 8
_SIZES, _BYTES_OF_TEXTS, _REPETITIONS, _DEFINITIONS = 16, 1, 2, 3
"""In the list at the end: row groups, their chunks, and what a chunk says of its sizes."""

Kept = dict[int, Any]
"""Which lists of a structure are kept: by their numbers, what is kept in each structure there."""

_KEPT_AT_END: Kept = {
    _GROUPS: {_CHUNKS: {_FACTS: {_SIZES: {_REPETITIONS: {}, _DEFINITIONS: {}}}}},
}

_TAIL = 8
"""Bytes at the end of a file: the length of the list, and four letters."""

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
        for chunk in _chunks(content, table, columns)
        for header in _headers(content, chunk)
    )


def texts_in_lists(content: BinaryIO, table: Any, columns: Collection[str]) -> list[str]:
    """Return the paths of texts of which a row can have any number, to be read as dictionaries.

    Args:
        content: the file.
        table: its `pyarrow.parquet.ParquetFile`.
        columns: the names of the columns that are to be read.

    Raises:
        BadPagesError: there are other values of which a row can have any number, or too many, or
            the file is damaged.
    """
    listed: Counter[str] = Counter()
    for chunk, column in _columns(content, table, columns):
        if column.max_repetition_level:
            listed[column.path] += chunk.num_values
            if column.physical_type == OTHER or listed[column.path] > MOST_LISTED:
                raise BadPagesError(
                    f"the lists in '{column.path}' have other values than texts, or more than "
                    f"{MOST_LISTED:,}"
                )
    kinds = (table.schema.column(number) for number in range(len(table.schema)))
    return [each.path for each in kinds if each.path in listed and each.physical_type == TEXT]


def _columns(content: BinaryIO, table: Any, columns: Collection[str]) -> Iterator[tuple[Any, Any]]:
    """Yield the facts of each wanted chunk, and those of its column."""
    _check_end(content, table)
    for group in range(table.metadata.num_row_groups):
        facts = table.metadata.row_group(group)
        for number in range(facts.num_columns):
            chunk = facts.column(number)
            path = f"{chunk.path_in_schema}."
            if any(path.startswith(f"{name}.") for name in columns):
                yield chunk, table.schema.column(number)


def _check_end(content: BinaryIO, table: Any) -> None:
    """Refuse a list of chunks for which PyArrow would end the process when asked for a chunk."""
    content.seek(-_TAIL, 2)
    length = int.from_bytes(content.read(4), "little")
    content.seek(-_TAIL - length, 2)
    end = _structure(BytesIO(content.read(length)), 0, _KEPT_AT_END)
    columns = [table.schema.column(number) for number in range(len(table.schema))]
    for group in _listed(end, _GROUPS):
        chunks = _listed(group, _CHUNKS)
        if len(chunks) != len(columns):
            raise BadPagesError(f"a row group has {len(chunks)} columns, not {len(columns)}")
        for chunk, column in zip(chunks, columns, strict=True):
            _check_sizes(chunk, column)


def _check_sizes(chunk: Any, column: Any) -> None:
    """Check what a chunk says of the sizes of its texts and of its levels."""
    facts = chunk.get(_FACTS) if isinstance(chunk, dict) else None
    if not isinstance(facts, dict) or _ENCRYPTED in chunk:
        raise BadPagesError(f"the facts of '{column.path}' are encrypted or damaged")
    sizes = facts.get(_SIZES, {})
    repetitions, definitions = _listed(sizes, _REPETITIONS), _listed(sizes, _DEFINITIONS)
    if (
        len(repetitions) not in (0, column.max_repetition_level + 1)
        or len(definitions) not in (0, column.max_definition_level + 1)
        or (_BYTES_OF_TEXTS in sizes and column.physical_type != TEXT)
    ):
        raise BadPagesError(f"the sizes of '{column.path}' do not fit the column")


def _listed(facts: Any, number: int) -> list[Any]:
    """Return a list of a structure, an empty one if it is not there."""
    values = facts.get(number, []) if isinstance(facts, dict) else None
    if not isinstance(values, list):
        raise BadPagesError("the list at its end is damaged")
    return values


def _chunks(content: BinaryIO, table: Any, columns: Collection[str]) -> Iterator[_Chunk]:
    for chunk, _ in _columns(content, table, columns):
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


def _structure(content: BinaryIO, depth: int, kept: Kept | None = None) -> Facts:
    """Read a structure whose fields are in order, each there once."""
    if depth > _DEEPEST:
        raise BadPagesError("a structure nests too deeply")
    facts: Facts = {}
    number = 0
    while head := _byte(content):
        kind, step = head & 15, head >> 4
        following = number + step if step else _signed(content)
        if following <= number:
            raise BadPagesError("the header of a page, or the list at its end, is damaged")
        number = following
        facts[number] = _value(content, kind, depth, (kept or {}).get(number))
    return facts


def _value(content: BinaryIO, kind: int, depth: int, kept: Kept | None = None) -> Any:
    """Read a value; of a text, which nobody needs here, nothing is kept."""
    if kind in (1, 2):  # true and false
        return kind == 1
    if kind == 3:
        return _byte(content)
    if kind in (4, 5):
        return _signed(content)
    if kind == 6:
        return _signed(content, 64)
    if kind == 7:
        return content.seek(8, 1) and None
    if kind == 8:
        return content.seek(_number(content), 1) and None
    if kind in (9, 10):
        return _list(content, depth + 1, kept)
    if kind == 12:
        return _structure(content, depth + 1, kept)
    raise BadPagesError(f"a structure has a field of type {kind}")


def _list(content: BinaryIO, depth: int, kept: Kept | None) -> list[Any] | None:
    """Read a list; without `kept`, nothing of it is kept."""
    if depth > _DEEPEST:
        raise BadPagesError("a list nests too deeply")
    head = _byte(content)
    kind, values = head & 15, []
    for _ in range(_number(content) if head >> 4 == 15 else head >> 4):
        value = _byte(content) if kind in (1, 2) else _value(content, kind, depth, kept)
        if kept is not None:
            values.append(value)
    return None if kept is None else values


def _signed(content: BinaryIO, bits: int = 32) -> int:
    number = _number(content, bits)
    return (number >> 1) ^ -(number & 1)


def _number(content: BinaryIO, bits: int = 32) -> int:
    """Read an integer with seven bits in each byte, and refuse one that has too many bits."""
    number = 0
    for place in range(0, bits, 7):
        byte = _byte(content)
        number |= (byte & 127) << place
        if byte < 128:
            if number < 2**bits:
                return number
            break
    raise BadPagesError("a number is too large")


def _byte(content: BinaryIO) -> int:
    byte = content.read(1)
    if not byte:
        raise BadPagesError("it is cut short")
    return byte[0]
