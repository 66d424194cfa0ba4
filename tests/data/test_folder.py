import io
import json
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example as with_example
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from captiongan.base.lines import MAXIMUM_LINE
from captiongan.data.folder import (
    LoadedExample,
    Reject,
    read_captioned_folder,
)
from captiongan.data.summary import summarise
from captiongan.errors import DataError

GOOD = {"file_name": "good.png", "text": "a red flower"}


def line(**record: object) -> bytes:
    return json.dumps(record).encode()


def noise(side: int = 16, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, file_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum + b"\0\0\0\x09IDAT"


def folder_of(root: Path, *lines: bytes) -> Path:
    root.mkdir(exist_ok=True)
    noise().save(root / "good.png")
    (root / "metadata.jsonl").write_bytes(b"\n".join(lines))
    return root


def read(root: Path) -> list[LoadedExample | Reject]:
    return list(read_captioned_folder(root, minimum_side=8))


def only(root: Path) -> LoadedExample:
    (item,) = read(root)
    assert isinstance(item, LoadedExample), item
    return item


def only_reject(root: Path) -> Reject:
    (item,) = read(root)
    assert isinstance(item, Reject), item
    return item


def picture_read_from(root: Path, content: bytes) -> Image.Image:
    folder_of(root, line(**GOOD))
    (root / "good.png").write_bytes(content)
    return only(root).picture


# What a good line gives


def test_a_line_becomes_an_example_with_its_decoded_picture(tmp_path: Path) -> None:
    record = line(file_name="good.png", text=["red one", "rosy one"], **{"class": "rose", "x": 1})
    item = only(folder_of(tmp_path, record))
    assert item.example.file_name == "good.png"
    assert item.example.captions == ("red one", "rosy one")
    assert item.example.label == "rose"
    np.testing.assert_array_equal(np.asarray(item.picture), np.asarray(noise()))


def test_examples_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    names = ["c.png", "a.png", "b.png"]
    folder_of(tmp_path, *(line(file_name=name, text="x") for name in names))
    for name in names:
        noise().save(tmp_path / name)
    items = read(tmp_path)
    assert [item.example.file_name for item in items if isinstance(item, LoadedExample)] == names


def test_a_picture_may_lie_in_a_subfolder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    noise().save(tmp_path / "deep" / "a.png")
    assert only(folder_of(tmp_path, line(file_name="deep/a.png", text="x"))).picture.size == (
        16,
        16,
    )


def test_an_integer_class_becomes_a_string_and_a_missing_one_none(tmp_path: Path) -> None:
    assert only(folder_of(tmp_path, line(**GOOD, **{"class": 7}))).example.label == "7"
    assert only(folder_of(tmp_path, line(**GOOD))).example.label is None


def test_white_space_in_captions_is_normalised_and_blank_captions_dropped(tmp_path: Path) -> None:
    record = line(file_name="good.png", text=["  a\tred \n flower ", " ", ""])
    assert only(folder_of(tmp_path, record)).example.captions == ("a red flower",)


def test_a_byte_order_mark_windows_line_ends_and_blank_lines_are_tolerated(tmp_path: Path) -> None:
    assert only(folder_of(tmp_path, b"\xef\xbb\xbf" + line(**GOOD) + b"\r", b"  \r", b""))


def test_a_line_of_exactly_the_longest_length_is_read(tmp_path: Path) -> None:
    assert only(folder_of(tmp_path, line(**GOOD).ljust(MAXIMUM_LINE), b""))


# What makes the whole folder unusable


def test_a_missing_folder_is_refused_at_the_call(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a folder"):
        read_captioned_folder(tmp_path / "nowhere", 8)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="not a folder"):
        read_captioned_folder(tmp_path / "file", 8)


def test_a_folder_without_metadata_is_refused_with_an_example_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'no readable metadata\.jsonl.*"file_name": "a\.jpg"'):
        read_captioned_folder(tmp_path, 8)


