"""Tables as people make them: no word of them is lost, and what is wrong is told with its line."""

import json
import unicodedata
from pathlib import Path

import pytest

from captiongan.data.importers import choose_importer
from captiongan.data.importers.csv_table import REST_OF_ROW
from captiongan.data.importers.fitting import Fit
from captiongan.data.importers.importing import import_pictures
from captiongan.data.importers.items import Request
from captiongan.data.importers.journal import Account
from captiongan.data.importers.table_pictures import ELSEWHERE
from captiongan.errors import DataError
from support.tiny_layouts import picture, write_folder, write_tar, write_zip

Captions = dict[str, list[str]]


def imported(source: Path, kind: str = "csv", pictures: Path | None = None) -> Account:
    items = choose_importer(kind)(Request(source, pictures))
    return import_pictures(items, source.parent / "out", {}, Fit())


def captions(source: Path) -> Captions:
    lines = (source.parent / "out" / "metadata.jsonl").read_text().splitlines()
    return {line["file_name"]: line["text"] for line in map(json.loads, lines)}


def reasons(source: Path) -> dict[str, str]:
    lines = (source.parent / "out" / "import.jsonl").read_text().splitlines()
    return {line["name"]: line["reason"] for line in map(json.loads, lines) if "kind" in line}


def folder(root: Path, table: str, *names: str) -> Path:
    files = {name: picture(number) for number, name in enumerate(names)}
    write_folder(root / "source", files | {"t.csv": table.encode()})
    return root / "source"


CAPTION = "A child in pink , climbing , up"


def test_a_caption_at_the_end_of_a_row_keeps_its_unquoted_commas_and_this_is_said(
    tmp_path: Path,
) -> None:
    source = folder(tmp_path, f"file,caption\n1.jpg,{CAPTION}\n2.jpg,a rose,,\n", "1.jpg", "2.jpg")
    account = imported(source)
    assert captions(source) == {"pictures/1.jpg": [CAPTION], "pictures/2.jpg": ["a rose"]}
    assert account.remarks == {REST_OF_ROW: 1}


@pytest.mark.parametrize("header", ["file,caption,class", "file,caption 1,caption 2"])
def test_a_row_of_too_many_cells_is_rejected_with_its_line(tmp_path: Path, header: str) -> None:
    text = f"{header}\n1.jpg,a rose,x\n2.jpg,{CAPTION},x\n"
    source = folder(tmp_path, text, "1.jpg", "2.jpg")
    assert imported(source).rejected == {"bad row": 1}
    assert "in quotes" in reasons(source)["t.csv:3"]
    assert list(captions(source)) == ["pictures/1.jpg"]


def test_captions_of_flickr_keep_their_unquoted_commas(tmp_path: Path) -> None:
    source = folder(tmp_path, "", "1.jpg", "2.jpg")
    (source / "t.csv").unlink()
    long = "x" * 200_000
    (source / "captions.txt").write_text(f"image,caption\n1.jpg,{CAPTION}\n2.jpg,{long}\n2.jpg,b\n")
    account = imported(source, "flickr")
    assert captions(source) == {"pictures/1.jpg": [CAPTION], "pictures/2.jpg": ["b"]}
    assert (account.remarks, account.rejected) == ({REST_OF_ROW: 1}, {"bad row": 1})


@pytest.mark.parametrize("bad", ['2.jpg,"red" rose', "2.jpg," + "x" * 200_000, '2.jpg,"open'])
def test_a_bad_row_costs_only_itself(tmp_path: Path, bad: str) -> None:
    text = f"file,caption\n1.jpg,a rose\n{bad}\n3.jpg,a tulip\n"
    source = folder(tmp_path, text, "1.jpg", "2.jpg", "3.jpg")
    assert imported(source).rejected == {"bad row": 1}
    assert list(reasons(source)) == ["t.csv:3"]
    assert captions(source) == {"pictures/1.jpg": ["a rose"], "pictures/3.jpg": ["a tulip"]}


def test_a_row_without_a_picture_is_told(tmp_path: Path) -> None:
    source = folder(tmp_path, "file,caption\n,a rose\n1.jpg,a tulip\n", "1.jpg")
    assert imported(source).rejected == {"missing file": 1}
    assert list(reasons(source)) == ["t.csv:2"]


# How pictures are named

APART = unicodedata.normalize("NFD", "rosé.jpg")


@pytest.mark.parametrize(
    ("name", "file", "said"),
    [
        ("photos/1.jpg", "1.jpg", True),
        ("/home/someone/photos/1.jpg", "1.jpg", True),
        ("C:\\photos\\1.jpg", "1.jpg", True),
        ("photos\\deep\\1.jpg", "deep/1.jpg", True),
        ("deep\\1.jpg", "deep/1.jpg", False),
        ("1.JPG", "1.jpg", True),
        (unicodedata.normalize("NFC", APART), APART, False),
        (APART, unicodedata.normalize("NFC", APART), False),
    ],
)
@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_picture_is_found_by_the_name_that_people_give_it(
    name: str, file: str, said: bool, write: object, tmp_path: Path
) -> None:
    table, photos = tmp_path / "t.csv", tmp_path / "photos"
    table.write_text(f"file,caption\n{name},a rose\n", newline="")
    if write is write_zip:
        photos = tmp_path / "photos.zip"
        write_zip(photos, {file: picture(1), "other.jpg": picture(2)})
    else:
        write_folder(photos, {file: picture(1), "other.jpg": picture(2)})
    account = imported(table, pictures=photos)
    assert account.kept == {"": 1}
    assert account.remarks == ({ELSEWHERE: 1} if said else {})


