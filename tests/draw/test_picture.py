import zlib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from captiongan.draw.picture import Picture, numbered, read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.sheet import grid, in_a_square, save_grid
from captiongan.errors import CaptionganError, OutputError
from captiongan.version import __version__

LINE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)


def picture(seed: int = 7, prompt: str = "a red flower", color: str = "red") -> Picture:
    return Picture(Image.new("RGB", (8, 8), color), prompt, seed, "tiny", "0.1.0")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=LINE, seed=st.integers(0, 2**32 - 1))
def test_a_saved_picture_carries_all_that_draws_it_again(
    tmp_path: Path, prompt: str, seed: int
) -> None:
    picture(seed, prompt).save(tmp_path / "out.png")
    assert read_metadata(tmp_path / "out.png") == {
        "prompt": prompt,
        "seed": str(seed),
        "bundle": "tiny",
        "bundle_version": "0.1.0",
        "software": f"captiongan {__version__}",
    }


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(truncation=st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_saved_picture_tells_its_truncation_to_the_last_bit(
    tmp_path: Path, truncation: float
) -> None:
    replace(picture(), truncation=truncation).save(tmp_path / "out.png")
    metadata = read_metadata(tmp_path / "out.png")
    assert float(metadata.pop("truncation")) == truncation
    assert metadata == picture().metadata  # which has none, as its noise is whole


def test_metadata_of_anyone_are_read_or_told(tmp_path: Path) -> None:
    picture().save(tmp_path / "huge.png")
    content = bytearray((tmp_path / "huge.png").read_bytes())
    content[16:24] = (20_000).to_bytes(4) * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    (tmp_path / "huge.png").write_bytes(content)
    Image.new("P", (8, 8)).save(tmp_path / "deep.gif", comment=b"[" * 100_000)
    for name in ("huge.png", "deep.gif"):
        with pytest.raises(CaptionganError, match="has no readable metadata"):
            read_metadata(tmp_path / name)


def test_a_saved_sheet_tells_the_truncation_of_its_first_picture(tmp_path: Path) -> None:
    save_grid([[replace(picture(), truncation=0.7), picture()]], tmp_path / "sheet.png")
    assert read_metadata(tmp_path / "sheet.png")["truncation"] == "0.7"


def test_a_saved_picture_keeps_every_pixel(tmp_path: Path) -> None:
    picture().save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as saved:
        assert saved.tobytes() == picture().image.tobytes()


def test_a_saved_sheet_carries_its_prompts_and_how_many(tmp_path: Path) -> None:
    rows = [[picture(3), picture(4)], [picture(3, "a yellow flower")]]
    save_grid(rows, tmp_path / "sheet.png")
    metadata = read_metadata(tmp_path / "sheet.png")
    assert metadata["prompt"] == "a red flower\na yellow flower"
    assert (metadata["seed"], metadata["n"], metadata["bundle"]) == ("3", "3", "tiny")


def test_a_sheet_is_white_between_and_beside_its_pictures() -> None:
    sheet = grid([[picture().image, picture(color="blue").image], [picture(color="lime").image]])
    assert sheet.size == (2 * 8 + 3 * 2, 2 * 8 + 3 * 2)
    red, blue, lime, blank, gap = (
        sheet.getpixel(at) for at in [(2, 2), (12, 2), (2, 12), (12, 12), (10, 5)]
    )
    assert (red, blue, lime) == ((255, 0, 0), (0, 0, 255), (0, 255, 0))
    assert blank == gap == (255, 255, 255)


@pytest.mark.parametrize(
    ("n", "lengths"), [(1, [1]), (2, [2]), (4, [2, 2]), (5, [3, 2]), (12, [4, 4, 4])]
)
def test_a_sheet_is_as_square_as_can_be(n: int, lengths: list[int]) -> None:
    assert [len(row) for row in in_a_square([picture()] * n)] == lengths


def test_one_picture_keeps_the_name_and_several_are_numbered_by_seed(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert numbered(out, [7]) == [out]
    assert numbered(out, [7, 8]) == [tmp_path / "out-7.png", tmp_path / "out-8.png"]


@pytest.mark.parametrize("name", ["out.jpg", "out", ".png", "", "gone/out.png", "x" * 300 + ".png"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"[;:] [a-z ]+$") as caught:
        picture().save(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_neither_a_file_as_folder_nor_a_folder_as_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="does not exist"):
        picture().save(tmp_path / "file" / "out.png")
    with pytest.raises(OutputError, match="is a folder"):
        picture().save(tmp_path / "folder.png")


def test_a_failed_save_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(seed=1).save(tmp_path / "out.png")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        picture(seed=2).save(tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert read_metadata(tmp_path / "out.png")["seed"] == "1"


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_metadata_of_what_is_no_picture_of_ours_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "out.png").write_bytes(content)
    with pytest.raises(CaptionganError, match="no readable metadata"):
        read_metadata(tmp_path / "out.png")


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_a_file_is_marked_as_drawn_by_a_trained_model(
    ending: str, pipeline: Pipeline, tmp_path: Path
) -> None:
    path = tmp_path / f"drawn.{ending}"
    pipeline.interpolate(["a red flower"], [1, 2], steps=2).save(path)
    with Image.open(path) as image:
        marks = ElementTree.fromstring(image.info["xmp"])
    kind = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    (description,) = marks[0]
    assert description.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType") == kind
    assert "xmp" not in " ".join(read_metadata(path)).lower()
