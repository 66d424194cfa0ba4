"""Records of a CSV file; one that is broken costs its first line and no other."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Self

MOST_LINES = 100
"""Of a record. A quote that is never closed takes in so many lines, which are read again."""


class CsvRecords:
    """Yields each record with the number of its last line; raises csv.Error at a broken one.

    Then `skip_line` leaves out the line on which the record begins, and the next one is sought in
    the lines after it.
    """

    def __init__(self, lines: Iterator[tuple[int, bytes]]) -> None:
        self._lines = lines
        self._again: deque[tuple[int, bytes]] = deque()
        self._taken: list[tuple[int, bytes]] = []
        self._reader = csv.reader(self._texts(), strict=True)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        self._taken = []
        cells = next(self._reader)
        return self._taken[-1][0], cells

    def skip_line(self) -> int:
        """Leave out the first line of the broken record; return its number."""
        (number, _), *others = self._taken
        self._again.extendleft(reversed(others))
        self._reader = csv.reader(self._texts(), strict=True)
        return number

    def _texts(self) -> Iterator[str]:
        while taken := self._again.popleft() if self._again else next(self._lines, None):
            if len(self._taken) == MOST_LINES:
                self._again.appendleft(taken)
                raise csv.Error(f"a record of more than {MOST_LINES} lines")
            self._taken.append(taken)
            number, line = taken
            yield line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")