def test_the_longest_common_end_decides_between_pictures_of_one_name(tmp_path: Path) -> None:
    text = "file,caption\nx/a/1.jpg,a rose\nx/b/1.jpg,a tulip\n"
    source = folder(tmp_path, text, "a/1.jpg", "b/1.jpg")
    assert imported(source).remarks == {ELSEWHERE: 2}
    (tulip,) = [name for name, texts in captions(source).items() if texts == ["a tulip"]]
    assert (source.parent / "out" / tulip).read_bytes() == picture(1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("x/1.jpg", "several names or files end in '1.jpg', such as"),
        ("/elsewhere/9.jpg", "in any folder; if it is elsewhere, give its folder by --pictures"),
        ("9.jpg", "has this name, in any folder"),
    ],
)
def test_a_picture_that_is_not_found_is_told_with_what_was_tried(
    name: str, says: str, tmp_path: Path
) -> None:
    source = folder(tmp_path, f"file,caption\n{name},a rose\n2.jpg,a\n", "a/1.jpg", "b/1.jpg")
    write_folder(source, {"2.jpg": picture(2)})
    assert imported(source).rejected == {"missing file": 1}
    assert says in reasons(source)[name]


# What lies where


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_a_table_in_an_archive_is_read_with_the_pictures_beside_it(
    tmp_path: Path, write: object
) -> None:
    files = {"set/t.csv": b"file,caption\n1.jpg,a rose\n", "set/photos/1.jpg": picture(1)}
    source = tmp_path / ("x.zip" if write is write_zip else "x.tgz")
    (write_zip if write is write_zip else write_tar)(source, files)
    assert imported(source).kept == {"": 1}
    assert captions(source) == {"pictures/1.jpg": ["a rose"]}


@pytest.mark.parametrize("name", ["x.zip", "x.tgz"])
def test_an_archive_without_a_table_is_one_line(tmp_path: Path, name: str) -> None:
    (write_zip if name == "x.zip" else write_tar)(tmp_path / name, {"1.jpg": picture(1)})
    with pytest.raises(DataError, match=r"has 0 files .csv or .tsv; name the one to read"):
        imported(tmp_path / name)


def test_a_table_that_is_a_link_out_of_its_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "private.csv").write_text("file,caption\n1.jpg,secret\n")
    write_folder(tmp_path / "source", {"1.jpg": picture(1)})
    (tmp_path / "source" / "t.csv").symlink_to(tmp_path / "private.csv")
    with pytest.raises(DataError, match="is a link, links are not followed"):
        imported(tmp_path / "source")


# Input that has no effect


@pytest.mark.parametrize(
    ("header", "options", "remarks"),
    [
        ("file,title,caption", {}, ["with caption from column caption, not title"]),
        ("file,label,caption,category", {}, ["with class from column label, not category"]),
        ("file,title,caption", {"caption": "title"}, []),
    ],
)
def test_a_column_that_is_not_taken_though_it_could_be_is_told(
    tmp_path: Path, header: str, options: dict[str, str], remarks: list[str]
) -> None:
    cells = ["1.jpg", *"abc"[: header.count(",")]]
    source = folder(tmp_path, f"{header}\n{','.join(cells)}\n", "1.jpg")
    items = choose_importer("csv")(Request(source, columns=options))
    told = import_pictures(items, tmp_path / "out", {}, Fit()).remarks
    assert [each.partition(" (")[0] for each in told] == remarks


def test_rows_that_contradict_each_other_do_not_replace_what_was_said_before(
    tmp_path: Path,
) -> None:
    text = "file,class,split,caption\n1.jpg,rose,train,a\n1.jpg,tulip,train,b\n1.jpg,,test,c\n"
    source = folder(tmp_path, text + "1.jpg,,,d\n", "1.jpg")
    assert imported(source).rejected == {"contradiction": 2}
    assert reasons(source) == {
        "t.csv:3": "class 'tulip' here, 'rose' on an earlier line of '1.jpg'; correct one",
        "t.csv:4": "split 'test' here, 'train' on an earlier line of '1.jpg'; correct one",
    }
    (line,) = (tmp_path / "out" / "train" / "metadata.jsonl").read_text().splitlines()
    assert (json.loads(line)["text"], json.loads(line)["class"]) == (["a", "d"], "rose")


def test_captions_and_classes_of_a_sample_that_are_not_taken_are_told(tmp_path: Path) -> None:
    files = {"1.jpg": picture(1), "1.cls": b"3", "1.txt": b"a rose"}
    files |= {"1.json": b'{"caption": "a tulip", "class": "rose"}'}
    same = {"2.jpg": picture(2), "2.txt": b"a  rose\n", "2.json": b'{"caption": "a rose"}'}
    write_tar(tmp_path / "x.tar", files | same)
    assert imported(tmp_path / "x.tar", "webdataset").remarks == {
        "with captions from caption, not txt": 1,
        "with class from class, not cls": 1,
    }
