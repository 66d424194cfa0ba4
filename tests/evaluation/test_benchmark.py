"""What is asked of a candidate, with which seeds, and what its samples are held against."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captiongan.bundle.text_encoder import Embeddings
from captiongan.data.folder import Example
from captiongan.data.pairs import Indices
from captiongan.data.store import Pictures
from captiongan.draw.noise import noise_of
from captiongan.evaluation.benchmark import (
    SAME_CAPTION,
    Benchmark,
    Samples,
    captions_to_draw,
    samples_at_all_sides,
)
from captiongan.evaluation.candidate import Candidate
from captiongan.evaluation.real import RealPictures
from support.tiny_exam import (
    SIDE,
    BlockMeans,
    WordEncoder,
    at_side,
    painter,
    tiny_benchmark,
    tiny_real,
)

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def real_of(counts: Sequence[int]) -> RealPictures:
    """Return noise with so many captions for each picture."""
    examples = [
        Example(f"{row}.png", tuple(f"caption {row} {turn}" for turn in range(count)), None)
        for row, count in enumerate(counts)
    ]
    pictures = np.random.default_rng(0).integers(
        0, 256, (len(counts), SIDE, SIDE, 3), dtype=np.uint8
    )
    return RealPictures.describe(examples, pictures, BlockMeans(), WordEncoder())


def benchmark_of(real: RealPictures, rounds: int, *, seed: int = 0) -> Benchmark:
    captions = captions_to_draw(real, rounds, SAME_CAPTION)
    return Benchmark(real, None, "none given", None, BlockMeans(), captions, seed)


class Recorder:
    """Writes down each caption with its noise, and draws a picture that numbers the drawing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self._texts: list[str] = []

    def encode(self, captions: Sequence[str]) -> Embeddings:
        self._texts = list(captions)
        return np.arange(len(captions), dtype=np.float32)[:, None]

    def draw(self, noise: np.ndarray, embeddings: Embeddings) -> Pictures:
        rows = embeddings[:, 0].astype(int)
        first = len(self.asked)
        self.asked += [(self._texts[row], z.tobytes()) for row, z in zip(rows, noise, strict=True)]
        levels = np.arange(first, first + len(rows), dtype=np.uint8)
        return np.broadcast_to(levels[:, None, None, None], (len(rows), SIDE, SIDE, 3))

    @property
    def candidate(self) -> Candidate:
        return Candidate("recorder", {}, (), SIDE, 5, self.encode, self.draw)


def owners(real: RealPictures) -> Indices:
    return np.repeat(np.arange(len(real)), real.caption_counts)


def test_the_first_caption_is_asked_four_times_then_one_of_each_other_in_turn() -> None:
    asked = captions_to_draw(real_of([3, 1, 9]), 9, SAME_CAPTION)
    assert asked.T.tolist() == [
        [0, 0, 0, 0, 1, 2, 0, 1, 2],
        [3, 3, 3, 3, 3, 3, 3, 3, 3],
        [4, 4, 4, 4, 5, 6, 7, 8, 9],
    ]


@QUICK
@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(1, 12), st.integers(1, 5))
def test_every_picture_is_asked_its_own_captions_as_evenly_as_can_be(
    counts: list[int], rounds: int, same: int
) -> None:
    real = tiny_real(len(counts))
    examples = tuple(
        Example(f"{row}", tuple(map(str, range(count))), None) for row, count in enumerate(counts)
    )
    real = replace(real, examples=examples)
    asked = captions_to_draw(real, rounds, same)
    assert asked.shape == (rounds, len(counts))
    assert (owners(real)[asked] == np.arange(len(counts))).all()
    assert (asked[:same] == real.first_captions).all()
    for row, count in enumerate(counts):
        times = np.bincount(asked[same - 1 :, row] - real.first_captions[row], minlength=count)
        assert times.max() - times.min() <= 1


@pytest.mark.parametrize("seed", [0, 71])
def test_picture_r_of_example_n_has_its_own_caption_and_the_seed_plus_r_times_all_plus_n(
    seed: int,
) -> None:
    real, recorder = real_of([2, 1, 3]), Recorder()
    benchmark = benchmark_of(real, 6, seed=seed)
    samples = benchmark.samples_of(recorder.candidate)
    expected = [
        (real.captions[benchmark.captions[r, n]], noise_of(seed + r * 3 + n, 5).tobytes())
        for r in range(6)
        for n in range(3)
    ]
    assert recorder.asked == expected
    np.testing.assert_array_equal(
        samples.pictures[:, :, 0, 0, 0], np.arange(18, dtype=np.uint8).reshape(6, 3)
    )
    np.testing.assert_array_equal(samples.captions, benchmark.captions)


def test_features_of_the_answers_are_those_of_their_pictures() -> None:
    benchmark = tiny_benchmark(7)
    samples = benchmark.samples_of(painter())
    assert samples.pictures.shape == (SAME_CAPTION, 7, SIDE, SIDE, 3)
    assert samples.pictures.dtype == np.uint8
    for pictures, features in zip(samples.pictures, samples.features, strict=True):
        np.testing.assert_array_equal(features, BlockMeans().features(pictures))


def test_a_candidate_draws_once_and_every_side_describes_the_same_pictures() -> None:
    benchmark, recorder = tiny_benchmark(7), Recorder()
    benchmarks = [benchmark, at_side(benchmark, 16)]
    first, second = samples_at_all_sides(benchmarks, recorder.candidate)
    assert benchmark.pairs is not None
    assert len(recorder.asked) == benchmark.captions.size + 2 * len(benchmark.pairs.rows)
    np.testing.assert_array_equal(first.pictures, second.pictures)
    np.testing.assert_array_equal(first.captions, second.captions)
    np.testing.assert_array_equal(2 * first.features, second.features)


