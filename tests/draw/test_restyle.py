"""Restyling: the noise read off a picture, drawn again under other sentences."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from captiongan.base.image_reading import UnusablePictureError, as_rgb, middle_square, read_picture
from captiongan.bundle.bundle import Bundle, read_bundle
from captiongan.bundle.manifest import STYLE_FILE
from captiongan.draw.picture import read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BundleError, PromptError
from support.command_line import captiongan
from support.tiny_bundle import style_encoder, write_tiny_bundle

RED, YELLOW = "a red flower", "a yellow flower with pointed petals"


@pytest.fixture
def stylish(tmp_path: Path) -> Bundle:
    """A bundle that can restyle."""
    return write_tiny_bundle(tmp_path / "stylish", style_encoder=style_encoder())


def photograph(seed: int = 0, width: int = 30, height: int = 20) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_a_picture_is_drawn_again_under_each_sentence(stylish: Bundle) -> None:
    pictures = Pipeline(stylish).restyle(photograph(), [RED, YELLOW])
    assert [picture.prompt for picture in pictures] == [RED, YELLOW]
    assert [picture.image.size for picture in pictures] == [(8, 8), (8, 8)]
    assert pictures[0].image.tobytes() != pictures[1].image.tobytes()


def test_the_noise_is_read_off_the_middle_square_and_as_long_as_noise_is(stylish: Bundle) -> None:
    pipeline, given = Pipeline(stylish), photograph()
    (picture,) = pipeline.restyle(given, [RED])
    weight = np.random.RandomState(0).standard_normal((192, 5)).astype(np.float32)
    brightness = np.asarray(middle_square(given, 8), np.float32).reshape(1, -1) / 255
    noise = (brightness @ weight).astype(np.float32)
    noise *= 5**0.5 / np.linalg.norm(noise)  # as long as noise is
    expected = pipeline.draw(noise, pipeline.encode([RED]))[0].astype(int)
    assert np.abs(np.asarray(picture.image, int) - expected).max() <= 1


def test_another_picture_is_another_style(stylish: Bundle) -> None:
    pipeline = Pipeline(stylish)
    (first,), (second,) = (pipeline.restyle(photograph(seed), [RED]) for seed in (0, 1))
    assert first.image.tobytes() != second.image.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_a_picture_of_any_mode_can_be_restyled(stylish: Bundle, mode: str) -> None:
    given = photograph().convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        given = Image.fromarray(np.asarray(given).astype(np.uint16) * 257)
    expected = Pipeline(stylish).restyle(as_rgb(given), [RED])
    (picture,) = Pipeline(stylish).restyle(given, [RED])
    assert picture.image.tobytes() == expected[0].image.tobytes()


def test_a_file_is_restyled_as_people_see_it(stylish: Bundle, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    photograph().save(tmp_path / "photo.png", exif=exif)
    upright = photograph().transpose(Image.Transpose.ROTATE_270)
    for path in (tmp_path / "photo.png", str(tmp_path / "photo.png")):
        (picture,) = Pipeline(stylish).restyle(path, [RED])
        assert (
            picture.image.tobytes() == Pipeline(stylish).restyle(upright, [RED])[0].image.tobytes()
        )


def test_a_picture_without_a_range_of_levels_is_refused(stylish: Bundle) -> None:
    with pytest.raises(UnusablePictureError, match="floating point pixels have no agreed range"):
        Pipeline(stylish).restyle(Image.new("F", (8, 8)), [RED])


def test_a_restyled_picture_is_saved_without_a_seed(stylish: Bundle, tmp_path: Path) -> None:
    (picture,) = Pipeline(stylish).restyle(photograph(), [RED])
    picture.save(tmp_path / "out.png")
    metadata = read_metadata(tmp_path / "out.png")
    assert metadata["prompt"] == RED and "seed" not in metadata


def test_a_bundle_without_a_style_encoder_says_how_to_get_one(tiny: Bundle) -> None:
    with pytest.raises(BundleError, match=r"no style_encoder.onnx .* captiongan style train tiny"):
        Pipeline(tiny).restyle(photograph(), [RED])


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
def test_a_damaged_style_encoder_is_noticed_on_loading(stylish: Bundle, damage: str) -> None:
    file = stylish.folder / STYLE_FILE
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content[:-1] if damage == "cut" else content)
    if damage == "missing":
        file.unlink()
    with pytest.raises(BundleError, match=STYLE_FILE):
        read_bundle(stylish.folder)


def test_a_foreign_style_encoder_is_named_with_what_it_should_be(tmp_path: Path) -> None:
    foreign = write_tiny_bundle(tmp_path / "foreign", style_encoder=style_encoder(side=16))
    with pytest.raises(BundleError, match=r"\(\?, 16, 16, 3\).* must map .*\(\?, 8, 8, 3\)"):
        Pipeline(foreign).restyle(photograph(), [RED])


@pytest.mark.parametrize(
    ("prompts", "rule"),
    [([RED, " "], "is empty"), ([], "a list of one sentence"), (RED, "a list of one sentence")],
)
def test_bad_sentences_are_refused(stylish: Bundle, prompts: list[str], rule: str) -> None:
    with pytest.raises(PromptError, match=rule):
        Pipeline(stylish).restyle(photograph(), prompts)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_is_named_with_the_reason(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "photo.png").write_bytes(content)
    with pytest.raises(UnusablePictureError, match=r"photo\.png': unreadable .*; give another"):
        read_picture(tmp_path / "photo.png")
    with pytest.raises(UnusablePictureError, match="No such file"):
        read_picture(tmp_path / "gone.png")


def test_the_command_writes_a_picture_for_each_sentence_or_one_sheet(
    stylish: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, folder = tmp_path / "photo.png", tmp_path / "new"
    photograph().save(given)
    folder.mkdir()
    options = ["--bundle", stylish.folder, "-o"]
    assert captiongan("restyle", given, RED, *options, folder / "one.png") == 0
    assert captiongan("restyle", given, RED, YELLOW, *options, folder / "two.png") == 0
    assert captiongan("restyle", given, RED, YELLOW, "--grid", *options, folder / "sheet.png") == 0
    written = ["one.png", "two-1.png", "two-2.png", "sheet.png"]
    assert capsys.readouterr().out.splitlines() == [str(folder / name) for name in written]
    assert read_metadata(folder / "two-2.png")["prompt"] == YELLOW
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.size == (3 * 10 + 2, 12)
        first = sheet.crop((2, 2, 10, 10))
    assert first.tobytes() == middle_square(photograph(), 8).tobytes()


@pytest.mark.parametrize("option", [[], ["--grid"]])
def test_the_command_refuses_a_bad_place_before_it_opens_anything(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert captiongan("restyle", "gone.png", RED, *option, "-o", "out.jpg") == 2
    assert "does not end in .png" in capsys.readouterr().err


def test_the_command_names_a_picture_that_cannot_be_read(
    stylish: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.png").write_bytes(b"no picture")
    code = captiongan("restyle", tmp_path / "photo.png", RED, "--bundle", stylish.folder)
    told = capsys.readouterr().err
    assert code == 2 and told.startswith("error: picture '") and told.count("\n") == 1


def test_a_picture_in_which_nothing_is_read_is_still_drawn(stylish: Bundle) -> None:
    (picture,) = Pipeline(stylish).restyle(Image.new("RGB", (8, 8)), [RED])
    assert picture.image.size == (8, 8)
