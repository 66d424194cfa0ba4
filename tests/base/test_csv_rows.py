"""A row of a CSV file that cannot be split costs only itself, and is named."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiongan.base.csv_rows import BadRow, Row, csv_rows
from captiongan.base.lines import MAXIMUM_LINE, lines_of, numbered


def rows(text: str) -> list[Row | BadRow]:
    return list(csv_rows(numbered(io.StringIO(text, newline=""))))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('b,"open', "a quote is opened and never closed"),
        ('b,"red" rose', "something follows a closing quote"),
        ("b," + "x" * 200_000, "a cell has more than 131,072 characters"),
        ("b," + "x," * MAXIMUM_LINE, "longer than 1,048,576 characters"),
    ],
)
def test_a_bad_row_is_named_and_the_rows_around_it_are_whole(bad: str, reason: str) -> None:
    first, second, last = rows(f"a,rose\n{bad}\nc,tulip\n")
    assert (first, last) == (Row(1, ["a", "rose"]), Row(3, ["c", "tulip"]))
    assert isinstance(second, BadRow) and second.line == 2 and reason in second.reason


def test_an_open_quote_costs_its_line_though_a_later_one_would_close_it() -> None:
    text = 'a,"open\nb,rose\nc,"tulip"\nd,oak\n'
    assert rows(text)[1:] == [Row(2, ["b", "rose"]), Row(3, ["c", "tulip"]), Row(4, ["d", "oak"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quoted_cell_may_go_over_lines_of_any_system(end: str) -> None:
    assert rows(f'a,"red{end}rose"{end}b,oak{end}') == [
        Row(1, ["a", f"red{end}rose"]),
        Row(3, ["b", "oak"]),
    ]


@given(st.lists(st.lists(st.text(alphabet='a",;\n é'), min_size=1, max_size=3), max_size=5))
def test_what_a_spreadsheet_writes_is_read_as_it_was(table: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(table)
    told = [row.cells for row in rows(file.getvalue()) if isinstance(row, Row)]
    assert [["".join(cell.split()) for cell in row] for row in told] == [
        ["".join(cell.split()) for cell in row] for row in table
    ]


def test_a_line_ends_where_a_line_ends_and_not_within_a_caption() -> None:
    assert lines_of("a\u2028b\x85c\x0bd\r\ne\rf\n") == ["a\u2028b\x85c\x0bd", "e", "f"]
