"""Which part of a picture is kept, how large, and on which background."""

import io

import numpy as np
import pytest
from PIL import Image

from captiongan.base.image_reading import UnusablePictureError
from captiongan.data.importers.fitting import NO_BOX, Fit, Fitted, fitted
from captiongan.data.importers.items import Box
from captiongan.errors import DataError


def encoded(picture: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def wide(width: int = 90, height: int = 30) -> Image.Image:
    """A picture whose red grows from left to right."""
    red = np.tile(np.arange(width, dtype=np.uint8), (height, 1))
    return Image.fromarray(np.dstack([red, red * 0, red * 0]))


def fit(fit: Fit, content: bytes, name: str = "a", box: Box | None = None) -> Image.Image:
    return Image.open(io.BytesIO(fitted(fit, content, name, box).content)).convert("RGB")


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_what_needs_no_change_keeps_its_bytes_and_gets_its_ending(file_format: str) -> None:
    content = encoded(wide(), file_format)
    kept = fitted(Fit(), content, "a", (1, 2, 3, 4))
    assert kept.content == content
    endings = {"JPEG": ".jpg", "TIFF": ".tif"}
    assert kept.ending == endings.get(file_format, f".{file_format.lower()}")


def test_transparent_pixels_show_the_background_that_was_asked_for() -> None:
    content = encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0)))
    assert fit(Fit(background="#0040ff"), content).getpixel((4, 4)) == (0, 64, 255)


def test_half_transparent_pixels_are_mixed_with_the_background() -> None:
    content = encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 51)))
    assert fit(Fit(background="black"), content).getpixel((4, 4)) == (51, 0, 0)


def test_an_opaque_picture_is_left_alone_whatever_the_background() -> None:
    content = encoded(wide(), "JPEG")
    assert fitted(Fit(background="black"), content, "a", None).content == content


def test_padding_makes_a_square_of_the_background_around_the_whole_picture() -> None:
    square = fit(Fit("pad", "#00ff00"), encoded(wide()))
    assert square.size == (90, 90)
    assert square.getpixel((45, 5)) == (0, 255, 0) == square.getpixel((45, 85))
    assert square.crop((0, 30, 90, 60)).tobytes() == wide().tobytes()


def test_a_random_square_lies_anywhere_and_is_the_same_for_the_same_name() -> None:
    content = encoded(wide())
    squares = [fit(Fit("random"), content, str(number)) for number in range(40)]
    assert {square.size for square in squares} == {(30, 30)}
    lefts = [square.getpixel((0, 0))[0] for square in squares]  # type: ignore[index]
    assert min(lefts) < 10 and max(lefts) > 50
    again = [fit(Fit("random"), content, str(number)) for number in range(40)]
    assert [square.tobytes() for square in squares] == [square.tobytes() for square in again]


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((10, 5, 40, 25), (30, 20)),
        ((-5, -5, 20, 500), (20, 30)),
        ((80, 0, 20, 10), (90, 30)),  # no box at all: the whole picture
        (None, (90, 30)),
    ],
)
def test_a_box_is_cut_out_as_far_as_it_is_in_the_picture(
    box: Box | None, size: tuple[int, int]
) -> None:
    assert fit(Fit("box"), encoded(wide()), box=box).size == size


@pytest.mark.parametrize(("side", "size"), [(10, (30, 10)), (30, (90, 30)), (500, (90, 30))])
def test_pictures_are_shrunk_to_a_short_side_and_never_enlarged(
    side: int, size: tuple[int, int]
) -> None:
    assert fit(Fit(side=side), encoded(wide())).size == size


@pytest.mark.parametrize(("side", "size"), [(10, (90, 30)), (40, (120, 40))])
def test_pictures_are_enlarged_to_a_short_side_and_it_is_remarked(
    side: int, size: tuple[int, int]
) -> None:
    kept = fitted(Fit(enlarge=side), encoded(wide()), "a", None)
    assert Image.open(io.BytesIO(kept.content)).size == size
    assert kept.remarks == (("enlarged to a short side of 40 pixels",) if side == 40 else ())


@pytest.mark.parametrize("width", [2_000, 20_000])
def test_a_picture_is_not_enlarged_beyond_what_is_read_or_a_jpeg_can_hold(width: int) -> None:
    content = encoded(Image.new("1", (width, 1)))
    with pytest.raises(UnusablePictureError, match=r"too many pixels .* when enlarged"):
        fitted(Fit(enlarge=64), content, "a", None)


def test_a_crop_by_boxes_that_the_source_does_not_have_is_remarked() -> None:
    assert fitted(Fit("box"), encoded(wide()), "a", None).remarks == (NO_BOX,)


def test_a_turned_photograph_is_cut_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(wide(), "JPEG", exif=exif)
    assert fit(Fit("box"), content, box=(0, 0, 30, 20)).size == (30, 20)
    assert fit(Fit(side=15), content).size == (15, 45)


@pytest.mark.parametrize("background", ["", "whitish", "#12", "rgb(1,2", "\0"])
def test_what_is_no_colour_is_one_line(background: str) -> None:
    with pytest.raises(DataError, match=r"--background .* is no colour"):
        Fit(background=background)


@pytest.mark.parametrize(
    ("fit", "says"),
    [
        ({"side": -1}, "--side -1"),
        ({"enlarge": -1}, "--enlarge -1"),
        ({"side": 32, "enlarge": 64}, "--enlarge 64 is above --side 32"),
    ],
)
def test_a_side_that_breaks_its_rule_is_one_line(fit: dict[str, int], says: str) -> None:
    with pytest.raises(DataError, match=says):
        Fit(**fit)  # type: ignore[arg-type]


def test_grey_and_very_wide_pictures_are_kept_as_they_are() -> None:
    for picture in (Image.new("L", (8, 8), 7), Image.new("RGB", (4000, 2))):
        content = encoded(picture)
        assert fitted(Fit(), content, "a", None) == Fitted(content, ".png")


def test_a_broken_picture_is_refused_with_its_name() -> None:
    with pytest.raises(UnusablePictureError, match="'rose': unreadable picture"):
        fitted(Fit(), b"<html>", "rose", None)


def test_a_picture_is_not_padded_beyond_the_largest_one_that_is_read() -> None:
    content = encoded(Image.new("1", (20_000, 1)))
    assert fit(Fit(), content).size == (20_000, 1)
    with pytest.raises(UnusablePictureError, match="20000x20000 when padded"):
        fit(Fit("pad"), content)
