"""Interpolation: from sentence to sentence, from noise to noise; strips and films."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from captiongan.bundle.bundle import Bundle
from captiongan.draw.interpolation import arc, line, through
from captiongan.draw.noise import noise_of
from captiongan.draw.picture import read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import UnknownWordsWarning
from captiongan.errors import OutputError, PromptError
from support.command_line import captiongan

RED, YELLOW = "a red flower", "a yellow flower with pointed petals"

SEED = st.integers(0, 2**32 - 1)
STEPS = st.integers(2, 40)


def bytes_of(images: Sequence[Image.Image]) -> list[bytes]:
    return [image.tobytes() for image in images]


def drawn(pipeline: Pipeline, prompt: str, seed: int) -> bytes:
    return pipeline.generate(prompt, seed=seed)[0].image.tobytes()


@settings(deadline=None)
@given(first=SEED, second=SEED, steps=STEPS, dim=st.integers(20, 200))
def test_an_arc_begins_and_ends_at_its_noises_and_stays_as_long(
    first: int, second: int, steps: int, dim: int
) -> None:
    start, end = noise_of(first, dim), noise_of(second, dim)
    way = arc(start, end, steps)
    assert way.dtype == np.float32 and way.shape == (steps, dim)
    assert np.array_equal(way[[0, -1]], [start, end])
    lengths = np.linalg.norm(way, axis=1)
    ends = sorted(np.linalg.norm([start, end], axis=1))
    assert (lengths >= 0.9 * ends[0]).all() and (lengths <= 1.1 * ends[1]).all()


@settings(deadline=None)
@given(seed=SEED, steps=STEPS)
def test_an_arc_turns_by_the_same_angle_at_every_step(seed: int, steps: int) -> None:
    start = noise_of(seed, 50)
    end = noise_of((seed + 1) % 2**32, 50)
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    way = arc(start, end, steps).astype(float)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    angles = np.arccos(np.clip((way[:-1] * way[1:]).sum(axis=1), -1, 1))
    assert np.allclose(angles, angles.mean(), atol=1e-3)


def test_an_arc_between_equal_noises_stays_there() -> None:
    noise = noise_of(7, 20)
    assert np.allclose(arc(noise, noise, 5), noise, atol=1e-6)


def test_a_line_goes_straight_from_text_to_text() -> None:
    start, end = np.array([0, 2], np.float32), np.array([4, 0], np.float32)
    assert line(start, end, 5).tolist() == [[0, 2], [1, 1.5], [2, 1], [3, 0.5], [4, 0]]


def test_a_way_through_several_stops_has_each_of_them_once() -> None:
    stops = np.array([[0], [4], [0]], np.float32)
    assert through(stops, 5, line).ravel().tolist() == [0, 1, 2, 3, 4, 3, 2, 1, 0]


def test_between_sentences_the_noise_stays_and_the_ends_are_the_pictures_of_generate(
    pipeline: Pipeline,
) -> None:
    way = pipeline.interpolate([RED, YELLOW], [7], steps=5)
    pictures = bytes_of(way.images)
    assert len(set(pictures)) == len(pictures) == 5
    assert [pictures[0], pictures[-1]] == [drawn(pipeline, RED, 7), drawn(pipeline, YELLOW, 7)]
    middle = pipeline.encode([RED, YELLOW]).mean(axis=0, keepdims=True)
    expected = pipeline.draw(noise_of(7, pipeline.manifest.noise_dim)[None], middle)
    difference = np.asarray(way.images[2], int) - expected[0]
    assert np.abs(difference).max() <= 1


def test_between_seeds_the_text_stays_and_the_ends_are_the_pictures_of_generate(
    pipeline: Pipeline,
) -> None:
    way = pipeline.interpolate([RED], [3, 8], steps=4)
    pictures = bytes_of(way.images)
    assert len(set(pictures)) == len(pictures) == 4
    assert [pictures[0], pictures[-1]] == [drawn(pipeline, RED, 3), drawn(pipeline, RED, 8)]
    start, end = (noise_of(seed, pipeline.manifest.noise_dim) for seed in (3, 8))
    expected = pipeline.draw(arc(start, end, 4), pipeline.encode([RED] * 4)).astype(int)
    assert np.abs(np.stack([np.asarray(each, int) for each in way.images]) - expected).max() <= 1
    straight = pipeline.draw(line(start, end, 4), pipeline.encode([RED] * 4)).astype(int)
    assert np.abs(straight - expected).max() > 10


@settings(max_examples=15, deadline=None)
@given(seeds=st.lists(SEED, min_size=2, max_size=5), steps=st.integers(2, 6))
def test_each_leg_begins_where_the_one_before_ended(
    pipeline: Pipeline, seeds: list[int], steps: int
) -> None:
    way = pipeline.interpolate([RED, *[YELLOW] * (len(seeds) - 1)], seeds, steps)
    assert [len(leg) for leg in way.legs] == [steps] * (len(seeds) - 1)
    assert len(way.images) == (len(seeds) - 1) * (steps - 1) + 1
    for before, after in zip(way.legs, way.legs[1:], strict=False):
        assert before[-1] is after[0]
    for leg, seed in zip(way.legs, seeds[1:], strict=True):
        assert leg[-1].tobytes() == drawn(pipeline, YELLOW, seed)


@settings(max_examples=15, deadline=None)
@given(seeds=st.lists(SEED, min_size=2, max_size=3), truncation=st.floats(1e-30, 1))
def test_with_truncated_noise_the_stops_are_the_pictures_of_generate_too(
    pipeline: Pipeline, seeds: list[int], truncation: float
) -> None:
    way = pipeline.interpolate([RED], seeds, 4, truncation)
    stops = bytes_of(way.images[::3])
    pictures = [pipeline.generate(RED, seed=seed, truncation=truncation)[0] for seed in seeds]
    assert stops == bytes_of([picture.image for picture in pictures])
    assert way.truncation == truncation


def test_with_truncated_noise_the_arc_is_as_round_and_the_text_as_it_was(
    pipeline: Pipeline,
) -> None:
    way = pipeline.interpolate([RED, YELLOW], [3, 8], 5, truncation=0.5)
    start, end = (noise_of(seed, pipeline.manifest.noise_dim) for seed in (3, 8))
    red, yellow = pipeline.encode([RED, YELLOW])
    expected = pipeline.draw(np.float32(0.5) * arc(start, end, 5), line(red, yellow, 5))
    assert np.array_equal(np.stack([np.asarray(each) for each in way.images]), expected)


def test_a_truncation_of_1_changes_no_bit_on_the_way(pipeline: Pipeline) -> None:
    before, after = (
        pipeline.interpolate([RED, YELLOW], [3, 8], **given) for given in ({}, {"truncation": 1})
    )
    assert bytes_of(before.images) == bytes_of(after.images)
    assert before.metadata == after.metadata
    assert "truncation" not in before.metadata


@pytest.mark.parametrize("ending", [".png", ".webp", ".gif"])
def test_a_strip_and_a_film_tell_their_truncation(
    tiny: Bundle, tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"way{ending}"
    options = ["--truncation", 0.7, "-o", out, "--bundle", tiny.folder]
    assert captiongan("interpolate", RED, YELLOW, *options) == 0
    assert read_metadata(out)["truncation"] == "0.7"


@pytest.mark.parametrize(
    ("prompts", "seeds", "steps", "rule"),
    [
        ([RED], [0], 9, "nothing lies between; give several sentences"),
        ([RED, YELLOW], [0, 1, 2], 9, "must be as many of both, or one"),
        ([], [0, 1], 9, "must be a list of one sentence at least"),
        (RED, [0, 1], 9, "must be a list of one sentence at least"),
        ([RED, YELLOW], 7, 9, r"seeds 7 is a number, must be a list of them; write \[7\]"),
        ([RED, YELLOW], [], 9, "must be as many of both, or one"),
        ([RED, YELLOW], [0], 1, "steps 1 is not a whole number from 2 to 1000"),
        ([RED, YELLOW], [0], 1001, "steps 1001 is not a whole number from 2 to 1000"),
        ([RED], [0, 1, 2], 501, "steps 501 is not a whole number from 2 to 500"),
        ([RED], [0, 1], 2.5, r"steps 2.5 is not a whole number"),
        ([RED], [0, -1], 9, "seed -1 is not a whole number"),
        ([RED, ""], [0], 9, "prompt '' is empty"),
    ],
)
def test_what_cannot_be_interpolated_is_refused_with_its_rule(
    pipeline: Pipeline, prompts: list[str], seeds: list[int], steps: int, rule: str
) -> None:
    with pytest.raises(PromptError, match=rule):
        pipeline.interpolate(prompts, seeds, steps)


def test_the_longest_way_can_be_drawn(pipeline: Pipeline) -> None:
    assert len(pipeline.interpolate([RED], [0, 1], 1000).images) == 1000


def test_an_unknown_word_warns_at_the_caller(pipeline: Pipeline) -> None:
    with pytest.warns(UnknownWordsWarning, match="mauve") as caught:
        pipeline.interpolate([RED, "a mauve flower"])
    assert caught[0].filename == __file__


def test_a_strip_has_a_row_for_each_leg_and_carries_what_draws_it_again(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    way = pipeline.interpolate([RED], [3, 8, 21], steps=4)
    way.save(tmp_path / "strip.png")
    with Image.open(tmp_path / "strip.png") as strip:
        assert strip.size == (4 * 10 + 2, 2 * 10 + 2)
        corner = strip.crop((2, 12, 10, 20))
    assert corner.tobytes() == way.images[3].tobytes()
    metadata = read_metadata(tmp_path / "strip.png")
    assert (metadata["prompt"], metadata["seed"]) == (RED, "3\n8\n21")
    assert (metadata["steps"], metadata["bundle"]) == ("4", "tiny")


@pytest.mark.parametrize("ending", [".webp", ".gif"])
def test_a_film_plays_there_and_back_for_ever(
    pipeline: Pipeline, tmp_path: Path, ending: str
) -> None:
    way = pipeline.interpolate([RED, YELLOW], [7], steps=6)
    way.save(tmp_path / f"film{ending}", frames_per_second=10)
    with Image.open(tmp_path / f"film{ending}") as film:
        assert film.info["loop"] == 0
        frames, lengths = [], []
        for frame in ImageSequence.Iterator(film):
            frames.append(np.asarray(frame.convert("RGB"), float))
            lengths.append(frame.info["duration"])
    assert read_metadata(tmp_path / f"film{ending}") == way.metadata
    expected = [*way.images, *way.images[-2:0:-1]]
    assert lengths == [100] * len(expected) == [100] * 10
    for shown, image in zip(frames, expected, strict=True):
        others = [np.abs(shown - np.asarray(other, float)).mean() for other in way.images]
        assert np.argmin(others) == way.images.index(image)


def test_a_film_of_another_kind_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.png or \.gif or \.webp"):
        pipeline.interpolate([RED, YELLOW]).save(tmp_path / "film.mp4")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("frames_per_second", [0, -5, 51, float("nan"), float("inf")])
def test_a_film_has_1_to_50_frames_a_second(
    pipeline: Pipeline, tmp_path: Path, frames_per_second: float
) -> None:
    with pytest.raises(OutputError, match=r"frames per second .* must be from 1 to 50"):
        pipeline.interpolate([RED, YELLOW]).save(tmp_path / "film.gif", frames_per_second)
    assert not any(tmp_path.iterdir())


def test_the_command_writes_a_strip_between_sentences(
    tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "strip.png"
    options = ["--seed", 7, "--steps", 5, "-o", out, "--bundle", tiny.folder]
    assert captiongan("interpolate", RED, YELLOW, *options) == 0
    assert capsys.readouterr().out.splitlines() == [str(out)]
    assert read_metadata(out)["prompt"] == f"{RED}\n{YELLOW}"
    assert (read_metadata(out)["seed"], read_metadata(out)["steps"]) == ("7", "5")


def test_the_command_writes_a_film_between_seeds(tiny: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "film.gif"
    options = ["--seed", 3, "--seed", 8, "--fps", 20, "-o", out, "--bundle", tiny.folder]
    assert captiongan("interpolate", RED, *options) == 0
    with Image.open(out) as film:
        assert film.info["duration"] == 50


def test_the_command_refuses_a_film_of_another_kind_before_it_opens_the_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert captiongan("interpolate", RED, YELLOW, "-o", "film.mp4", "--bundle", tmp_path) == 2
    assert ".png or .gif or .webp" in capsys.readouterr().err
