"""`data split`: seeded shares, with near-duplicates and, if asked, classes on one side."""

import json
import re
from pathlib import Path

import pytest

from captiongan.data.folder import LoadedExample, read_captioned_folder
from captiongan.data.split_lists import read_list, shipped_lists
from captiongan.data.splitting import By
from captiongan.data.toy import write_toy_folder
from captiongan.evaluation.needs import foreseen
from support.command_line import captiongan
from support.tiny_layouts import LAYOUTS

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


def test_a_split_says_first_which_scores_it_will_not_have_and_what_would_do(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split(toy, tmp_path / "out")
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "test: 6 pictures, so `captiongan evaluate` will leave out"
    assert told[1] == (
        "  kid, fid, precision, density, recall, coverage: 6 real pictures; it takes 50"
    )
    assert "r_at_1: 54 training pictures; probes take 100" in told[2]
    assert "  the 60 pictures are too few for that; add pictures" in told


@pytest.mark.parametrize(
    ("test", "train", "last"),
    [
        (30, 270, "  --test 0.34 would give the 100 pictures that it takes"),
        (15, 135, "  --test 0.34 would give the 50 pictures that it takes"),
        (99, 901, "  --test 0.11 would give the 100 pictures that it takes"),
        (102, 198, "test: 102 pictures, enough for all scores of `captiongan evaluate`"),
    ],
)
def test_the_size_that_would_do_is_one_that_does(test: int, train: int, last: str) -> None:
    labels = [str(number % 6) for number in range(train)]
    assert list(foreseen(labels[:test], labels))[-1] == last


# By a list


def listed(toy: Path, *lines: str) -> Path:
    (toy.parent / "list.txt").write_text("".join(f"{line}\n" for line in lines))
    return toy.parent / "list.txt"


def test_a_list_alone_decides_the_test_part(toy: Path, tmp_path: Path) -> None:
    names = listed(toy, "# two", "toy_000003.png", "", "toy_000041.png")
    sides = split(toy, tmp_path / "out", "--list", names)
    test = [Path(item.example.file_name).name for item in sides["test"]]
    assert (test, len(sides["train"])) == (["toy_000003.png", "toy_000041.png"], COUNT - 2)


@pytest.mark.parametrize(
    ("lines", "options", "says"),
    [
        (["toy_000003.png"], ["--seed", 1], "--seed 1 with --list"),
        (["toy_000003.png", "x.png"], [], "has 0 usable pictures named 'x.png'"),
        ([f"toy_{number:06d}.png" for number in range(COUNT)], [], "names all pictures"),
        ([], [], "is empty"),
    ],
)
def test_a_list_that_does_not_fit_is_one_line_and_leaves_nothing(
    toy: Path,
    tmp_path: Path,
    lines: list[str],
    options: list[object],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = listed(toy, *lines)
    assert captiongan("data", "split", toy, tmp_path / "out", "--list", names, *options) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_shipped_lists_name_pictures_of_the_official_archives() -> None:
    official = {"flowers": r"image_0\d{4}\.jpg", "birds": r"([A-Z][A-Za-z]*_)+\d{4}_\d+\.jpg"}
    assert shipped_lists() == sorted(official)
    names = {name: read_list(name) for name in official}
    assert {name: len(each) for name, each in names.items()} == {"flowers": 410, "birds": 200}
    for name, pattern in official.items():
        assert all(re.fullmatch(pattern, each) for each in names[name])


@pytest.mark.parametrize("kind", ["flowers", "birds"])
def test_the_way_from_the_official_archives_to_train_and_test(kind: str, tmp_path: Path) -> None:
    source, whole = LAYOUTS[kind](tmp_path / "source"), tmp_path / "whole"
    importing = ["data", "import", kind, source, whole, "--splits", "none", "--side", 144]
    assert captiongan(*importing) == 0
    paths = sorted(path.name for path in (whole / "pictures").iterdir())
    sides = split(whole, tmp_path / "out", "--list", listed(whole, *paths[:3]))
    assert sorted(Path(item.example.file_name).name for item in sides["test"]) == paths[:3]
    assert len(sides["train"]) == len(paths) - 3 == 9
    assert all(len(item.example.captions) == 5 for items in sides.values() for item in items)
