import csv
import io
import json
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example as with_example
from hypothesis import given
from hypothesis import strategies as st

from captiongan.base.files import sha256_of
from captiongan.bulk.prompt_file import Reject, Row, open_prompts
from captiongan.errors import BulkError

RED, BLUE = "a red flower, with petals", "a blue flower"


def read(folder: Path, name: str, content: bytes) -> list[Row | Reject]:
    (folder / name).write_bytes(content)
    return rows_of(folder / name)


def rows_of(file: Path) -> list[Row | Reject]:
    with open_prompts(file) as prompts:
        return list(prompts.rows())


def reasons(items: list[Row | Reject]) -> list[str]:
    return [f"{item.line}: {item.reason}" for item in items if isinstance(item, Reject)]


def parquet(path: Path, **columns: object) -> Path:
    import pyarrow
    from pyarrow.parquet import write_table

    write_table(pyarrow.table(columns), path)
    return path


def test_a_text_file_has_a_prompt_a_line(tmp_path: Path) -> None:
    content = f"\N{ZERO WIDTH NO-BREAK SPACE}{RED}\r\n\n  \n{BLUE}".encode()
    assert read(tmp_path, "p.txt", content) == [Row(1, RED), Row(4, BLUE)]


def test_jsonl_has_an_object_a_line(tmp_path: Path) -> None:
    content = f'{{"prompt": "{RED}", "seed": 7, "x": []}}\n\n{{"prompt": "{BLUE}", "seed": null}}'
    assert read(tmp_path, "p.jsonl", content.encode()) == [Row(1, RED, 7), Row(3, BLUE)]


def test_csv_has_a_header_and_a_row_a_line(tmp_path: Path) -> None:
    content = f'seed,prompt,x\r\n7,"{RED}",1\r\n\r\n,{BLUE},2\r\n'.encode()
    assert read(tmp_path, "p.csv", content) == [Row(2, RED, 7), Row(4, BLUE)]


def test_parquet_has_a_column_of_prompts(tmp_path: Path) -> None:
    file = parquet(tmp_path / "p.parquet", x=[1, 2], seed=[7, None], prompt=[RED, BLUE])
    assert rows_of(file) == [Row(1, RED, 7), Row(2, BLUE)]


def test_a_line_of_text_that_cannot_be_read_is_a_reject(tmp_path: Path) -> None:
    items = read(tmp_path, "p.txt", b"a\n\xff\n" + b"a" * 2**20 + b"a\nb\n")
    assert reasons(items) == [
        "2: not UTF-8 (invalid start byte at byte 1)",
        "3: line too long (more than 1048576 bytes)",
    ]
    assert items[0::3] == [Row(1, "a"), Row(4, "b")]


def test_a_line_of_jsonl_that_cannot_be_read_is_a_reject(tmp_path: Path) -> None:
    lines = [
        b"{",
        b"[]",
        b"{}",
        b'{"prompt": 7}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "\xff"}',
        b'{"prompt": "a", "seed": "7"}',
        b'{"prompt": "a", "seed": true}',
        b'{"prompt": "a", "seed": 1.5}',
    ]
    items = read(tmp_path, "p.jsonl", b"\n".join([*lines, b'{"prompt": "b"}']))
    assert items[-1] == Row(10, "b")
    told = reasons(items)
    assert [line.split(" (")[0] for line in told[:6]] == [
        "1: bad JSON",
        "2: bad JSON",
        "3: 'prompt' must be a text: nothing",
        "4: 'prompt' must be a text: a number",
        "5: bad JSON",
        "6: not UTF-8",
    ]
    assert told[6:] == [
        "7: 'seed' must be a whole number: '7'",
        "8: 'seed' must be a whole number: True",
        "9: 'seed' must be a whole number: 1.5",
    ]


def test_a_row_of_csv_that_cannot_be_read_is_a_reject(tmp_path: Path) -> None:
    rows = [
        b"prompt,seed",
        b"a red flower, with petals,7",  # not quoted
        b'"a" b,7',
        b"\xff,7",
        b"a,x",
        b"a," + b"9" * 5000,
        b'"' + b"a" * 200_000,
        b"b,8",
        b'"a,1',  # never closed
    ]
    items = read(tmp_path, "p.csv", b"\n".join(rows))
    told = reasons(items)
    assert [line.split(" (")[0] for line in told[:3]] == [
        "2: bad CSV",
        "3: bad CSV",
        "4: not UTF-8",
    ]
    assert [line.split(" must")[0] for line in told[3:5]] == ["5: 'seed'", "6: 'seed'"]
    assert [line.split(" (")[0] for line in told[5:]] == ["7: bad CSV", "9: bad CSV"]
    assert [item for item in items if isinstance(item, Row)] == [Row(8, "b", 8)]


