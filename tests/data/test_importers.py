"""Each kind of foreign data set, in its official layout, becomes a captioned folder."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from captiongan.data.folder import LoadedExample, read_captioned_folder
from captiongan.data.importers import IMPORTERS, choose_importer
from captiongan.data.importers.fitting import Fit
from captiongan.data.importers.hugging_face import read as read_parquet
from captiongan.data.importers.importing import NOT_TEXT, import_pictures
from captiongan.data.importers.items import Request, Splits
from captiongan.data.importers.journal import Account
from captiongan.errors import DataError
from support.tiny_layouts import (
    COUNT,
    LAYOUTS,
    bird_files,
    flower_files,
    picture,
    sentences,
    write_folder,
    write_tar,
    write_zip,
)

SPLITS = {
    "birds": {"train": 8, "test": 4},
    "coco": {"train": 8, "val": 4},
    "csv": {"": 12},
    "flickr": {"train": 8, "val": 2, "test": 2},
    "flowers": {"train": 8, "test": 4},
    "hdf5": {"train": 8, "test": 4},
    "hf": {"train": 8, "val": 4},
    "webdataset": {"train": 8, "test": 4},
}
CLASSES = {
    "birds": {"001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross"},
    "csv": {"kind 0", "kind 1"},
    "flowers": {"1", "2", "3"},
    "hdf5": {"class_00000", "class_00001"},
    "hf": {"rose", "tulip"},
    "webdataset": {"0", "1"},
}


def imported(kind: str, source: Path, out: Path, **asked: Any) -> Account:
    items = choose_importer(kind)(Request(source, **asked))
    return import_pictures(items, out, {"kind": kind}, Fit())


def loaded(folder: Path) -> Iterator[LoadedExample]:
    for item in read_captioned_folder(folder, 1):
        assert isinstance(item, LoadedExample), item
        yield item


def everything(out: Path) -> list[LoadedExample]:
    return [item for path in sorted(out.rglob("metadata.jsonl")) for item in loaded(path.parent)]


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """Each kind, with a tiny data set in its official layout."""
    kind: str = request.param
    return kind, LAYOUTS[kind](tmp_path / "source")


@pytest.mark.parametrize("kind", [kind for kind in IMPORTERS if kind != "csv"])
def test_an_option_that_has_no_effect_on_a_kind_is_refused(kind: str) -> None:
    given = {"pictures": Path()} if kind == "hf" else {"columns": {"caption": "text"}}
    option = "pictures" if kind == "hf" else "caption-column"
    with pytest.raises(DataError, match=f"--{option} has no effect on {kind}"):
        next(iter(choose_importer(kind)(Request(Path("x"), **given))))


def test_every_kind_has_a_layout_here() -> None:
    assert IMPORTERS.keys() == {*LAYOUTS, "folder"}


def test_an_official_layout_is_imported_whole_in_its_own_splits(
    layout: tuple[str, Path], tmp_path: Path
) -> None:
    kind, source = layout
    account = imported(kind, source, tmp_path / "out")
    assert account.kept == SPLITS[kind]
    assert not account.rejected
    written = {path.parent for path in (tmp_path / "out").rglob("metadata.jsonl")}
    assert written == {tmp_path / "out" / split for split in SPLITS[kind]}


def test_captions_stay_with_their_pictures_and_classes_with_both(
    layout: tuple[str, Path], tmp_path: Path
) -> None:
    kind, source = layout
    imported(kind, source, tmp_path / "out")
    own = {tuple(sentences(n)): n for n in range(COUNT + 1)}
    items = everything(tmp_path / "out")
    assert {item.example.label for item in items} == CLASSES.get(kind, {None})
    for item in items:
        number = own[item.example.captions]
        if kind != "birds":  # which are cut out
            file = next((tmp_path / "out").rglob(Path(item.example.file_name).name))
            assert file.read_bytes() == picture(number)


def test_splits_can_be_given_up(layout: tuple[str, Path], tmp_path: Path) -> None:
    kind, source = layout
    assert imported(kind, source, tmp_path / "out", splits="none").kept == {"": COUNT}


@pytest.mark.parametrize("kind", ["flowers", "birds"])
def test_the_pictures_own_split_can_be_asked_for(kind: str, tmp_path: Path) -> None:
    source = LAYOUTS[kind](tmp_path / "source")
    kept = imported(kind, source, tmp_path / "out", splits="source").kept
    assert (
        kept
        == {"flowers": {"train": 4, "val": 2, "test": 6}, "birds": {"train": 8, "test": 4}}[kind]
    )


@pytest.mark.parametrize("kind", ["csv", "coco", "hf"])
def test_a_way_of_splitting_that_a_kind_has_not_is_refused(kind: str, tmp_path: Path) -> None:
    source = LAYOUTS[kind](tmp_path / "source")
    wanted: Splits = "classes"
    with pytest.raises(DataError, match="--splits 'classes'"):
        imported(kind, source, tmp_path / "out", splits=wanted)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["flowers", "birds"])
@pytest.mark.parametrize("write", [write_folder, write_tar, write_zip])
def test_archives_count_as_folders_and_folders_as_archives(
    kind: str, write: Any, tmp_path: Path
) -> None:
    files = {"flowers": flower_files, "birds": bird_files}[kind]()
    every = {name: content for part in files.values() for name, content in part.items()}
    ending = {write_tar: "x.tar", write_zip: "x.zip"}.get(write, "")
    write(tmp_path / "source" / ending, every)
    other = LAYOUTS[kind](tmp_path / "official")
    imported(kind, tmp_path / "source", tmp_path / "one")
    imported(kind, other, tmp_path / "two")
    one, two = everything(tmp_path / "one"), everything(tmp_path / "two")
    assert sorted(repr(each.example) for each in one) == sorted(repr(each.example) for each in two)


def test_a_bird_is_cut_out_as_stackgan_does(tmp_path: Path) -> None:
    imported_birds = choose_importer("birds")(Request(LAYOUTS["birds"](tmp_path / "source")))
    import_pictures(imported_birds, tmp_path / "out", {}, Fit("box"))
    # Box 20, 24, 32 x 16: centre (36, 32), half a side 24, clipped at neither edge.
    for item in everything(tmp_path / "out"):
        assert item.picture.size == (48, 48)
    source = Image.open(next((tmp_path / "out").rglob("*_0001_1.jpg")))
    whole = Image.open(io.BytesIO(picture(1, 96)))
    difference = np.asarray(source, int) - np.asarray(whole.crop((12, 8, 60, 56)), int)
    assert np.abs(difference).mean() < 3


def test_flickr_captions_are_read_in_all_their_layouts(tmp_path: Path) -> None:
    layouts = {
        "captions.txt": 'image,caption\n1.jpg,"a red, wide flower"\n1.jpg,a rose\n',
        "results.csv": (
            "image_name| comment_number| comment\n1.jpg| 0| a red, wide flower\n1.jpg| 1| a rose\n"
        ),
        "results_20130124.token": "1.jpg#0\ta red, wide flower\n1.jpg#1\ta rose\n",
    }
    for number, (name, text) in enumerate(layouts.items()):
        source, out = tmp_path / str(number), tmp_path / f"out{number}"
        write_folder(source, {"images/1.jpg": picture(1), name: text.encode()})
        imported("flickr", source, out)
        (item,) = everything(out)
        assert item.example.captions == ("a red, wide flower", "a rose")


def test_missing_pictures_and_missing_captions_are_told_apart(tmp_path: Path) -> None:
    files = flower_files()
    del files["102flowers.tgz"]["jpg/image_00003.jpg"]
    captions = files["cvpr2016_flowers.tar.gz"]
    del captions["cvpr2016_flowers/text_c10/class_00002/image_00004.txt"]
    captions["cvpr2016_flowers/text_c10/class_00003/image_00005.txt"] = b" \n"
    for part in files.values():
        write_folder(tmp_path / "source", part)
    account = imported("flowers", tmp_path / "source", tmp_path / "out")
    assert account.rejected == {"missing file": 1, "no caption": 2}


@pytest.mark.parametrize(
    ("kind", "missing", "says"),
    [
        ("flowers", "cvpr2016_flowers.tar.gz", "put cvpr2016_flowers.tar.gz into the folder"),
        ("birds", "cvpr2016_cub.tar.gz", "put cvpr2016_cub.tar.gz into the folder"),
        ("birds", "CUB_200_2011.tgz", "put CUB_200_2011.tgz into the folder"),
        ("coco", "annotations_trainval2014.zip", "put annotations_trainval2014.zip"),
        ("flickr", "Flickr8k_text.zip", "put Flickr8k.token.txt"),
        ("csv", "captions.csv", "has 0 files .csv or .tsv"),
    ],
)
def test_a_part_that_is_missing_is_named_and_nothing_is_left(
    kind: str, missing: str, says: str, tmp_path: Path
) -> None:
    source = LAYOUTS[kind](tmp_path / "source")
    (source / missing).unlink()
    with pytest.raises(DataError, match=says):
        imported(kind, source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def not_utf8(kind: str, root: Path) -> Path:
    """Write a source of a kind, with a picture of which one caption of two is not UTF-8."""
    good, bad = b"a rose", "a ros\u00e9".encode("cp1252")
    both = b'"a rose", "' + bad + b'"'
    if kind == "webdataset":
        write_tar(root / "x.tar", {"1.jpg": picture(1), "1.txt": good + b"\n" + bad})
    elif kind == "json of webdataset":
        write_tar(root / "x.tar", {"1.jpg": picture(1), "1.json": b'{"text": [' + both + b"]}"})
    elif kind == "hdf5":
        root.mkdir()
        with h5py.File(root / "x.h5", "w") as file:
            for number, text in enumerate((good, bad)):
                group = file.create_group(f"train/a_{number}")
                group["img"], group["txt"] = np.void(picture(1)), np.bytes_(text)
        return root / "x.h5"
    else:
        captions = {
            "csv": b"file,caption\n1.jpg," + good + b"\n1.jpg," + bad + b"\n",
            "flickr": b"1.jpg#0\t" + good + b"\n1.jpg#1\t" + bad + b"\n",
            "coco": b'{"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": ['
            + b", ".join(b'{"image_id": 1, "caption": "%s"}' % text for text in (good, bad))
            + b"]}",
        }
        name = {"csv": "t.csv", "flickr": "x.token.txt", "coco": "captions_train.json"}[kind]
        write_folder(root, {name: captions[kind], "1.jpg": picture(1)})
    return root


@pytest.mark.parametrize(
    "kind", ["webdataset", "json of webdataset", "hdf5", "csv", "flickr", "coco"]
)
def test_a_caption_that_is_not_utf8_is_left_out_and_told_by_every_reader(
    kind: str, tmp_path: Path
) -> None:
    source = not_utf8(kind, tmp_path / "source")
    account = imported(kind.split()[-1], source, tmp_path / "out", splits="none")
    assert [item.example.captions for item in everything(tmp_path / "out")] == [("a rose",)]
    assert account.remarks == {NOT_TEXT: 1}


def test_a_data_set_of_the_hub_is_fetched_file_by_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = LAYOUTS["hf"](tmp_path / "source")
    asked = []

    def listed(_: object, name: str, **options: str) -> list[str]:
        assert name == "owner/flowers"
        assert options == {"repo_type": "dataset", "revision": "refs/convert/parquet"}
        return [path.relative_to(source).as_posix() for path in source.rglob("*.parquet")]

    def fetched(name: str, file: str, **_: str) -> str:
        asked.append((name, file))
        return str(source / file)

    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_files", listed)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetched)
    items = read_parquet(Request(Path("owner/flowers")))
    next(items)
    assert asked == [("owner/flowers", "data/train-00000-of-00001.parquet")]
    assert len(list(items)) == COUNT - 1


def test_a_captioned_folder_can_be_imported_again(tmp_path: Path) -> None:
    imported("flowers", LAYOUTS["flowers"](tmp_path / "source"), tmp_path / "one")
    account = imported("folder", tmp_path / "one", tmp_path / "two")
    assert account.kept == SPLITS["flowers"]
    assert [repr(each.example) for each in everything(tmp_path / "one")] == [
        repr(each.example) for each in everything(tmp_path / "two")
    ]


# Tables


def csv_folder(root: Path, text: str, *numbers: int) -> Path:
    write_folder(root, {f"{n}.jpg": picture(n) for n in numbers} | {"t.csv": text.encode()})
    return root


@pytest.mark.parametrize(
    "text",
    [
        "file,caption\n1.jpg,a rose\n1.jpg,a red flower\n",
        "file;caption 1;caption 2\n1.jpg;a rose;a red flower\n",
        "image\ttext\ttext_2\n1.jpg\ta rose\ta red flower\n",
        '\ufeffFile Name , Caption\r\n"1.jpg","a rose"\r\n.\\1.jpg,a red flower\r\n'.replace(
            "File Name ", "filename"
        ),
    ],
)
def test_a_table_may_have_a_row_or_a_column_for_each_caption(tmp_path: Path, text: str) -> None:
    imported("csv", csv_folder(tmp_path / "source", text, 1), tmp_path / "out")
    (item,) = everything(tmp_path / "out")
    assert item.example.captions == ("a rose", "a red flower")


def test_columns_of_other_names_can_be_named(tmp_path: Path) -> None:
    source = csv_folder(tmp_path / "source", "Bild,Wort,Art\n1.jpg,a rose,x\n", 1)
    columns = {"picture": "Bild", "caption": "Wort", "class": "Art"}
    imported("csv", source, tmp_path / "out", columns=columns)
    (item,) = everything(tmp_path / "out")
    assert (item.example.captions, item.example.label) == (("a rose",), "x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "no column for the caption .it has a, b."),
        ("caption\nx\n", "no column for the picture"),
        ("", "no column for the caption"),
        ('file,caption\n1.jpg,"open\n', "t.csv:2: bad row .a quote is opened and never closed"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        imported("csv", csv_folder(tmp_path / "source", text, 1), tmp_path / "out")


def test_a_table_in_another_encoding_is_refused_with_the_fix(tmp_path: Path) -> None:
    source = csv_folder(tmp_path / "source", "", 1)
    (source / "t.csv").write_bytes("file,caption\n1.jpg,a ros\u00e9\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"1.jpg: not UTF-8 .save the captions in UTF-8"):
        imported("csv", source, tmp_path / "out")


def test_pictures_of_a_table_may_lie_in_an_archive_elsewhere(tmp_path: Path) -> None:
    source = csv_folder(tmp_path / "source", "file,caption,split\n1.jpg,a rose,dev\n")
    write_zip(tmp_path / "photos.zip", {"deep/1.jpg": picture(1), "deep/2.jpg": picture(2)})
    account = imported("csv", source, tmp_path / "out", pictures=tmp_path / "photos.zip")
    assert account.kept == {"val": 1}
    assert account.read == 1  # what the table leaves out is not asked for


def test_a_box_of_a_table_is_cut_out(tmp_path: Path) -> None:
    text = "file,caption,left,top,width,height\n1.jpg,a rose,10,20,30,40\n"
    items = choose_importer("csv")(Request(csv_folder(tmp_path / "source", text, 1)))
    import_pictures(items, tmp_path / "out", {}, Fit("box"))
    (item,) = everything(tmp_path / "out")
    assert item.picture.size == (30, 40)


# Samples of shards


def test_a_caption_may_stand_in_a_samples_json(tmp_path: Path) -> None:
    facts = [{"caption": "a rose", "label": 3}, {"captions": ["a rose"], "class": "3"}]
    for number, each in enumerate(facts):
        files = {"a.jpg": picture(1), "a.json": json.dumps(each).encode()}
        write_tar(tmp_path / f"s{number}" / "x.tar", files)
        imported("webdataset", tmp_path / f"s{number}" / "x.tar", tmp_path / f"out{number}")
        (item,) = everything(tmp_path / f"out{number}")
        assert (item.example.captions, item.example.label) == (("a rose",), "3")


def test_a_sample_without_picture_or_with_broken_json_costs_only_itself(tmp_path: Path) -> None:
    files = {"a.txt": b"a rose", "b.jpg": picture(1), "b.json": b"{"}
    files |= {"c.jpg": picture(1), "c.txt": b"a rose", "README": b"hello"}
    write_tar(tmp_path / "x.tar", files)
    account = imported("webdataset", tmp_path / "x.tar", tmp_path / "out")
    assert account.kept == {"": 1}
    assert account.rejected == Counter({"missing file": 1, "bad JSON": 1})


@pytest.mark.parametrize("box", ["nan,0,5,5", "inf,0,5,5", "1e300,0,1e308,5", ",,,", "a,b,c,d"])
def test_a_box_that_is_none_leaves_the_picture_whole(tmp_path: Path, box: str) -> None:
    text = f"file,caption,left,top,width,height\n1.jpg,a rose,{box}\n"
    items = choose_importer("csv")(Request(csv_folder(tmp_path / "source", text, 1)))
    import_pictures(items, tmp_path / "out", {}, Fit("box"))
    (item,) = everything(tmp_path / "out")
    assert item.picture.size == (72, 72)
