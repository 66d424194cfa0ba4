"""Squares for a store: the same whoever decodes, and each file decoded once."""

import json
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from captiongan.base.cache import cache_folder
from captiongan.base.image_reading import middle_square, read_picture
from captiongan.data import decode
from captiongan.data import folder as reading
from captiongan.data.decode import Square, SquareMaker, make_squares
from captiongan.data.folder import LoadedExample, read_captioned_folder, read_lines
from captiongan.data.store import open_store

SIDE, LEAST = 16, 8
NAMES = ["a.png", "./a.png", "A.PNG", "b.png", "B.png", "cut.png", "small.png", "none.png", "../x"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two good pictures and two bad ones, without metadata."""
    root = tmp_path_factory.mktemp("pictures")
    for seed, name in enumerate(["a.png", "b.png", "cut.png"]):
        noise = np.random.default_rng(seed).integers(0, 256, (30, 24, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / name)
    (root / "cut.png").write_bytes((root / "cut.png").read_bytes()[:-300])
    Image.new("RGB", (LEAST - 1, 40)).save(root / "small.png")
    return root


def describe(root: Path, names: Iterable[str | None]) -> Path:
    """Write the metadata of a folder: a line for each name, None for one that is no JSON."""
    records = ({"file_name": name, "text": f"{row}"} for row, name in enumerate(names))
    lines = (json.dumps(each) if each["file_name"] else "{" for each in records)
    (root / "metadata.jsonl").write_text("\n".join(lines))
    return root


def one_by_one(root: Path) -> list[tuple[str, bytes]]:
    """Say what the reader of one picture at a time makes of a folder."""
    return [
        (repr(item.example), middle_square(item.picture, SIDE).tobytes())
        if isinstance(item, LoadedExample)
        else (str(item), b"")
        for item in read_captioned_folder(root, LEAST)
    ]


def made(root: Path) -> list[tuple[str, bytes]]:
    """Return what `make_squares` makes of a folder."""
    maker = SquareMaker(root, SIDE, LEAST)
    return [
        (repr(item.line.example), item.pixels) if isinstance(item, Square) else (str(item), b"")
        for item in make_squares(read_lines(root), maker)
    ]


def in_small_chunks(monkeypatch: pytest.MonkeyPatch, threads: int = 3, chunk: int = 2) -> None:
    monkeypatch.setattr(decode, "CHUNK", chunk)
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))


def count_decoding(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the name of each picture that is decoded."""
    decoded: list[str] = []

    def count(path: Path, minimum_side: int) -> Image.Image:
        decoded.append(path.name)
        return read_picture(path, minimum_side)

    monkeypatch.setattr(reading, "read_picture", count)
    return decoded


@given(names=st.lists(st.sampled_from([*NAMES, None]), min_size=1, max_size=14))
def test_lines_are_used_and_rejected_as_one_by_one_whatever_names_repeat(
    names: list[str | None], pictures: Path
) -> None:
    describe(pictures, names)
    expected = one_by_one(pictures)
    with pytest.MonkeyPatch.context() as patch:
        in_small_chunks(patch)
        assert made(pictures) == expected


def test_of_lines_that_name_one_file_the_first_usable_one_counts(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(pictures, ["A.PNG", "a.png", "b.png", "./a.png", "a.png", None, "B.png"])
    in_small_chunks(monkeypatch)
    told = [text for text, pixels in made(pictures) if not pixels]
    assert [text.partition(" (")[0] for text in told] == [
        "metadata.jsonl:1: A.PNG: missing file",
        "metadata.jsonl:4: ./a.png: duplicate",
        "metadata.jsonl:5: a.png: duplicate",
        "metadata.jsonl:6: bad JSON",
        "metadata.jsonl:7: B.png: duplicate",
    ]
    assert "already on line 2" in told[1] and "already on line 3" in told[4]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_store_is_the_same_to_the_last_byte_however_many_cores_build_it(
    threads: int, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "flowers"
    shutil.copytree(pictures, root)
    for row in range(20):
        shutil.copy(root / f"{'ab'[row % 2]}.png", root / f"{row}.png")
    describe(root, [*NAMES, None, *(f"{row}.png" for row in range(20)), "7.png"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    expected = built(root)
    assert len(expected) == 2
    in_small_chunks(monkeypatch, threads, chunk=3)
    assert built(root) == expected


def built(root: Path) -> dict[str, bytes]:
    """Build a store, and return its files, their names with that of the store."""
    open_store(str(root), SIDE, LEAST)
    (stored,) = cache_folder("pictures").iterdir()
    content = {f"{stored.name}/{path.name}": path.read_bytes() for path in stored.iterdir()}
    shutil.rmtree(stored)
    return content


@pytest.mark.parametrize("name", ["a.png", "cut.png"])
def test_a_picture_that_many_lines_name_is_not_decoded_for_each(
    name: str, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(pictures, [name] * 300)
    decoded = count_decoding(monkeypatch)
    in_small_chunks(monkeypatch)
    told = made(pictures)
    assert len(told) == 300
    # What cannot be used is tried once there, and once when it is known that it cannot.
    assert decoded == [name] * (1 if name == "a.png" else 2)
    decoded.clear()
    assert one_by_one(pictures) == told
    assert decoded == [name]


def test_no_more_than_a_few_chunks_are_in_memory(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(pictures, [f"{row}.png" for row in range(100)])
    in_small_chunks(monkeypatch, threads=2, chunk=5)
    taken = 0

    def counted() -> Iterable[Any]:
        nonlocal taken
        for line in read_lines(pictures):
            taken += 1
            yield line

    results = make_squares(counted(), SquareMaker(pictures, SIDE, LEAST))
    for given_back, _ in enumerate(results):
        assert taken - given_back <= 2 * 2 * 5
    assert taken == 100


def test_a_picture_that_makes_the_decoder_fail_costs_only_itself(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "folder.png").mkdir(exist_ok=True)
    (pictures / "text.png").write_text("no picture")
    describe(pictures, ["folder.png", "text.png", "cut.png", "a.png", "\ud800.png"])
    in_small_chunks(monkeypatch)
    kinds = [text.partition(" (")[0] for text, pixels in made(pictures) if not pixels]
    assert [kind.rpartition(": ")[2] for kind in kinds] == [
        "missing file",
        "unreadable picture",
        "truncated picture",
        "bad JSON",
    ]


def test_a_build_that_is_broken_off_ends_its_threads_and_leaves_nothing(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(pictures, ["a.png", *(f"{row}.png" for row in range(200))])
    in_small_chunks(monkeypatch)
    threads_before = threading.active_count()

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(str(pictures), SIDE, LEAST, on_progress=stop)
    assert threading.active_count() == threads_before
    assert list(cache_folder("pictures").iterdir()) == []
