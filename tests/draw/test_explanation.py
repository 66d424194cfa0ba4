"""What each word did: the change of the picture without it, at its places."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from captiongan.draw.explanation import explanation_of
from captiongan.draw.noise import mirror_of
from captiongan.draw.picture import Picture, read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import UnknownWordsWarning
from captiongan.errors import PromptError
from support.command_line import captiongan
from support.tiny_bundle import NOISE_DIM, write_tiny_bundle

YELLOW = "a yellow flower with pointed petals"


def test_each_word_has_the_change_of_the_picture_drawn_without_it(pipeline: Pipeline) -> None:
    explanation = pipeline.explain(YELLOW, 7, 0.8)
    (whole,) = pipeline.generate(YELLOW, seed=7, truncation=0.8)
    assert explanation.picture.image.tobytes() == whole.image.tobytes()
    assert explanation.picture.metadata == whole.metadata
    assert explanation.words == YELLOW.split()
    assert explanation.changes.shape == (6, 8, 8)
    (without,) = pipeline.generate("a yellow flower with petals", seed=7, truncation=0.8)
    pixels = [np.asarray(each.image, dtype=float) for each in (whole, without)]
    difference = np.abs(pixels[0] - pixels[1]).mean(axis=-1)
    # A deviation of a quarter of a pixel, as here, smooths next to nothing.
    assert np.abs(explanation.changes[4] - difference).max() <= 1
    assert explanation.strengths[4] == pytest.approx(difference.mean(), abs=0.5)


def test_a_change_is_smoothed_where_it_is_and_keeps_its_size() -> None:
    before = np.full((64, 64, 3), 100, dtype=np.uint8)
    after = before.copy()
    after[20:36, 30:46, 1] = 250
    explanation = explanation_of(
        np.stack([before, after, before]), ["red", "a"], lambda image: _picture(image)
    )
    red, nothing = explanation.changes
    assert not nothing.any()
    assert red.max() == 50 and np.unravel_index(red.argmax(), red.shape) in np.argwhere(red == 50)
    spot = Image.fromarray((after - before)[..., 1]).filter(ImageFilter.GaussianBlur(2))
    assert np.abs(red - np.asarray(spot) / 3).max() <= 3
    assert explanation.strengths == [pytest.approx(50 * 16 * 16 / 64**2, abs=0.1), 0]


def _picture(image: Image.Image) -> Picture:
    return Picture(image, "red a", 0, "tiny", "1")


def test_words_behind_the_last_token_that_is_read_change_nothing(pipeline: Pipeline) -> None:
    with pytest.warns(UserWarning, match="the rest is not read"):
        explanation = pipeline.explain(" ".join(["red", *70 * ["flower"], "yellow"]))
    assert explanation.strengths[0] > 0
    assert explanation.strengths[-1] == 0


def test_maps_are_mirrored_with_their_picture(pipeline: Pipeline, tmp_path: Path) -> None:
    turning = Pipeline(write_tiny_bundle(tmp_path / "tiny", mirror_by_seed=True))
    seed = next(seed for seed in range(20) if mirror_of(seed, NOISE_DIM))
    there, here = turning.explain(YELLOW, seed), pipeline.explain(YELLOW, seed)
    assert there.picture.mirrored
    assert np.array_equal(there.changes, here.changes[:, :, ::-1])


def test_a_word_alone_and_what_generate_refuses_are_refused(pipeline: Pipeline) -> None:
    with pytest.raises(PromptError, match=r"^prompt 'flower' has one word"):
        pipeline.explain("flower")
    with pytest.raises(PromptError, match=r"^seed -1"):
        pipeline.explain(YELLOW, -1)
    with pytest.warns(UnknownWordsWarning, match="mauve") as caught:
        pipeline.explain("a mauve flower")
    assert caught[0].filename == __file__


def test_the_command_writes_a_strip_that_brings_its_words_back(
    pipeline: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "strip.png"
    bundle = pipeline.bundle.folder
    assert captiongan("explain", YELLOW, "--seed", 7, "-o", file, "--bundle", bundle) == 0
    assert file.read_bytes() == pipeline.explain(YELLOW, 7).png()
    assert read_metadata(file) == pipeline.generate(YELLOW, seed=7)[0].metadata
    printed = capsys.readouterr()
    assert printed.out == f"{file}\n"
    assert [line.split()[1] for line in printed.err.splitlines()] == YELLOW.split()
    with Image.open(file) as image:
        assert image.size == (6 * 130 + 2, 2 * 150 + 2)
