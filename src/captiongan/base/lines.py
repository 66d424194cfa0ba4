"""Reads foreign text files line by line: any bytes, one line of bounded length in memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

MAXIMUM_LINE = 2**20
"""The longest line that is read, in bytes."""

TextFault = Literal["line too long", "not UTF-8", "bad JSON"]
"""The faults of a line that is no text or no JSON object."""


class BadTextError(Exception):
    """A line that is no text or no JSON object; `kind` is the fault, `reason` the details."""

    def __init__(self, kind: TextFault, reason: str) -> None:
        super().__init__(f"{kind} ({reason})")
        self.kind: TextFault = kind
        self.reason = reason


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank with its number, from 1.

    A line of more than `MAXIMUM_LINE` bytes is cut after `MAXIMUM_LINE` + 1. Raises OSError.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAXIMUM_LINE + 1):
            number += 1
            rest = line
            while len(line) > MAXIMUM_LINE and rest and not rest.endswith(b"\n"):
                rest = file.readline(MAXIMUM_LINE)
            if line.removeprefix(b"\xef\xbb\xbf").strip():
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
    text = decoded(line)
    try:
        record = json.loads(text)
        # JSON can spell half a surrogate pair, which no encoder or file system accepts.
        json.dumps(record, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise BadTextError("bad JSON", f"{error.msg} at character {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise BadTextError("bad JSON", str(error)) from error
    if not isinstance(record, dict):
        raise BadTextError("bad JSON", f"{json_type(record)} instead of an object")
    return record


def json_type(value: object) -> str:
    """Return the type of a JSON value in words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    return "nothing" if value is None else names.get(type(value), "a number")
