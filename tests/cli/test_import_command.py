"""`captiongan data import` as a person uses it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from PIL import Image

from captiongan.data.importers import IMPORTERS
from support.command_line import captiongan
from support.tiny_layouts import COUNT, LAYOUTS, picture, write_folder

Told = pytest.CaptureFixture[str]


def test_the_account_tells_what_was_read_kept_and_rejected_and_why(
    tmp_path: Path, capsys: Told
) -> None:
    source = LAYOUTS["coco"](tmp_path / "source")
    (source / "val2014.zip").unlink()
    assert captiongan("data", "import", "coco", source, tmp_path / "out") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'out' / 'train'}: 8 pictures",
        "12 read, 8 kept, 4 rejected",
        "  4 missing file",
    ]


def test_a_bird_is_cut_out_unless_told_otherwise(tmp_path: Path) -> None:
    source = LAYOUTS["birds"](tmp_path / "source")
    assert captiongan("data", "import", "birds", source, tmp_path / "cut") == 0
    assert captiongan("data", "import", "birds", source, tmp_path / "all", "--crop", "centre") == 0
    for out, size in (("cut", (48, 48)), ("all", (96, 96))):
        for path in (tmp_path / out).rglob("*.jpg"):
            with Image.open(path) as bird:
                assert bird.size == size


def test_options_decide_background_size_and_number(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_folder(source, {"t.csv": b"file,caption\nb.png,a rose\na.png,a rose\n"})
    for name in "ab":
        Image.new("RGBA", (40, 20)).save(source / f"{name}.png")
    options = ["--background", "#102030", "--side", 10, "--crop", "pad", "--limit", 1]
    assert captiongan("data", "import", "csv", source, tmp_path / "out", *options) == 0
    with Image.open(tmp_path / "out" / "pictures" / "a.png") as kept:
        assert (kept.size, kept.getpixel((5, 5))) == ((10, 10), (16, 32, 48))
    assert not (tmp_path / "out" / "pictures" / "b.png").exists()


def test_enlarged_pictures_are_in_the_account(tmp_path: Path, capsys: Told) -> None:
    source = LAYOUTS["csv"](tmp_path / "source")
    Image.new("RGB", (40, 20)).save(source / "photos" / "3.jpg")
    assert captiongan("data", "import", "csv", source, tmp_path / "out", "--enlarge", 64) == 0
    remark = "1 kept enlarged to a short side of 64 pixels"
    assert capsys.readouterr().out.splitlines()[-1] == remark
    with Image.open(tmp_path / "out" / "pictures" / "3.jpg") as kept:
        assert kept.size == (128, 64)


def test_an_unknown_kind_is_one_line_that_names_all(tmp_path: Path, capsys: Told) -> None:
    assert captiongan("data", "import", "cars", tmp_path, tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and all(kind in told for kind in IMPORTERS)


@pytest.mark.parametrize("kind", IMPORTERS)
def test_a_source_that_is_not_there_is_one_line_and_leaves_nothing(
    kind: str, tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert captiongan("data", "import", kind, tmp_path / "no" / "where", tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "module", "extra"), [("hdf5", "h5py", "hdf5"), ("hf", "pyarrow", "hf")]
)
def test_an_extra_that_is_not_installed_is_named(
    kind: str,
    module: str,
    extra: str,
    tmp_path: Path,
    capsys: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = LAYOUTS[kind](tmp_path / "source")
    for loaded in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.setitem(sys.modules, loaded, None)
    assert captiongan("data", "import", kind, source, tmp_path / "out") == 2
    assert f"pip install 'captiongan[{extra}]'" in capsys.readouterr().err


def test_an_import_that_is_killed_is_gone_on_with_by_the_same_command(tmp_path: Path) -> None:
    source = tmp_path / "source"
    rows = "".join(f"{n}.jpg,flower number {n}\n" for n in range(600))
    write_folder(source, {"t.csv": f"file,caption\n{rows}".encode()})
    write_folder(source, {f"{n}.jpg": picture(n % COUNT) for n in range(600)})
    command = ["data", "import", "csv", str(source), str(tmp_path / "out")]
    process = subprocess.Popen([sys.executable, "-m", "captiongan", *command])
    journal = tmp_path / "out" / "import.jsonl"
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if journal.exists() and journal.stat().st_size > 500:
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out" / "metadata.jsonl").exists()
    assert captiongan(*command) == 0
    lines = (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 600


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("captiongan.data.importers.importing.fitted", interrupted)
    source = LAYOUTS["csv"](tmp_path / "source")
    assert captiongan("data", "import", "csv", source, tmp_path / "out") == 130
    assert "repeat the command to continue" in capsys.readouterr().err


# The same command again


def captions(out: Path) -> list[str]:
    lines = (out / "metadata.jsonl").read_text().splitlines()
    return [text for line in lines for text in json.loads(line)["text"]]


def table_and_pictures(root: Path) -> list[object]:
    """Write a table of a picture, and another that it does not name; return an import of it."""
    write_folder(root, {"t.csv": b"file,caption\n1.jpg,a rsoe\n"})
    write_folder(root / "photos", {"1.jpg": picture(1), "2.jpg": picture(2)})
    return ["data", "import", "csv", root / "t.csv", root / "out", "--pictures", root / "photos"]


def correct_the_table(root: Path) -> None:
    (root / "t.csv").write_text("file,caption\n1.jpg,a rose\n")


def replace_a_picture(root: Path) -> None:
    (root / "photos" / "1.jpg").write_bytes(picture(3))


def add_a_picture(root: Path) -> None:
    (root / "photos" / "3.jpg").write_bytes(picture(3))


@pytest.mark.parametrize("change", [correct_the_table, replace_a_picture, add_a_picture])
def test_a_changed_source_is_not_taken_for_the_imported_one(
    tmp_path: Path, capsys: Told, change: Callable[[Path], None]
) -> None:
    command = table_and_pictures(tmp_path)
    assert captiongan(*command) == captiongan(*command) == 0
    change(tmp_path)
    assert captiongan(*command) == 2
    assert "as it was before it changed; remove that folder" in capsys.readouterr().err
    assert captions(tmp_path / "out") == ["a rsoe"]


def test_a_copied_table_and_other_files_beside_it_change_nothing(tmp_path: Path) -> None:
    write_folder(tmp_path, {"t.csv": b"file,caption\n1.jpg,a rose\n", "1.jpg": picture(1)})
    command = ["data", "import", "csv", tmp_path / "t.csv", tmp_path / "out"]
    assert captiongan(*command) == 0
    os.utime(tmp_path / "t.csv", (1, 1))
    (tmp_path / "log.txt").write_text("imported")
    assert captiongan(*command) == 0


def test_a_corrected_source_is_imported_after_one_with_nothing_usable(tmp_path: Path) -> None:
    command = table_and_pictures(tmp_path)
    (tmp_path / "t.csv").write_text("file,caption\n9.jpg,a rose\n")
    assert captiongan(*command) == captiongan(*command) == 2
    correct_the_table(tmp_path)
    assert captiongan(*command) == 0
    assert captions(tmp_path / "out") == ["a rose"]


def test_changed_sentences_are_not_taken_for_the_imported_ones(tmp_path: Path) -> None:
    write_folder(tmp_path, {"pictures/rose/1.jpg": picture(1), "t.txt": b"a {class}\n"})
    pictures, template, out = tmp_path / "pictures", tmp_path / "t.txt", tmp_path / "out"
    command = ["data", "caption-template", pictures, template, out]
    assert captiongan(*command) == 0
    template.write_text("one {class}\n")
    assert captiongan(*command) == 2


@pytest.mark.parametrize("verb", [["import", "folder"], ["split", "--test", "0.5"]])
def test_a_changed_captioned_folder_is_not_taken_for_the_same(
    verb: list[str], tmp_path: Path
) -> None:
    lines = [f'{{"file_name": "{n}.jpg", "text": "rose {n}"}}\n' for n in range(4)]
    write_folder(tmp_path / "in", {f"{n}.jpg": picture(n) for n in range(4)})
    (tmp_path / "in" / "metadata.jsonl").write_text("".join(lines[:3]))
    command = ["data", *verb, tmp_path / "in", tmp_path / "out"]
    assert captiongan(*command) == captiongan(*command) == 0
    (tmp_path / "in" / "metadata.jsonl").write_text("".join(lines))
    assert captiongan(*command) == 2


def test_an_import_of_an_older_version_is_still_known(tmp_path: Path) -> None:
    command = table_and_pictures(tmp_path)
    assert captiongan(*command) == 0
    journal = tmp_path / "out" / "import.jsonl"
    first, _, rest = journal.read_text().partition("\n")
    wish = json.loads(first)["wish"]
    del wish["content"]
    journal.write_text(json.dumps({"wish": wish}) + "\n" + rest)
    assert captiongan(*command) == 0


# What foreign containers could smuggle in


def test_links_of_an_hdf5_file_into_other_files_are_not_followed(
    tmp_path: Path, capsys: Told
) -> None:
    (tmp_path / "secret.jpg").write_bytes(picture(1))
    with h5py.File(tmp_path / "other.hdf5", "w") as other:
        other["secret"] = "secret"
    path = LAYOUTS["hdf5"](tmp_path / "source")
    with h5py.File(path, "a") as file:
        file["train/a_0/txt"], file["train/b_0/txt"] = "a rose", "a rose"
        file["train/b_0/img"] = h5py.ExternalLink(str(tmp_path / "other.hdf5"), "secret")
        size = len(picture(1))
        file["train/a_0"].create_dataset(
            "img", (size,), "u1", external=[(str(tmp_path / "secret.jpg"), 0, size)]
        )
        file["linked"] = h5py.ExternalLink(str(tmp_path / "other.hdf5"), "/")
    assert captiongan("data", "import", "hdf5", path, tmp_path / "out") == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "15 read, 12 kept, 3 rejected",
        "  3 outside the folder",
    ]


@pytest.mark.parametrize("kind", ["hdf5", "hf"])
@pytest.mark.parametrize(
    "content", [b"", b"not such a file", b"PAR1" * 100, b"\x89HDF\r\n\x1a\n" * 9]
)
def test_what_is_no_such_file_is_one_line(
    kind: str, content: bytes, tmp_path: Path, capsys: Told
) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    assert captiongan("data", "import", kind, tmp_path / "x.parquet", tmp_path / "out") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b"[" * 10_000, b'{"images": [1], "annotations": []}', b"\xff"]
)
def test_captions_that_are_not_in_cocos_layout_are_one_line(
    content: bytes, tmp_path: Path, capsys: Told
) -> None:
    write_folder(tmp_path / "source", {"captions_train.json": content})
    assert captiongan("data", "import", "coco", tmp_path / "source", tmp_path / "out") == 2
    assert "not in COCO's layout" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0", bytes(2**18 + 1)])
def test_a_broken_matlab_file_is_one_line(content: bytes, tmp_path: Path, capsys: Told) -> None:
    source = LAYOUTS["flowers"](tmp_path / "source")
    (source / "imagelabels.mat").write_bytes(content)
    assert captiongan("data", "import", "flowers", source, tmp_path / "out") == 2
    assert "is no MATLAB file of whole numbers" in capsys.readouterr().err
