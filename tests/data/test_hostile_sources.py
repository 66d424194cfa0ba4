"""Sources that reach outside themselves, or unpack without bound; and what lies in none."""

import os
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from captiongan.data.folder import read_captioned_folder
from captiongan.data.importers import choose_importer
from captiongan.data.importers.caption_template import read as read_templates
from captiongan.data.importers.fitting import Fit
from captiongan.data.importers.importing import import_pictures
from captiongan.data.importers.items import Request
from captiongan.data.importers.journal import Account
from captiongan.data.store import open_store
from captiongan.errors import DataError
from support.tiny_layouts import picture, write_folder, write_tar, write_zip

LINE = b'{"file_name": "1.jpg", "text": "a rose"}\n'


def imported(kind: str, source: Path, out: Path) -> Account:
    return import_pictures(choose_importer(kind)(Request(source)), out, {}, Fit())


# Captioned folders


def linked(root: Path) -> None:
    write_folder(root.parent, {"private.jsonl": LINE})
    (root / "metadata.jsonl").symlink_to(root.parent / "private.jsonl")


def pipe(root: Path) -> None:
    os.mkfifo(root / "metadata.jsonl")


def endless(root: Path) -> None:
    (root / "metadata.jsonl").symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [linked, pipe, endless])
@pytest.mark.parametrize(
    "read",
    [
        lambda root: list(read_captioned_folder(root, 1)),
        lambda root: open_store(str(root), 64, 1),
        lambda root: imported("folder", root, root.parent / "out"),
    ],
    ids=["read", "store", "import"],
)
def test_metadata_that_are_no_file_of_the_folder_are_refused(
    make: Callable[[Path], None], read: Callable[[Path], object], tmp_path: Path
) -> None:
    write_folder(tmp_path / "data", {"1.jpg": picture(1)})
    make(tmp_path / "data")
    with pytest.raises(DataError, match=r"no readable metadata.jsonl \((it|.*link|it is not)"):
        read(tmp_path / "data")


def test_a_linked_split_folder_is_told_and_not_copied(tmp_path: Path) -> None:
    write_folder(tmp_path / "private", {"1.jpg": picture(1), "metadata.jsonl": LINE})
    write_folder(tmp_path / "data" / "test", {"1.jpg": picture(2), "metadata.jsonl": LINE})
    (tmp_path / "data" / "train").symlink_to(tmp_path / "private")
    account = imported("folder", tmp_path / "data", tmp_path / "out")
    assert (account.kept, account.rejected) == ({"test": 1}, {"linked folder": 1})


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_a_captioned_folder_may_be_an_archive_with_splits(write: object, tmp_path: Path) -> None:
    files = {"train/1.jpg": picture(1), "train/metadata.jsonl": LINE * 2 + b"{\n"}
    files |= {"test/1.jpg": picture(2), "test/metadata.jsonl": LINE.replace(b"1.", b"../1.") + LINE}
    source = tmp_path / ("x.zip" if write is write_zip else "x.tgz")
    (write_zip if write is write_zip else write_tar)(source, files)
    account = imported("folder", source, tmp_path / "out")
    assert account.kept == {"train": 1, "test": 1}
    assert account.rejected == {"duplicate": 1, "bad JSON": 1, "outside the folder": 1}


def test_an_archive_without_metadata_is_one_line(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip", {"1.jpg": picture(1)})
    with pytest.raises(DataError, match=r"has no metadata.jsonl; name a captioned folder"):
        imported("folder", tmp_path / "x.zip", tmp_path / "out")


# Read, kept and rejected add up to what lies there


def test_every_picture_of_folders_of_classes_is_in_the_account(tmp_path: Path) -> None:
    write_folder(tmp_path / "elsewhere", {"1.jpg": picture(1)})
    write_folder(tmp_path / "source", {"rose/1.jpg": picture(1), "top.jpg": picture(2)})
    (tmp_path / "source" / "oak").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "t.txt").write_text("a {class}\n")
    items = read_templates(Request(tmp_path / "source", template=tmp_path / "t.txt"))
    account = import_pictures(items, tmp_path / "out", {}, Fit())
    assert account.kept == {"": 1}
    assert account.rejected == {"linked folder": 1, "no class": 1}


def test_every_picture_of_a_shard_is_in_the_account(tmp_path: Path) -> None:
    files = {"a.jpg": picture(1), "a.png": picture(2), "a.txt": b"a rose"}
    files |= {"rose.1.jpg": picture(3), "rose.1.txt": b"x", "rose.2.jpg": picture(4)}
    write_tar(tmp_path / "x.tar", files)
    account = imported("webdataset", tmp_path / "x.tar", tmp_path / "out")
    assert account.kept == {"": 1}
    assert account.rejected == {"duplicate": 2, "no caption": 1}
    assert (tmp_path / "out" / "pictures" / "a.jpg").read_bytes() == picture(1)


# What unpacks without bound


def parquet(root: Path, rows: int) -> Path:
    value = bytes(2**20)
    table = pa.table({"image": [value] * rows, "text": ["a rose"] * rows})
    root.mkdir()
    pa.parquet.write_table(table, root / "x.parquet", compression="zstd")
    return root / "x.parquet"


