"""The bundles that come with the package."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from captiongan.bundle.bundle import find_bundle
from captiongan.draw.picture import Picture
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.sheet import grid
from captiongan.loading import load

ROOT = Path(__file__).parents[2]
LECTURE = {
    "flowers": "The flower has petals that are bright pinkish purple with white stigma",
    "flowers-128": "The flower has petals that are bright pinkish purple with white stigma",
    "flowers-lecture": "The flower has petals that are bright pinkish purple with white stigma",
    "birds": "This small bird has a pink breast and crown, and black primaries and secondaries",
}
SUBJECT = {
    "flowers": "flower with large petals",
    "flowers-128": "flower with large petals",
    "flowers-lecture": "flower with large petals",
    "birds": "bird",
}


@pytest.fixture(scope="module", params=LECTURE)
def pipeline(request: pytest.FixtureRequest) -> Pipeline:
    return load(str(request.param))


def prompts_of(name: str) -> list[str]:
    """Return the prompts of a bundle's sample."""
    return (ROOT / "docs" / f"{name.split('-')[0]}-prompts.txt").read_text().splitlines()


def mean_colour(pipeline: Pipeline, prompt: str) -> npt.NDArray[np.float64]:
    """Red, green and blue in the middle of sixteen pictures, 0 to 255."""
    return middle_colour(pipeline.generate(prompt, n=16))


def middle_colour(pictures: Sequence[Picture]) -> npt.NDArray[np.float64]:
    quarter = pictures[0].image.width // 4
    middle = slice(quarter, 3 * quarter)
    middles = np.stack([np.asarray(picture.image, float)[middle, middle] for picture in pictures])
    means: npt.NDArray[np.float64] = middles.mean(axis=(0, 1, 2))
    return means


def frame_distance(some: Sequence[Picture], others: Sequence[Picture]) -> float:
    """Mean difference, 0 to 255, of the ten pixels along the edges, picture by picture."""
    one, other = (
        np.stack([np.asarray(each.image, float) for each in row]) for row in (some, others)
    )
    inside = np.zeros((64, 64), dtype=bool)
    inside[10:-10, 10:-10] = True
    return float(np.abs(one - other)[:, ~inside].mean())


def test_the_colours_follow_the_words(pipeline: Pipeline) -> None:
    subject = SUBJECT[pipeline.manifest.name]
    red, _, blue = mean_colour(pipeline, f"a red {subject}")
    assert red > blue + 40
    red, green, blue = mean_colour(pipeline, f"a yellow {subject}")
    assert min(red, green) > blue + 40
    red, _, blue = mean_colour(pipeline, f"a blue {subject}")
    assert blue > red + 20


def test_a_picture_is_the_same_alone_and_in_a_batch(pipeline: Pipeline) -> None:
    prompt = LECTURE[pipeline.manifest.name]
    batch = pipeline.generate(prompt, n=70, seed=3)
    for position in (0, 4, 63, 64, 69):
        (alone,) = pipeline.generate(prompt, seed=3 + position)
        assert alone.image.tobytes() == batch[position].image.tobytes()


def test_it_draws_its_sample_of_another_machine_again_within_two_levels(
    pipeline: Pipeline,
) -> None:
    """Seeds count on from row to row; processors round differently, by one level of 255 as seen."""
    name = pipeline.manifest.name
    rows = [
        pipeline.generate(prompt, n=4, seed=4 * row) for row, prompt in enumerate(prompts_of(name))
    ]
    drawn = grid([[each.image for each in row] for row in rows])
    with Image.open(find_bundle(name) / "sample.png") as sample:
        difference = np.abs(np.asarray(sample, int) - np.asarray(drawn, int))
    assert difference.max() <= 2


def test_a_pipeline_draws_the_same_for_many_threads_at_once(pipeline: Pipeline) -> None:
    prompts = prompts_of(pipeline.manifest.name)
    alone = [pipeline.generate(prompt, n=3)[2].image.tobytes() for prompt in prompts]
    with ThreadPoolExecutor(8) as threads:
        for drawn in (threads.map(lambda p: pipeline.generate(p, n=3), prompts) for _ in range(2)):
            assert [pictures[2].image.tobytes() for pictures in drawn] == alone


def test_a_restyled_picture_keeps_its_surroundings_and_takes_the_colour_asked_for() -> None:
    pipeline = load("flowers-lecture")
    subject = SUBJECT["flowers-lecture"]
    given = pipeline.generate(f"a red {subject}", n=16)
    others = pipeline.generate(f"a red {subject}", n=16, seed=16)
    prompts = [f"a red {subject}", f"a yellow {subject}"]
    same, yellow = zip(*(pipeline.restyle(each.image, prompts) for each in given), strict=True)
    assert frame_distance(given, same) < 0.7 * frame_distance(given, others)
    red, green, blue = middle_colour(yellow)
    assert min(red, green) > blue + 40


def test_it_knows_every_word_of_the_prompts_it_is_shown_with(pipeline: Pipeline) -> None:
    name = pipeline.manifest.name
    prompts = prompts_of(name)
    assert len(prompts) == 8
    for prompt in [*prompts, LECTURE[name]]:
        pipeline.generate(prompt)  # a word that it does not know would warn


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("flowers", "Oxford-102"),
        ("flowers-128", "Oxford-102"),
        ("flowers-lecture", "Oxford-102"),
        ("birds", "CUB-200-2011"),
    ],
)
def test_it_is_small_and_its_card_tells_how_it_was_trained(name: str, data: str) -> None:
    folder = find_bundle(name)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 25e6
    card = (folder / "README.md").read_text()
    for part in (data, "kimg", "Scores", "Limits", "sample.png"):
        assert part in card
