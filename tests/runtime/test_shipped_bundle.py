"""The bundle that comes with the package."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from captiongan.bundle import find_bundle
from captiongan.pipeline import Pipeline, load

ROOT = Path(__file__).parents[2]
LECTURE = "The flower has petals that are bright pinkish purple with white stigma"


@pytest.fixture(scope="module")
def flowers() -> Pipeline:
    return load("flowers")


def mean_colour(pipeline: Pipeline, prompt: str) -> npt.NDArray[np.float64]:
    """Red, green and blue in the middle of sixteen pictures, 0 to 255."""
    pictures = [np.asarray(picture.image, float) for picture in pipeline.generate(prompt, n=16)]
    middles = np.stack([picture[16:48, 16:48] for picture in pictures])
    means: npt.NDArray[np.float64] = middles.mean(axis=(0, 1, 2))
    return means


def test_the_colours_follow_the_words(flowers: Pipeline) -> None:
    red, _, blue = mean_colour(flowers, "a red flower with large petals")
    assert red > blue + 40
    red, green, blue = mean_colour(flowers, "a yellow flower with large petals")
    assert min(red, green) > blue + 40
    red, green, blue = mean_colour(flowers, "a purple flower with large petals")
    assert blue > green + 20


def test_a_picture_is_the_same_alone_and_in_a_batch(flowers: Pipeline) -> None:
    batch = flowers.generate(LECTURE, n=70, seed=3)
    for position in (0, 4, 63, 64, 69):
        (alone,) = flowers.generate(LECTURE, seed=3 + position)
        assert alone.image.tobytes() == batch[position].image.tobytes()


def test_it_knows_every_word_of_the_prompts_it_is_shown_with(flowers: Pipeline) -> None:
    prompts = (ROOT / "docs" / "flowers-prompts.txt").read_text().splitlines()
    assert len(prompts) == 8
    for prompt in [*prompts, LECTURE]:
        flowers.generate(prompt)  # a word that it does not know would warn


def test_it_is_small_and_its_card_tells_how_it_was_trained() -> None:
    folder = find_bundle("flowers")
    assert sum(file.stat().st_size for file in folder.iterdir()) < 25e6
    card = (folder / "README.md").read_text()
    for part in ("Oxford-102", "kimg", "Limits", "sample.png"):
        assert part in card