def test_a_value_of_a_parquet_file_that_many_rows_share_is_unpacked_for_one(
    tmp_path: Path,
) -> None:
    path = parquet(tmp_path / "source", 200)
    pool = pa.default_memory_pool()
    before, highest = pool.bytes_allocated(), 0
    for _ in choose_importer("hf")(Request(path)):
        highest = max(highest, pool.bytes_allocated() - before)
    assert highest < 10 * 2**20


def test_a_parquet_file_that_unpacks_to_far_more_than_it_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captiongan.data.importers.source._FREE", 1000)
    with pytest.raises(DataError, match="more than 200 times its size"):
        imported("hf", parquet(tmp_path / "source", 1), tmp_path / "out")


def test_a_row_of_a_parquet_file_with_too_many_captions_costs_only_itself(tmp_path: Path) -> None:
    texts = [["a rose"] * 20_000, ["a rose", None], ["x" * 2**20] * 2]
    table = pa.table({"image": [picture(number) for number in range(3)], "text": texts})
    pa.parquet.write_table(table, tmp_path / "x.parquet")
    account = imported("hf", tmp_path / "x.parquet", tmp_path / "out")
    assert (account.kept, account.rejected) == ({"": 1}, {"bad caption": 2})


def test_a_parquet_file_outside_its_folder_is_not_read(tmp_path: Path) -> None:
    path = parquet(tmp_path / "private", 1)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "x.parquet").symlink_to(path)
    with pytest.raises(DataError, match="outside the folder"):
        imported("hf", tmp_path / "source", tmp_path / "out")


def test_a_caption_of_a_parquet_file_that_is_not_utf8_costs_its_row(tmp_path: Path) -> None:
    texts = pa.array([b"a ros\xe9", b"a rose"]).cast(pa.binary()).view(pa.string())
    table = pa.table({"image": [picture(1), picture(2)], "text": texts})
    pa.parquet.write_table(table, tmp_path / "x.parquet")
    account = imported("hf", tmp_path / "x.parquet", tmp_path / "out")
    assert (account.kept, account.rejected) == ({"": 1}, {"not UTF-8": 1})


def hdf5(path: Path, **datasets: dict[str, object]) -> Path:
    with h5py.File(path, "w") as file:
        for number, options in enumerate(datasets.values()):
            group = file.create_group(f"train/a{number}_0")
            group["txt"] = "a rose"
            group.create_dataset("img", **options)
        good = file.create_group("train/good_0")
        good["txt"], good["img"] = "a rose", np.void(picture(1))
    return path


def test_a_value_of_an_hdf5_file_costs_only_itself_whatever_it_unpacks_to(tmp_path: Path) -> None:
    path = hdf5(
        tmp_path / "x.h5",
        chunk={"shape": (1,), "maxshape": (None,), "chunks": (2**28,), "dtype": "u1"},
        empty={"data": h5py.Empty("u1")},
        none={"shape": (0,), "dtype": "u1"},
        many={"shape": (9,), "dtype": h5py.vlen_dtype(np.uint8)},
    )
    tracemalloc.start()
    account = imported("hdf5", path, tmp_path / "out")
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert account.kept == {"train": 1}
    assert account.rejected == {"too large": 2, "missing file": 1, "unreadable picture": 1}
    assert highest < 2**26


def test_a_chunk_of_an_hdf5_file_that_lies_about_its_size_is_not_unpacked(tmp_path: Path) -> None:
    options = {"compression": "gzip", "shuffle": True, "fletcher32": True, "dtype": "u1"}
    path = hdf5(
        tmp_path / "x.h5",
        lie={"shape": (9,), "chunks": (9,), "compression": "gzip", "dtype": "u1"},
        honest={"data": np.frombuffer(picture(2), "u1"), "chunks": (99,), **options},
        other={"data": np.frombuffer(picture(3), "u1"), "compression": "lzf"},
    )
    with h5py.File(path, "r+") as file:
        file["train/a0_0/img"].id.write_direct_chunk((0,), zlib.compress(bytes(2**20)))
    account = imported("hdf5", path, tmp_path / "out")
    assert (account.kept, account.rejected) == (
        {"train": 2},
        {"too large": 1, "unreadable file": 1},
    )


def test_captions_of_an_hdf5_picture_are_bounded_together(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for number in range(9):
            group = file.create_group(f"train/a_{number}")
            group["img"], group["txt"] = np.void(picture(1)), "x" * 2**18
        good = file.create_group("train/good_0")
        good["txt"], good["img"] = "a rose", np.void(picture(1))
    account = imported("hdf5", tmp_path / "x.h5", tmp_path / "out")
    assert account.rejected == {"line too long": 1}


# The hub


@pytest.mark.parametrize("name", ["photos", "no/such/folder", "./photos/flowers"])
def test_a_mistyped_folder_is_not_asked_for_on_the_hub(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object, **__: object) -> list[str]:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_files", asked)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").touch()
    if name.startswith("./"):
        name = str(tmp_path / "photos" / "flowers")
    with pytest.raises(DataError, match="does not exist; name a parquet file"):
        imported("hf", Path(name), tmp_path / "out")


def test_a_hub_that_cannot_be_reached_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ConnectError(Exception):  # as of a client whose errors are none of Python's own
        pass

    def refused(*_: object, **__: object) -> list[str]:
        raise ConnectError("connection refused")

    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_files", refused)
    with pytest.raises(DataError, match=r"cannot be fetched from the hub \(connection refused\)"):
        imported("hf", Path("owner/flowers"), tmp_path / "out")
