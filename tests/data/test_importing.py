"""The spine of all importers: what is written, what is turned away, what a kill leaves."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captiongan.data.folder import Example, LoadedExample, read_captioned_folder
from captiongan.data.importers.fitting import Fit
from captiongan.data.importers.importing import import_pictures
from captiongan.data.importers.items import Found, Item, Note, Rejected
from captiongan.data.importers.journal import Account
from captiongan.data.importers.source import MemberError
from captiongan.errors import DataError, OutputError
from support.tiny_layouts import picture

WISH = {"kind": "test"}


def item(name: str = "a.jpg", number: int = 1, **said: Any) -> Found:
    note = Note(**({"captions": ("a rose",)} | said))
    return Found(name, note, lambda: picture(number))


def run(items: Iterator[Item] | list[Item], out: Path, **options: Any) -> Account:
    return import_pictures(iter(items), out, WISH, Fit(), **options)


def examples(folder: Path) -> list[Example]:
    items = list(read_captioned_folder(folder, 1))
    assert all(isinstance(item, LoadedExample) for item in items), items
    return [item.example for item in items if isinstance(item, LoadedExample)]


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# What is written


def test_a_picture_without_changes_keeps_its_very_bytes(tmp_path: Path) -> None:
    run([item()], tmp_path / "out")
    assert (tmp_path / "out" / "pictures" / "a.jpg").read_bytes() == picture(1)


def test_a_file_is_named_after_what_it_is(tmp_path: Path) -> None:
    run([item("a.png")], tmp_path / "out")
    assert examples(tmp_path / "out")[0].file_name == "pictures/a.jpg"


NAMES = [
    "../../etc/passwd",
    "/elsewhere/x.jpg",
    "a/b.jpg",
    "B.JPG",
    "c\0.jpg",
    "d:e|f?.jpg",
    "..",
    "é.jpg",
]
NAMES += ["x" * 5000 + ".jpg", ".hidden.jpg", "b.jpg", "-", " ", "a\nb.jpg", "\udcff.jpg", "b..jpg"]


def test_no_name_of_a_source_leads_out_of_the_folder_or_over_another_picture(
    tmp_path: Path,
) -> None:
    out = tmp_path / "deep" / "out"
    account = run([item(name, number) for number, name in enumerate(NAMES)], out)
    assert account.kept == {"": len(NAMES)}
    files = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert all(file.parts[:2] == ("deep", "out") for file in files)
    names = [example.file_name for example in examples(out)]
    assert len({name.casefold() for name in names}) == len(NAMES)
    for number, name in enumerate(names):
        assert (out / name).read_bytes() == picture(number)


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=4, unique=True))
def test_any_name_is_written_once_and_safely(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        run([item(name) for name in names], out)
        assert len(examples(out)) == len(names)
        assert {path.name for path in Path(folder).iterdir()} == {"out"}


def test_each_split_is_a_captioned_folder_and_val_has_one_name(tmp_path: Path) -> None:
    splits = ["train", "Training", "valid", "validation", "dev", "test", None, " "]
    items: list[Item] = [item(f"{n}.jpg", split=split) for n, split in enumerate(splits)]
    account = run(items, tmp_path / "out")
    assert account.kept == {"train": 2, "val": 3, "test": 1, "": 2}
    for split, count in account.kept.items():
        assert len(examples(tmp_path / "out" / split)) == count


def test_a_limit_counts_what_is_kept(tmp_path: Path) -> None:
    items: list[Item] = [Rejected("x", "missing file", "none")]
    items += [item(f"{n}.jpg") for n in range(5)]
    account = run(items, tmp_path / "out", limit=3)
    assert (account.kept, account.rejected) == ({"": 3}, {"missing file": 1})


# What is turned away


def broken(name: str) -> Found:
    def fail() -> bytes:
        raise MemberError("too large", "more than 9 bytes")

    return Found(name, Note(("a rose",)), fail)


BAD: dict[str, Item] = {
    "duplicate": item("good.jpg"),
    "no caption": item("b", captions=(" ", "\n")),
    "bad caption": item("c", captions=("a \ud800 rose",)),
    "bad split": item("d", split="../train"),
    "too large": broken("e"),
    "missing file": Rejected("f", "missing file", "none"),
    "unreadable picture": Found("g", Note(("a rose",)), lambda: b"<html>"),
    "truncated picture": Found("h", Note(("a rose",)), lambda: picture(1)[:900]),
    "line too long": item("i", captions=("a " * 2**20,)),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_used_costs_only_itself_and_is_noted_with_its_reason(
    tmp_path: Path, kind: str
) -> None:
    account = run([item("good.jpg"), BAD[kind], item("last.jpg")], tmp_path / "out")
    assert (account.kept, account.rejected) == ({"": 2}, {kind: 1})
    lines = (tmp_path / "out" / "import.jsonl").read_text().splitlines()
    journal = [json.loads(line) for line in lines]
    (noted,) = [line for line in journal if line.get("kind") == kind and "name" in line]
    assert noted["reason"]
    assert len(examples(tmp_path / "out")) == 2


def test_a_source_without_anything_usable_is_an_error_that_says_where_the_reasons_are(
    tmp_path: Path,
) -> None:
    with pytest.raises(
        DataError, match=r"nothing usable.*1 read, 0 kept, 1 rejected.*import\.json"
    ):
        run([BAD["missing file"]], tmp_path / "out")
    assert not (tmp_path / "out" / "metadata.jsonl").exists()


# Going on


class Killed(BaseException):
    pass


def killed_after(items: list[Item], count: int) -> Iterator[Item]:
    yield from items[:count]
    raise Killed


@pytest.mark.parametrize("stop", range(7))
def test_an_import_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(
    tmp_path: Path, stop: int
) -> None:
    items: list[Item] = [item("a.jpg"), BAD["missing file"], item("A.jpg", 2), item("a.jpg", 3)]
    items += [item("b.jpg", 4, split="test"), item("c/a.jpg", 5)]
    whole = run(items, tmp_path / "whole")
    with pytest.raises(Killed):
        run(killed_after(items, stop), tmp_path / "killed")
    assert not list((tmp_path / "killed").rglob("metadata.jsonl"))
    assert run(items, tmp_path / "killed") == whole
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_what_is_done_is_not_read_again(tmp_path: Path) -> None:
    items: list[Item] = [item(f"{n}.jpg") for n in range(3)]
    with pytest.raises(Killed):
        run(killed_after(items, 3), tmp_path / "out")
    again: list[Item] = [broken(f"{n}.jpg") for n in range(3)]
    assert run([*again, item("3.jpg")], tmp_path / "out").kept == {"": 4}


def test_half_a_line_at_the_end_of_the_journal_is_dropped(tmp_path: Path) -> None:
    items: list[Item] = [item(f"{n}.jpg", n) for n in range(3)]
    with pytest.raises(Killed):
        run(killed_after(items, 2), tmp_path / "out")
    journal = tmp_path / "out" / "import.jsonl"
    journal.write_bytes(journal.read_bytes()[:-5])
    assert run(items, tmp_path / "out").kept == {"": 3}
    assert len(examples(tmp_path / "out")) == 3


def test_a_damaged_journal_is_one_line(tmp_path: Path) -> None:
    run([item()], tmp_path / "out")
    journal = tmp_path / "out" / "import.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + b"\xff{\n" + lines[1])
    with pytest.raises(OutputError, match=r"is damaged .*; remove the folder"):
        run([item()], tmp_path / "out")


def test_a_source_without_anything_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures of this kind"):
        run([], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_whole_import_is_not_repeated(tmp_path: Path) -> None:
    account = run([item()], tmp_path / "out")
    assert run(killed_after([], 0), tmp_path / "out") == account


def test_another_import_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    run([item()], tmp_path / "out")
    with pytest.raises(OutputError, match=r"holds another import \(differing in crop\)"):
        import_pictures(iter([item()]), tmp_path / "out", WISH, Fit("pad"))


def test_a_journal_from_before_an_option_is_the_same_import_without_it(tmp_path: Path) -> None:
    account = run([item()], tmp_path / "out")
    journal = tmp_path / "out" / "import.jsonl"
    journal.write_text(journal.read_text().replace(', "enlarge": 0', "", 1))
    assert run(killed_after([], 0), tmp_path / "out") == account


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    with pytest.raises(OutputError, match="not empty"):
        run([item()], tmp_path / "out")
    assert content(tmp_path) == {"out/thesis.txt": b""}


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="cannot be written to"):
        run([item()], tmp_path / "out")