@pytest.mark.parametrize("content", [b"", b"\n \r\n\n", b"\xef\xbb\xbf"])
def test_metadata_without_lines_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="empty metadata"):
        read_captioned_folder(folder_of(tmp_path, content), 8)


# What makes one line unusable

BAD_LINES = {
    "a byte that is not UTF-8": (b'{"file_name": "\xff.png"}', "not UTF-8"),
    "cut JSON": (b'{"file_name": "good.png"', "bad JSON"),
    "JSON nested too deep": (b"[" * 100_000, "bad JSON"),
    "an integer too long": (b"9" * 5000, "bad JSON"),
    "half a surrogate pair": (b'{"file_name": "good.png", "text": "\\ud800"}', "bad JSON"),
    "a list": (b"[1]", "bad JSON"),
    "no file name": (line(text="x"), "bad file name"),
    "a number as file name": (line(file_name=1, text="x"), "bad file name"),
    "an empty file name": (line(file_name="", text="x"), "bad file name"),
    "a NUL byte": (line(file_name="a\0.png", text="x"), "bad file name"),
    "an absolute path": (line(file_name="/etc/hostname", text="x"), "outside the folder"),
    "a path upwards": (line(file_name="../a.png", text="x"), "outside the folder"),
    "a hidden path upwards": (line(file_name="a/../../b.png", text="x"), "outside the folder"),
    "a detour upwards": (line(file_name="a/../good.png", text="x"), "outside the folder"),
    "no such file": (line(file_name="none.png", text="x"), "missing file"),
    "a folder": (line(file_name=".", text="x"), "missing file"),
    "a name too long for a file": (line(file_name="a" * 5000, text="x"), "missing file"),
    "no text": (line(file_name="good.png"), "no caption"),
    "a blank text": (line(file_name="good.png", text=" "), "no caption"),
    "an empty list": (line(file_name="good.png", text=[]), "no caption"),
    "a list of blanks": (line(file_name="good.png", text=["", "\t"]), "no caption"),
    "a number as text": (line(file_name="good.png", text=1), "bad caption"),
    "a number among texts": (line(file_name="good.png", text=["x", 1]), "bad caption"),
    "a list as class": (line(**GOOD, **{"class": ["x"]}), "bad class"),
    "true as class": (line(**GOOD, **{"class": True}), "bad class"),
    "a fraction as class": (line(**GOOD, **{"class": 1.5}), "bad class"),
    "a line without end": (b'{"text": "' + b"x" * (2 * MAXIMUM_LINE) + b'"}', "line too long"),
    "a line one byte too long": (line(**GOOD) + b" " * MAXIMUM_LINE + b"x", "line too long"),
}


