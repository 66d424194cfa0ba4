"""Reads foreign text files line by line: any bytes, with lines of bounded length in memory."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, AnyStr, Literal

MAXIMUM_LINE = 2**20
"""The longest line that is read, in bytes."""

_ENDS: tuple[str | bytes, ...] = (b"\n", "\n", "\r")
_BLANKS: tuple[str | bytes, ...] = (b"", b"\xef\xbb\xbf", "")

_LINE_END = re.compile(r"\r\n|\r|\n")

TextFault = Literal["line too long", "not UTF-8", "bad JSON"]
"""The faults of a line that is not text or not a JSON object."""


class BadTextError(Exception):
    """A line that is not text or not a JSON object; `kind` is the fault, `reason` the details."""

    def __init__(self, kind: TextFault, reason: str) -> None:
        super().__init__(f"{kind} ({reason})")
        self.kind: TextFault = kind
        self.reason = reason


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each non-blank line with its number, from 1.

    A line of more than `MAXIMUM_LINE` bytes is cut after `MAXIMUM_LINE` + 1. Raises OSError.
    """
    with path.open("rb") as file:
        yield from numbered(file)


def numbered(file: IO[AnyStr]) -> Iterator[tuple[int, AnyStr]]:
    """Yield the lines of an open file as `numbered_lines` does."""
    number = 0
    while line := file.readline(MAXIMUM_LINE + 1):
        number += 1
        rest = line
        while len(line) > MAXIMUM_LINE and rest and rest[-1:] not in _ENDS:
            rest = file.readline(MAXIMUM_LINE)
        if line.strip() not in _BLANKS:
            yield number, line


def decoded(line: bytes) -> str:
    """Return a line of UTF-8 as text, without a byte order mark; raises BadTextError."""
    if len(line.rstrip(b"\r\n")) > MAXIMUM_LINE:
        raise BadTextError("line too long", f"more than {MAXIMUM_LINE} bytes")
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTextError("not UTF-8", f"{error.reason} at byte {error.start + 1}") from error


def json_object(line: bytes) -> dict[str, object]:
    """Return the JSON object of a line; raises BadTextError."""
    record = parsed_object(decoded(line))
    try:
        # JSON can spell half a surrogate pair, which no encoder or file system accepts.
        json.dumps(record, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadTextError("bad JSON", str(error)) from error
    return record


def parsed_object(text: str | bytes) -> dict[str, object]:
    """Return the JSON object of a text of any length; raises BadTextError.

    Text that nests too deep, or that is not UTF-8, is not JSON.
    """
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadTextError("bad JSON", f"{error.msg} at character {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise BadTextError("bad JSON", str(error)) from error
    if not isinstance(record, dict):
        raise BadTextError("bad JSON", f"{json_type(record)} instead of an object")
    return record


def lines_of(text: str) -> list[str]:
    """Split text at the ends of its lines, and not, as `splitlines` does, within a caption."""
    return _LINE_END.split(text.removesuffix("\n"))


def json_type(value: object) -> str:
    """Return the type of a JSON value in words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    return "nothing" if value is None else names.get(type(value), "a number")
