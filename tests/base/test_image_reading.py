"""Pictures are read within bounds of time and memory, and their pixels do not depend on these."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from captiongan.base import image_reading
from captiongan.base.image_reading import UnusablePictureError, decode_picture, read_picture


def noise(mode: str) -> Image.Image:
    random = np.random.default_rng(0)
    if mode.startswith("I"):
        kind = np.int32 if mode == "I" else np.uint16
        return Image.fromarray(random.integers(0, 65536, (37, 23)).astype(kind))
    return Image.fromarray(random.integers(0, 256, (37, 23, 4), np.uint8)).convert(mode)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


PICTURES: dict[str, Callable[[], bytes]] = {
    "rgba": lambda: encoded(noise("RGBA"), "PNG"),
    "webp": lambda: encoded(noise("RGBA"), "WEBP", lossless=True),
    "grey and alpha": lambda: encoded(noise("LA"), "PNG"),
    "palette": lambda: encoded(noise("RGB").quantize(16), "PNG", transparency=3),
    "palette with levels": lambda: encoded(noise("RGBA").quantize(16), "PNG"),
    "gif": lambda: encoded(noise("RGB").quantize(16), "GIF", transparency=3),
    "one colour": lambda: encoded(noise("RGB"), "PNG", transparency=noise("RGB").getpixel((0, 0))),
    "one grey": lambda: encoded(noise("L"), "PNG", transparency=7),
    "16 bits": lambda: encoded(noise("I;16"), "PNG"),
    "32 bits": lambda: encoded(noise("I"), "TIFF"),
}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("rows", [1, 5, 36])
def test_a_picture_that_is_converted_in_bands_has_the_same_pixels(
    kind: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = PICTURES[kind]()
    whole = decode_picture(content, "a", "#204060")
    monkeypatch.setattr(image_reading, "_BAND", rows * 23)
    banded = decode_picture(content, "a", "#204060")
    assert (banded.mode, banded.size) == (whole.mode, whole.size) == ("RGB", (23, 37))
    assert banded.tobytes() == whole.tobytes()


def many_scans(side: int, scans: int) -> bytes:
    """Return a progressive picture whose last scan is there again and again."""
    content = encoded(Image.new("RGB", (side, side), "red"), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * (scans - content.count(b"\xff\xda")) + content[-2:]


@pytest.mark.parametrize("from_file", [False, True])
def test_scans_of_a_picture_are_bounded_by_the_pixels_they_pass_over(
    from_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_reading, "MAXIMUM_PASSES", 20 * 64 * 64)

    def read(content: bytes) -> Image.Image:
        if not from_file:
            return decode_picture(content, "a.jpg")
        (tmp_path / "a.jpg").write_bytes(content)
        return read_picture(tmp_path / "a.jpg")

    assert read(many_scans(64, 20)).size == (64, 64)
    with pytest.raises(UnusablePictureError, match=r"too many pixels .21 scans of 64x64 pixels"):
        read(many_scans(64, 21))


def test_a_mark_that_two_pieces_share_is_counted() -> None:
    content = bytes(2**20 - 1) + b"\xff\xda\xff\xda" + bytes(9)
    assert image_reading._count(b"\xff\xda", io.BytesIO(content)) == 2


def test_a_progressive_photograph_of_50_megapixels_may_have_40_scans() -> None:
    assert image_reading.MAXIMUM_PASSES >= 40 * 50_000_000


def test_webp_pictures_have_a_limit_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_reading, "MAXIMUM_WEBP", 64 * 64)
    assert decode_picture(encoded(Image.new("RGB", (64, 64)), "WEBP"), "a")
    with pytest.raises(UnusablePictureError, match="65x64; at most 4096"):
        decode_picture(encoded(Image.new("RGB", (65, 64)), "WEBP"), "a")
    assert decode_picture(encoded(Image.new("RGB", (65, 64)), "PNG"), "a")


def brands(*names: bytes) -> bytes:
    """Return the box with which an HEIF file begins."""
    return (8 + 4 * len(names)).to_bytes(4, "big") + b"ftyp" + b"".join(names) + bytes(99)


@pytest.mark.parametrize("from_file", [False, True])
@pytest.mark.parametrize(
    "content, reason",
    [
        (brands(b"heic", bytes(4), b"mif1", b"heic"), "HEIC: convert it to JPEG"),
        (brands(b"mif1", bytes(4), b"heic"), "HEIC: convert it to JPEG"),
        (brands(b"mif1", bytes(4), b"avif"), "AVIF: convert it to JPEG"),
        (brands(b"isom", bytes(4), b"mp42"), "not one of BMP"),
    ],
)
def test_a_picture_of_a_phone_that_cannot_be_read_says_what_it_is(
    content: bytes,
    reason: str,
    from_file: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_reading, "formats", lambda: image_reading.FORMATS)
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnusablePictureError, match=rf"unreadable picture \({reason}"):
        if from_file:
            read_picture(tmp_path / "a.jpg")
        else:
            decode_picture(content, "a.jpg")


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow does not read AVIF")
def test_avif_is_read_where_pillow_reads_it() -> None:
    assert decode_picture(encoded(Image.new("RGB", (9, 7), "red"), "AVIF"), "a").size == (9, 7)
