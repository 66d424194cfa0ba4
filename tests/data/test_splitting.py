"""`data split`: seeded shares, with near-duplicates and, if asked, classes on one side."""

import json
from pathlib import Path

import pytest

from captiongan.data.folder import LoadedExample, read_captioned_folder
from captiongan.data.splitting import By
from captiongan.data.toy import write_toy_folder
from support.command_line import captiongan

COUNT = 60


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Toy flowers of six classes, in which each of the first ten is there three times."""
    root = tmp_path / "toy"
    write_toy_folder(root, COUNT, 48)
    lines = [json.loads(line) for line in (root / "metadata.jsonl").read_text().splitlines()]
    for number in range(10):
        copied = (root / lines[number]["file_name"]).read_bytes()
        for copy in (number + 20, number + 40):
            (root / lines[copy]["file_name"]).write_bytes(copied)
    for number, line in enumerate(lines):
        line["class"] = str(number % 20 % 6)
    (root / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


def split(toy: Path, out: Path, *options: object) -> dict[str, list[LoadedExample]]:
    assert captiongan("data", "split", toy, out, *options) == 0
    return {
        path.parent.name: [
            item
            for item in read_captioned_folder(path.parent, 1)
            if isinstance(item, LoadedExample)
        ]
        for path in out.glob("*/metadata.jsonl")
    }


@pytest.mark.parametrize("by", ["picture", "class"])
def test_no_picture_has_a_near_duplicate_on_another_side(toy: Path, tmp_path: Path, by: By) -> None:
    sides = split(toy, tmp_path / "out", "--test", 0.3, "--by", by)
    pixels = {name: {item.picture.tobytes() for item in items} for name, items in sides.items()}
    assert sides.keys() == {"train", "test"}
    assert not pixels["train"] & pixels["test"]


def test_shares_are_kept_as_near_as_units_allow(toy: Path, tmp_path: Path) -> None:
    sides = split(toy, tmp_path / "out", "--test", 0.2, "--val", 0.1)
    counts = {name: len(items) for name, items in sides.items()}
    assert sum(counts.values()) == COUNT
    assert abs(counts["test"] - 12) <= 1 and abs(counts["val"] - 6) <= 1


def test_by_class_no_class_is_on_two_sides(toy: Path, tmp_path: Path) -> None:
    sides = split(toy, tmp_path / "out", "--test", 0.3, "--by", "class")
    classes = {name: {item.example.label for item in items} for name, items in sides.items()}
    assert classes["test"] and not classes["train"] & classes["test"]


def test_captions_and_classes_stay_with_their_pictures(toy: Path, tmp_path: Path) -> None:
    def told(items: list[LoadedExample]) -> set[tuple[object, ...]]:
        return {(i.example.captions, i.example.label, i.picture.tobytes()) for i in items}

    whole = [i for i in read_captioned_folder(toy, 1) if isinstance(i, LoadedExample)]
    sides = split(toy, tmp_path / "out")
    assert told(sides["train"]) | told(sides["test"]) == told(whole)


def test_a_seed_decides_the_split(toy: Path, tmp_path: Path) -> None:
    def names(number: int, seed: int) -> list[str]:
        sides = split(toy, tmp_path / str(number), "--seed", seed)
        return [item.example.file_name for item in sides["test"]]

    assert names(0, 0) == names(1, 0) != names(2, 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--test", 0], "--test 0.0: each share must be above 0"),
        (["--test", 0.6, "--val", 0.4], "their sum below 1"),
        (["--test", 0.01, "--by", "class"], "none is small enough"),
        (["--test", 0.999], "nothing is left for train"),
    ],
)
def test_shares_that_cannot_be_had_are_one_line_and_leave_nothing(
    toy: Path,
    tmp_path: Path,
    options: list[object],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert captiongan("data", "split", toy, tmp_path / "out", *options) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