def test_a_row_of_parquet_that_cannot_be_read_is_a_reject(tmp_path: Path) -> None:
    import pyarrow

    texts = pyarrow.array([b"a", b"\xff", None]).view(pyarrow.string())
    file = parquet(tmp_path / "p.parquet", prompt=texts)
    items = rows_of(file)
    assert items[0] == Row(1, "a")
    assert reasons(items) == [
        "2: not UTF-8 (invalid start byte at byte 1)",
        "3: 'prompt' must be a text: nothing",
    ]


def test_a_quote_that_is_never_closed_costs_its_own_row_alone(tmp_path: Path) -> None:
    lines = ["prompt", *(f"flower {number}" for number in range(30))]
    for at in (3, 30):
        broken = [*lines[:at], '"' + lines[at], *lines[at + 1 :]]
        items = read(tmp_path, "p.csv", "\n".join(broken).encode())
        (told,) = reasons(items)
        assert told.startswith(f"{at + 1}: bad CSV")
        rows = [item for item in items if isinstance(item, Row)]
        assert [row.prompt for row in rows] == lines[1:at] + lines[at + 1 :]
        assert [row.line for row in rows] == [n for n in range(2, 32) if n != at + 1]


def test_many_quotes_that_are_never_closed_are_read_in_no_time(tmp_path: Path) -> None:
    items = read(tmp_path, "p.csv", b"prompt\n" + b'"a""\n' * 5_000 + b"b\n")
    assert len(reasons(items)) == 5_000
    assert items[-1] == Row(5_002, "b")


def test_a_prompt_in_quotes_may_have_several_lines(tmp_path: Path) -> None:
    items = read(tmp_path, "p.csv", b'prompt,seed\n"a\nb",7\nc\n')
    assert items == [Row(2, "a\nb", 7), Row(4, "c")]


def test_columns_of_the_same_name_are_refused(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    for name in ("prompt", "seed"):
        columns = {"prompt": ["a"], "seed": [1]}
        names = [*columns, name]
        table = pyarrow.table([columns[each] for each in names], names=names)
        write_table(table, tmp_path / "p.parquet")
        with pytest.raises(BulkError, match=f"2 columns '{name}', must have one; rename"):
            rows_of(tmp_path / "p.parquet")
        with pytest.raises(BulkError, match=f"2 columns '{name}', must have one; rename"):
            read(tmp_path, "p.csv", f"prompt,seed,{name}\na,1,1\n".encode())


def test_columns_of_other_types_are_refused(tmp_path: Path) -> None:
    import pyarrow

    times = pyarrow.array([2**62], pyarrow.timestamp("us"))
    assert reasons(rows_of(parquet(tmp_path / "p.parquet", prompt=[1]))) == [
        "1: 'prompt' must be a text: a number"
    ]
    with pytest.raises(BulkError, match=r"'prompt' holds timestamp\[us\], must hold texts; conv"):
        rows_of(parquet(tmp_path / "p.parquet", prompt=times))
    with pytest.raises(BulkError, match=r"'seed' holds timestamp\[us\], must hold whole numbers"):
        rows_of(parquet(tmp_path / "p.parquet", prompt=["a"], seed=times))


def test_a_text_of_a_few_bytes_on_the_disk_does_not_fill_the_memory(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    rows = pyarrow.array([0] * 1000 + [1])
    texts = pyarrow.DictionaryArray.from_arrays(rows, ["a" * 2**23, "b"])
    write_table(
        pyarrow.table({"prompt": texts}),
        tmp_path / "p.parquet",
        compression="zstd",
        dictionary_pagesize_limit=2**30,
        store_schema=False,
    )
    assert (tmp_path / "p.parquet").stat().st_size < 2000
    before = pyarrow.default_memory_pool().max_memory()
    tracemalloc.start()
    try:
        items = rows_of(tmp_path / "p.parquet")
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert pyarrow.default_memory_pool().max_memory() - before < 2**26
    assert items[-1] == Row(1001, "b")
    assert reasons(items)[0] == "1: line too long (more than 65536 bytes)"


def test_what_was_opened_is_what_is_read_whatever_becomes_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "p.txt"
    file.write_text("a\nb\n")
    with open_prompts(file) as prompts:
        before, prompts_sha256 = list(prompts.rows()), sha256_of(file)
        file.write_text("c\n")
        assert (list(prompts.rows()), prompts.sha256) == (before, prompts_sha256)
        file.unlink()
        assert list(prompts.rows()) == before


@given(st.binary(max_size=60), st.sampled_from(["txt", "jsonl", "csv"]))
@with_example(b'"', "csv")
@with_example(b'{"prompt": 1e999, "seed": 1e999}', "jsonl")
def test_no_bytes_can_stop_the_reader(raw: bytes, ending: str) -> None:
    good = {"txt": b"b", "jsonl": b'{"prompt": "b"}', "csv": b"b"}[ending]
    header = b"prompt\n" if ending == "csv" else b""
    raw = raw.replace(b'"', b"") if ending == "csv" else raw  # a quote may take the next line in
    with tempfile.TemporaryDirectory() as folder:
        items = read(Path(folder), f"p.{ending}", header + raw + b"\n" + good + b"\n")
    last = items[-1]
    assert isinstance(last, Row) and last.prompt == "b"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip))
