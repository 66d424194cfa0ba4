"""Splits foreign CSV text into rows of cells; a row that cannot be split costs only itself."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from captiongan.base.lines import MAXIMUM_LINE

MOST_LINES = 300
"""Of a row. A quote that is never closed takes in so many lines, which are read again."""


@dataclass(frozen=True)
class Row:
    """The cells of a row, and the line on which it begins, from 1."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class BadRow:
    """A line that is no row, and the reason."""

    line: int
    reason: str


def csv_rows(lines: Iterable[tuple[int, str]], delimiter: str = ",") -> Iterator[Row | BadRow]:
    """Split numbered lines into rows; a quoted cell may go over several lines.

    After a line that is no row, such as one with a quote that is never closed, the next line is a
    row of its own.
    """
    waiting = _Waiting(iter(lines))
    rows = csv.reader(waiting, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except (csv.Error, _TooLongError) as error:
            yield BadRow(waiting.line, _reason(str(error)))
            waiting.take_back()
        else:
            yield Row(waiting.line, cells)
            waiting.forget()


class _TooLongError(Exception):
    pass


class _Waiting:
    """Lines on their way to the splitter, which can be taken back until their row is whole."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._given: list[tuple[int, str]] = []
        self._back: list[tuple[int, str]] = []
        self._length = 0

    @property
    def line(self) -> int:
        """The number of the line with which the row begins."""
        return self._given[0][0]

    def __iter__(self) -> "_Waiting":
        return self

    def __next__(self) -> str:
        each = self._back.pop() if self._back else next(self._lines)
        self._given.append(each)
        self._length += len(each[1])
        if len(self._given) > MOST_LINES:
            raise _TooLongError(f"more than {MOST_LINES} lines")
        if self._length > MAXIMUM_LINE:
            raise _TooLongError(f"longer than {MAXIMUM_LINE:,} characters")
        return each[1]

    def forget(self) -> None:
        """Begin another row with the next line."""
        self._given.clear()
        self._length = 0

    def take_back(self) -> None:
        """Begin another row with the second line of this one."""
        self._back.extend(reversed(self._given[1:]))
        self.forget()


def _reason(said: str) -> str:
    """Say in our words what the splitter complains of."""
    if "field limit" in said:
        return f"a cell has more than {csv.field_size_limit():,} characters"
    if "unexpected end" in said:
        return "a quote is opened and never closed"
    if "expected after" in said:
        return "something follows a closing quote; write a quote within quotes twice"
    return said