@pytest.mark.parametrize(("bad", "kind"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_rejected_with_its_number_and_hides_no_good_line(
    tmp_path: Path, bad: bytes, kind: str
) -> None:
    noise().save(tmp_path / "other.png")
    other = line(file_name="other.png", text="x")
    first, reject, last = read(folder_of(tmp_path, other, b"", bad, line(**GOOD)))
    assert isinstance(first, LoadedExample)
    assert isinstance(last, LoadedExample)
    assert isinstance(reject, Reject)
    assert (reject.line, reject.kind) == (3, kind)
    assert str(reject).startswith("metadata.jsonl:3: ")
    assert str(reject).isprintable()


def test_a_json_fault_is_told_with_its_place(tmp_path: Path) -> None:
    assert "at character 2" in only_reject(folder_of(tmp_path, b"{oops}")).reason


def test_an_absolute_path_is_rejected_even_if_it_leads_inside(tmp_path: Path) -> None:
    root = folder_of(tmp_path, line(file_name=str(tmp_path / "good.png"), text="x"))
    assert only_reject(root).kind == "outside the folder"


def test_a_link_that_leads_out_of_the_folder_is_rejected(tmp_path: Path) -> None:
    noise().save(tmp_path / "secret.png")
    root = folder_of(tmp_path / "data", line(file_name="link.png", text="x"))
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    assert only_reject(root).kind == "outside the folder"


def test_a_link_to_itself_is_rejected(tmp_path: Path) -> None:
    root = folder_of(tmp_path, line(file_name="loop.png", text="x"))
    (root / "loop.png").symlink_to(root / "loop.png")
    assert only_reject(root).kind == "missing file"


@pytest.mark.parametrize("again", ["good.png", "./good.png", "GOOD.png", ".//Good.PNG"])
def test_a_duplicate_is_rejected_and_names_the_first_line(tmp_path: Path, again: str) -> None:
    root = folder_of(tmp_path, b"", line(**GOOD), line(file_name=again, text="x"))
    _, reject = read(root)
    assert isinstance(reject, Reject)
    assert (reject.line, reject.kind, reject.reason) == (3, "duplicate", "already on line 2")


def test_an_unusable_line_does_not_make_a_later_good_line_a_duplicate(tmp_path: Path) -> None:
    reject, item = read(folder_of(tmp_path, line(file_name="good.png"), line(**GOOD)))
    assert isinstance(reject, Reject)
    assert isinstance(item, LoadedExample)


@given(st.binary().filter(lambda raw: b"\n" not in raw and raw.strip() != b""))
@with_example(b'{"file_name": "\\udcff", "text": "x"}')
@with_example(b'{"file_name": "good.png\\n", "text": "x", "class": null}')
def test_no_line_of_bytes_can_stop_the_reader(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        *rejects, last = read(folder_of(Path(name), raw, line(**GOOD)))
    assert isinstance(last, LoadedExample)
    assert all(str(reject).isprintable() for reject in rejects)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
names = st.text() | st.sampled_from(["good.png", "./good.png", "..", ".", "/", "\0"]) | json_values


@given(names, json_values, json_values)
def test_no_json_record_can_stop_the_reader(name: object, text: object, label: object) -> None:
    record = line(file_name=name, text=text, **{"class": label})
    with tempfile.TemporaryDirectory() as folder:
        items = read(folder_of(Path(folder), record, line(file_name="good.png", text="x")))
    assert len(items) == 2
    assert any(isinstance(item, LoadedExample) for item in items)


# What makes one picture unusable


def reject_of_picture(root: Path, content: bytes) -> Reject:
    folder_of(root, line(**GOOD))
    (root / "good.png").write_bytes(content)
    return only_reject(root)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM"])
def test_a_truncated_picture_is_rejected_with_its_line(tmp_path: Path, file_format: str) -> None:
    whole = encoded(noise(64), file_format)
    reject = reject_of_picture(tmp_path, whole[: len(whole) // 2])
    assert (reject.line, reject.kind, reject.file_name) == (1, "truncated picture", "good.png")
    assert str(reject).startswith("metadata.jsonl:1: good.png: truncated picture (")


def test_a_cut_webp_is_rejected(tmp_path: Path) -> None:
    whole = encoded(noise(64), "WEBP")
    assert reject_of_picture(tmp_path, whole[: len(whole) // 2]).kind == "unreadable picture"


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "zero bytes"), (b"<html>", "not one of"), (b"%!PS-Adobe", "not")]
)
def test_a_file_that_is_no_picture_is_rejected(tmp_path: Path, content: bytes, reason: str) -> None:
    reject = reject_of_picture(tmp_path, content)
    assert reject.kind == "unreadable picture"
    assert reason in reject.reason


def test_a_picture_in_a_format_off_the_list_is_rejected(tmp_path: Path) -> None:
    reject = reject_of_picture(tmp_path, encoded(noise(), "PCX"))
    assert reject.kind == "unreadable picture"


@pytest.mark.parametrize("size", [(10_001, 10_000), (60_000, 60_000)])
def test_a_picture_above_the_pixel_limit_is_rejected_by_its_header(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    assert reject_of_picture(tmp_path, png_header(*size)).kind == "too many pixels"


@pytest.mark.parametrize("size", [(7, 100), (100, 7)])
def test_a_picture_below_the_least_side_is_rejected(tmp_path: Path, size: tuple[int, int]) -> None:
    reject = reject_of_picture(tmp_path, encoded(Image.new("RGB", size)))
    assert reject.kind == "too small"
    assert "at least 8" in reject.reason


def test_a_picture_of_exactly_the_least_side_is_used(tmp_path: Path) -> None:
    assert picture_read_from(tmp_path, encoded(Image.new("RGB", (8, 9)))).size == (8, 9)


def test_floating_point_pixels_are_rejected(tmp_path: Path) -> None:
    picture = Image.new("F", (16, 16))
    assert reject_of_picture(tmp_path, encoded(picture, "TIFF")).kind == "unreadable picture"


# How a picture becomes RGB


@pytest.mark.parametrize(
    ("make", "file_format", "expected"),
    [
        (lambda: Image.new("L", (8, 8), 77), "PNG", (77, 77, 77)),
        (lambda: Image.new("1", (8, 8), 1), "PNG", (255, 255, 255)),
        (lambda: Image.new("RGB", (8, 8), "red").quantize(4), "PNG", (255, 0, 0)),
        (lambda: Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF", (255, 0, 0)),
        (lambda: Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG", (255, 255, 255)),
        (lambda: Image.new("RGBA", (8, 8), (255, 0, 0, 51)), "PNG", (255, 204, 204)),
        (lambda: Image.new("LA", (8, 8), (0, 51)), "PNG", (204, 204, 204)),
        (lambda: Image.fromarray(np.full((8, 8), 30000, np.uint16)), "PNG", (117, 117, 117)),
        (lambda: Image.fromarray(np.full((8, 8), 65535, np.uint16)), "TIFF", (255, 255, 255)),
        (lambda: Image.fromarray(np.full((8, 8), 257, np.int32)), "TIFF", (1, 1, 1)),
    ],
    ids=[
        "grey",
        "bilevel",
        "palette",
        "cmyk",
        "clear",
        "alpha",
        "grey-alpha",
        "16",
        "white16",
        "32",
    ],
)
def test_every_mode_becomes_rgb_by_the_documented_rule(
    tmp_path: Path,
    make: Callable[[], Image.Image],
    file_format: str,
    expected: tuple[int, int, int],
) -> None:
    picture = picture_read_from(tmp_path, encoded(make(), file_format))
    assert picture.mode == "RGB"
    assert picture.getpixel((4, 4)) == expected


def test_a_transparent_palette_entry_shows_white(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("P", (8, 8), 0).save(buffer, "GIF", transparency=0)
    assert picture_read_from(tmp_path, buffer.getvalue()).getpixel((0, 0)) == (255, 255, 255)


def test_the_orientation_in_exif_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10)).save(buffer, "JPEG", exif=exif)
    assert picture_read_from(tmp_path, buffer.getvalue()).size == (10, 20)


@pytest.mark.parametrize("exif", [b"Exif\0\0rubbish", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01"])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_does_not_cost_the_picture(
    tmp_path: Path, exif: bytes, file_format: str
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10)).save(buffer, file_format, exif=exif)
    assert picture_read_from(tmp_path, buffer.getvalue()).size == (20, 10)


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert picture_read_from(tmp_path, buffer.getvalue()).getpixel((0, 0)) == (255, 0, 0)


# The summary


def test_the_summary_counts_pictures_captions_classes_and_rejects(tmp_path: Path) -> None:
    noise().save(tmp_path / "b.png")
    root = folder_of(
        tmp_path,
        line(**GOOD, **{"class": "rose"}),
        line(file_name="b.png", text=["x", "y"]),
        line(file_name="c.png", text="x"),
        line(file_name="d.png", text="x"),
        b"{",
    )
    summary = summarise(read(root))
    assert (summary.pictures, summary.captions) == (2, 3)
    assert (summary.fewest, summary.mean, summary.most) == (1, 1.5, 2)
    assert summary.classes == {"rose": 1}
    assert summary.rejects == {"missing file": 2, "bad JSON": 1}


def test_the_summary_of_nothing_is_all_zero() -> None:
    summary = summarise([])
    assert (summary.pictures, summary.fewest, summary.mean, summary.most) == (0, 0, 0.0, 0)