@QUICK
@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_shuffling_moves_every_picture_away_from_its_own_example_and_loses_none(
    count: int, rounds: int, seed: int
) -> None:
    numbers = np.arange(rounds * count).reshape(rounds, count)
    pictures = np.broadcast_to(
        numbers[..., None, None, None].astype(np.uint8), (rounds, count, 1, 1, 3)
    )
    samples = Samples(pictures, numbers[..., None].astype(np.float32), numbers % count)
    shuffled = samples.shuffled(seed)
    moved = shuffled.features[..., 0]
    assert (moved != numbers).all()
    assert (np.sort(moved, axis=1) == numbers).all()
    np.testing.assert_array_equal(shuffled.pictures[..., 0, 0, 0], moved)
    np.testing.assert_array_equal(shuffled.captions, samples.captions)
    np.testing.assert_array_equal(samples.shuffled(seed).features, shuffled.features)


def test_shuffling_depends_on_the_seed_and_not_only_on_neighbours() -> None:
    samples = tiny_benchmark(30).of_real
    moved = [samples.shuffled(seed).features for seed in (0, 1)]
    assert (moved[0] != moved[1]).any()
    assert (moved[0][0] != moved[0][1]).any()  # each round in its own way


def test_the_real_pictures_answer_in_every_round() -> None:
    benchmark = tiny_benchmark(6)
    for pictures, features in zip(
        benchmark.of_real.pictures, benchmark.of_real.features, strict=True
    ):
        np.testing.assert_array_equal(pictures, benchmark.real.pictures)
        np.testing.assert_array_equal(features, benchmark.real.features)
    assert len(benchmark.of_real.pictures) == benchmark.rounds == SAME_CAPTION


@pytest.mark.parametrize(("count", "rounds"), [(20, 4), (75, 4), (110, 2), (200, 1)])
def test_train_pictures_stand_in_with_their_features_none_of_them_twice(
    count: int, rounds: int
) -> None:
    benchmark = tiny_benchmark(count)
    train, stand_in = benchmark.train, benchmark.of_train
    assert train is not None
    assert stand_in is not None
    assert stand_in.pictures.shape == (rounds, count, SIDE, SIDE, 3)
    assert stand_in.captions.shape == (rounds, count)
    rows = {picture.tobytes(): row for row, picture in enumerate(train.pictures)}
    assert len(rows) == len(train)
    taken = np.array(
        [rows[picture.tobytes()] for picture in stand_in.pictures.reshape(-1, 8, 8, 3)]
    )
    assert len(set(taken)) == len(taken)
    assert (taken[1:] != taken[:-1] + 1).mean() > 0.9  # at random
    np.testing.assert_array_equal(stand_in.features.reshape(-1, 48), train.features[taken])
    again = replace(benchmark).of_train
    assert again is not None
    np.testing.assert_array_equal(again.pictures, stand_in.pictures)


def test_without_a_train_split_no_train_pictures_stand_in() -> None:
    assert benchmark_of(real_of([1, 1]), 1).of_train is None


def test_flat_sheets_have_the_mean_colour_of_each_real_picture() -> None:
    benchmark = tiny_benchmark(9)
    sheets = benchmark.of_flat
    assert sheets.pictures.shape == (1, 9, SIDE, SIDE, 3)
    assert (sheets.pictures == sheets.pictures[:, :, :1, :1]).all()
    means = benchmark.real.pictures.mean(axis=(1, 2))
    assert np.abs(sheets.pictures[0, :, 0, 0] - means).max() <= 0.5
    np.testing.assert_array_equal(sheets.features[0], BlockMeans().features(sheets.pictures[0]))
    np.testing.assert_array_equal(sheets.captions, benchmark.captions[:1])


def test_the_spread_in_a_class_is_the_mean_distance_of_its_pictures_in_the_train_split() -> None:
    train, labels = tiny_real(7), ["a", "a", "b", "b", "b", "c", None]
    examples = tuple(
        replace(example, label=label) for example, label in zip(train.examples, labels, strict=True)
    )
    benchmark = replace(tiny_benchmark(5), train=replace(train, examples=examples))
    pairs = {"a": [(0, 1)], "b": [(2, 3), (2, 4), (3, 4)]}
    x = train.features.astype(np.float64)
    spreads = [
        np.mean([np.linalg.norm(x[one] - x[other]) for one, other in of_class])
        for of_class in pairs.values()
    ]
    assert benchmark.spread_in_a_class == pytest.approx(np.mean(spreads))


def test_without_a_train_split_the_spread_is_that_of_the_pictures_themselves() -> None:
    benchmark = tiny_benchmark(60)
    alone = replace(benchmark, train=None).spread_in_a_class
    assert alone == replace(benchmark, train=benchmark.real).spread_in_a_class
    assert alone != benchmark.spread_in_a_class


def test_where_no_class_has_two_pictures_there_is_no_spread() -> None:
    assert benchmark_of(tiny_real(20, labelled=False), 1).spread_in_a_class is None


def test_an_exam_says_why_there_are_no_judges() -> None:
    benchmark = tiny_benchmark(20)
    assert replace(benchmark, train=None, no_train="none given").no_probes == "none given"
    few = replace(benchmark, train=tiny_real(99), probes=None)
    assert few.no_probes == "99 training pictures; probes take 100"
