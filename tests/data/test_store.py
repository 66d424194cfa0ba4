import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from captiongan.base.cache import CACHE_VARIABLE, cache_folder
from captiongan.base.image_reading import middle_square
from captiongan.data import decode, store
from captiongan.data.decode import squashed
from captiongan.data.folder import Example
from captiongan.data.store import PictureStore, open_store
from captiongan.data.toy import toy_examples
from captiongan.errors import DataError, OutputError

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def plain(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (20, 20), colour)


def bands(width: int, height: int) -> Image.Image:
    """Return a picture in three upright bands: red, green, blue."""
    colours = np.array([RED, GREEN, BLUE], dtype=np.uint8).repeat(width // 3, axis=0)
    return Image.fromarray(np.broadcast_to(colours, (height, width, 3)).copy())


def write_metadata(root: Path, *records: dict[str, object]) -> None:
    (root / "metadata.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, and a line that cannot be used."""
    root = tmp_path / "flowers"
    root.mkdir()
    plain(RED).save(root / "a.png")
    plain(BLUE).save(root / "b.png")
    write_metadata(
        root,
        {"file_name": "b.png", "text": ["blue", "a blue one"], "class": "B"},
        {"file_name": "none.png", "text": "x"},
        {"file_name": "a.png", "text": "red"},
    )
    return root


def refuse_to_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Image.Image:
        raise AssertionError("decoded again")

    monkeypatch.setattr(decode, "middle_square", fail)


def test_a_store_holds_pictures_captions_and_classes_in_the_order_of_the_metadata(
    folder: Path,
) -> None:
    opened = open_store(str(folder), 16, 8)
    assert opened.pictures.shape == (2, 16, 16, 3)
    assert (opened.pictures == np.array([BLUE, RED])[:, None, None]).all()
    assert [example.captions for example in opened.examples] == [("blue", "a blue one"), ("red",)]
    assert [example.label for example in opened.examples] == ["B", None]
    assert opened.captions == ("blue", "a blue one", "red")


@pytest.mark.parametrize("file", ["examples.json", "pictures.u8"])
@pytest.mark.parametrize("damage", [b"", b"{", None])
def test_a_damaged_store_is_built_again(folder: Path, file: str, damage: bytes | None) -> None:
    before = open_store(str(folder), 16, 8)
    expected, captions = before.pictures.copy(), before.captions
    (stored,) = cache_folder("pictures").iterdir()
    if damage is None:
        (stored / file).unlink()
    else:
        (stored / file).write_bytes(damage)
    after = open_store(str(folder), 16, 8)
    assert after.captions == captions
    np.testing.assert_array_equal(after.pictures, expected)


def test_other_files_in_the_folder_do_not_count(folder: Path) -> None:
    open_store(str(folder), 16, 8)
    (folder / "notes.txt").write_text("mine")
    open_store(str(folder), 16, 8)
    assert len(list(cache_folder("pictures").iterdir())) == 1


def test_the_digest_tells_captions_classes_and_their_order() -> None:
    pictures = np.zeros((2, 1, 1, 3), np.uint8)
    rows = [Example("a", ("red",), "1"), Example("b", ("blue",), "1")]
    variants = [
        rows,
        rows[::-1],
        [rows[0], Example("b", ("blue",), None)],
        [rows[0], Example("b", ("blue", "blue"), "1")],
    ]
    digests = {PictureStore(pictures, tuple(each), ()).digest for each in variants}
    assert len(digests) == len(variants)


def test_the_pictures_stay_on_disk_and_what_is_written_to_them_in_memory(folder: Path) -> None:
    pictures = open_store(str(folder), 16, 8).pictures
    assert isinstance(pictures, np.memmap)
    before = pictures.copy()
    pictures[:] += 1
    pictures.flush()
    np.testing.assert_array_equal(open_store(str(folder), 16, 8).pictures, before)


def test_tensors_share_the_memory_of_the_pictures_without_a_warning(folder: Path) -> None:
    pictures = open_store(str(folder), 16, 8).pictures
    assert torch.from_numpy(pictures).data_ptr() == pictures.ctypes.data


@pytest.mark.parametrize("source", ["folder", "toy:3"])
def test_pictures_are_decoded_once(
    source: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = str(folder) if source == "folder" else source
    first = open_store(source, 16, 8)
    refuse_to_decode(monkeypatch)
    second = open_store(source, 16, 8)
    np.testing.assert_array_equal(first.pictures, second.pictures)
    assert first.examples == second.examples


def test_skipped_lines_are_told_at_every_opening(folder: Path) -> None:
    for _ in range(2):
        (reject,) = open_store(str(folder), 16, 8).rejects
        assert reject.startswith("metadata.jsonl:2: none.png: missing file")


def test_a_changed_picture_is_decoded_again(folder: Path) -> None:
    file = folder / "a.png"
    plain(RED).save(file, "BMP")  # not compressed: the other colour makes a file of the same size
    open_store(str(folder), 16, 8)
    before = file.stat()
    plain(GREEN).save(file, "BMP")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert file.stat().st_size == before.st_size
    assert (open_store(str(folder), 16, 8).pictures[1] == GREEN).all()


def test_changed_metadata_is_read_again(folder: Path) -> None:
    open_store(str(folder), 16, 8)
    write_metadata(folder, {"file_name": "a.png", "text": "crimson"})
    assert [example.captions for example in open_store(str(folder), 16, 8).examples] == [
        ("crimson",)
    ]


def test_a_picture_that_arrives_later_is_found(folder: Path) -> None:
    open_store(str(folder), 16, 8)
    plain(GREEN).save(folder / "none.png")
    opened = open_store(str(folder), 16, 8)
    assert (len(opened.examples), opened.rejects) == (3, ())


def test_another_side_or_another_smallest_side_is_another_store(folder: Path) -> None:
    assert open_store(str(folder), 16, 8).pictures.shape[1] == 16
    assert open_store(str(folder), 12, 8).pictures.shape[1] == 12
    with pytest.raises(DataError, match="too small"):
        open_store(str(folder), 16, 21)


def test_two_folders_of_the_same_name_do_not_mix(folder: Path, tmp_path: Path) -> None:
    open_store(str(folder), 16, 8)
    other = tmp_path / "elsewhere" / folder.name
    other.mkdir(parents=True)
    plain(GREEN).save(other / "a.png")
    write_metadata(other, {"file_name": "a.png", "text": "green"})
    assert (open_store(str(other), 16, 8).pictures == GREEN).all()


def test_the_middle_square_is_kept() -> None:
    wide, tall = bands(60, 20), bands(60, 20).transpose(Image.Transpose.ROTATE_270)
    for picture in (wide, tall):
        assert (np.asarray(middle_square(picture, 20)) == GREEN).all()


@pytest.mark.parametrize("size", [(120, 40), (40, 40), (41, 40), (40, 41), (6, 5)])
def test_the_square_has_the_side_that_was_asked_for(size: tuple[int, int]) -> None:
    assert middle_square(Image.new("RGB", size), 10).size == (10, 10)


@pytest.mark.parametrize("turned", [False, True])
def test_a_squashed_picture_keeps_all_of_the_picture(turned: bool) -> None:
    picture = bands(120, 40)
    if turned:
        picture = picture.transpose(Image.Transpose.ROTATE_270)
    pixels = np.asarray(squashed(picture, 30))
    assert pixels.shape == (30, 30, 3)
    pixels = np.rot90(pixels) if turned else pixels
    for band, colour in enumerate((RED, GREEN, BLUE)):
        assert (pixels[:, 10 * band + 3 : 10 * band + 7] == colour).all()


def test_squashed_pictures_are_a_store_of_their_own(tmp_path: Path) -> None:
    bands(60, 20).save(tmp_path / "a.png")
    write_metadata(tmp_path, {"file_name": "a.png", "text": "bands"})
    cut = open_store(str(tmp_path), 18, 8).pictures
    whole = open_store(str(tmp_path), 18, 8, squash=True).pictures
    assert (cut[0, 9, [3, 9, 14]] == GREEN).all()
    assert whole[0, 9, [2, 9, 15]].argmax(axis=1).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(open_store(str(tmp_path), 18, 8).pictures, cut)


def test_only_the_first_captions_are_kept_where_wished(folder: Path) -> None:
    opened = open_store(str(folder), 16, 8)
    first = opened.with_first_captions()
    assert first.captions == ("blue", "red")
    assert [example.label for example in first.examples] == ["B", None]
    assert first.pictures is opened.pictures
    assert opened.captions == ("blue", "a blue one", "red")


def test_the_short_side_fills_the_square() -> None:
    shrunk = np.asarray(middle_square(bands(120, 40), 10))
    assert (shrunk[:, 3:7] == GREEN).all()


def test_shrinking_averages_fine_detail_to_grey() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    inner = np.asarray(middle_square(Image.fromarray(board).convert("RGB"), 16))[2:-2, 2:-2]
    assert inner.min() > 120
    assert inner.max() < 135


def test_a_folder_with_nothing_usable_is_refused_with_the_first_fault(tmp_path: Path) -> None:
    write_metadata(tmp_path, {"file_name": "one.png", "text": "x"}, {"file_name": "two.png"})
    for _ in range(2):
        with pytest.raises(DataError, match=r"all 2 lines.*metadata\.jsonl:1: one\.png: missing"):
            open_store(str(tmp_path), 16, 8)


def test_a_folder_that_cannot_be_read_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a folder"):
        open_store(str(tmp_path / "nowhere"), 16, 8)
    assert list(cache_folder("pictures").iterdir()) == []


def test_a_build_that_is_broken_off_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = iter([plain(RED).resize((16, 16))])

    def broken_off(*_: object) -> Image.Image:
        for picture in pictures:
            return picture
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decode, "middle_square", broken_off)
        with pytest.raises(KeyboardInterrupt):
            open_store(str(folder), 16, 8)
    assert list(cache_folder("pictures").iterdir()) == []
    assert len(open_store(str(folder), 16, 8).examples) == 2


@pytest.mark.parametrize(
    "source", ["toy:0", "toy:1", "toy:-3", "toy:1.5", "toy:many", "toy: 5", f"toy:{'9' * 5000}"]
)
def test_a_toy_set_of_no_proper_size_is_refused(source: str) -> None:
    with pytest.raises(
        DataError, match=f"--data '{source}': .* from 2 to 999999999, as in toy:500"
    ):
        open_store(source, 16, 8)


def test_the_toy_set_has_the_size_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "TOY_SIZE", 4)
    for source, size in (("toy:3", 3), ("toy", 4)):
        opened = open_store(source, 16, 8)
        flowers = list(toy_examples(size, 16))
        assert opened.examples == tuple(flower.example for flower in flowers)
        drawn = np.stack([np.asarray(flower.picture) for flower in flowers])
        np.testing.assert_array_equal(opened.pictures, drawn)


def test_a_cache_that_cannot_be_made_is_refused_with_the_variable_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(OutputError, match=f"cannot be created.*set {CACHE_VARIABLE}"):
        open_store("toy:2", 16, 8)


OPEN_IT = """
import sys, warnings
warnings.simplefilter("error")
from captiongan.data.store import open_store
print(open_store("toy:150", 32, 1).digest)
"""


def test_processes_that_build_one_store_at_once_all_end_with_the_same() -> None:
    command = [sys.executable, "-c", OPEN_IT]
    builders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [builder.communicate(timeout=120)[0] for builder in builders]
    assert [builder.returncode for builder in builders] == [0, 0, 0]
    assert set(told) == {f"{open_store('toy:150', 32, 1).digest}\n"}