def test_a_prompt_comes_out_of_csv_and_jsonl_as_it_went_in(prompt: str) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([["prompt", "seed"], [prompt, 7]])
    line = json.dumps({"prompt": prompt, "seed": 7})
    with tempfile.TemporaryDirectory() as folder:
        assert read(Path(folder), "p.csv", table.getvalue().encode()) == [Row(2, prompt, 7)]
        assert read(Path(folder), "p.jsonl", line.encode()) == [Row(1, prompt, 7)]


def test_the_ending_does_not_mind_capitals(tmp_path: Path) -> None:
    assert read(tmp_path, "P.TXT", b"a") == [Row(1, "a")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("p.doc", b"a", "must be a .txt, .jsonl, .csv, .parquet file"),
        ("p.csv", b"caption,url\na,b\n", "has the columns caption, url, must have 'prompt'"),
        ("p.csv", b"", "has the columns none"),
        ("p.csv", b'"a" b\n', "not a CSV header"),
        ("p.parquet", b"not a table", "not a parquet file, or is damaged"),
    ],
)
def test_a_file_that_is_none_of_prompts_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(BulkError, match=reason):
        read(tmp_path, name, content)


def test_a_table_whose_names_are_not_utf_8_is_refused(tmp_path: Path) -> None:
    file = parquet(tmp_path / "p.parquet", prompt=[RED], other=[1])
    file.write_bytes(file.read_bytes().replace(b"other", b"\xffther"))
    with pytest.raises(BulkError, match=r"is damaged \('utf-8' codec can't decode byte 0xff"):
        rows_of(file)


def test_a_table_without_prompts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BulkError, match="has the columns caption, must have 'prompt'"):
        rows_of(parquet(tmp_path / "p.parquet", caption=[RED]))


def test_a_file_that_is_not_there_or_no_plain_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BulkError, match=r"cannot be read \(No such file"):
        rows_of(tmp_path / "gone.txt")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(BulkError, match="not a regular file"):
        rows_of(tmp_path / "folder.txt")


def test_a_page_of_parquet_that_unpacks_to_far_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = parquet(tmp_path / "p.parquet", prompt=["a" * 2**16])
    monkeypatch.setattr("captiongan.base.parquet_pages.FREE", 1000)
    with pytest.raises(BulkError, match=r"is damaged \(a page of 'prompt' unpacks from"):
        rows_of(file)


def test_parquet_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = parquet(tmp_path / "p.parquet", prompt=[RED])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BulkError, match=r"'pyarrow' is not installed; pip install 'captiongan\["):
        rows_of(file)


@pytest.mark.parametrize("ending", ["txt", "jsonl", "csv"])
def test_reading_ten_times_the_rows_takes_no_more_memory(tmp_path: Path, ending: str) -> None:
    def peak(rows: int) -> int:
        lines = [f'{{"prompt": "{BLUE} {number}"}}' for number in range(rows)]
        (tmp_path / f"p.{ending}").write_text("\n".join(["prompt", *lines]))
        tracemalloc.start()
        try:
            with open_prompts(tmp_path / f"p.{ending}") as prompts:
                assert sum(1 for _ in prompts.rows()) >= rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # what is imported or cached once
    assert peak(10_000) < 1.5 * peak(1_000)
