"""Each way to spoil pictures makes the score that should see it worse, and no other need see it.

Toy flowers, described by a real network. The samples before the damage are as good as can be: for
each caption, flowers of the same petals, centre and background, drawn anew. What is measured here
takes no text encoder but the package's own small one.
"""

import dataclasses
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageFilter

from captiongan.base.cache import CACHE_VARIABLE
from captiongan.data.store import Pictures
from captiongan.data.toy import draw, toy_examples, toy_flower
from captiongan.evaluation import probe_training
from captiongan.evaluation.benchmark import SAME_CAPTION, Benchmark, Samples, captions_to_draw
from captiongan.evaluation.extractors import choose_extractor
from captiongan.evaluation.probe_training import open_probes
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.scores import SCORES, kid
from captiongan.text.registry import choose_encoder

SIDE, COUNT, TRAIN = 32, 100, 150
REAL_SEED, TRAIN_SEED = 1, 0

BLURS = (0.5, 1, 2)
"""Radii in pixels."""
NOISES = (3, 8, 20)
"""Standard deviations in levels."""


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benchmark]:
    extractor, encoder = choose_extractor("lite0"), choose_encoder("small")

    def described(size: int, seed: int) -> RealPictures:
        items = list(toy_examples(size, SIDE, seed))
        pictures = np.stack([np.asarray(item.picture) for item in items])
        return RealPictures.describe([item.example for item in items], pictures, extractor, encoder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("damage")))
        patch.setattr(probe_training, "STEPS", 100)
        real, train = described(COUNT, REAL_SEED), described(TRAIN, TRAIN_SEED)
        found = open_probes(train, extractor.identity, encoder.identity)
        captions = captions_to_draw(real, SAME_CAPTION, SAME_CAPTION)
        yield Benchmark(real, train, "", found, extractor, captions, seed=0)


def drawn_anew(row: int, number: int) -> Pictures:
    flower = toy_flower(REAL_SEED, row)
    other = dataclasses.replace(flower, variation=(flower.variation + 1 + number) % 2**32)
    return np.asarray(draw(other, SIDE))


def samples(benchmark: Benchmark, pictures: Pictures) -> Samples:
    """Describe one round of pictures or more."""
    features = np.stack([benchmark.extractor.features(each) for each in pictures])
    return Samples(pictures, features, benchmark.captions[: len(pictures)])


@pytest.fixture(scope="module")
def all_good(benchmark: Benchmark) -> Samples:
    rounds = [[drawn_anew(row, n) for row in range(COUNT)] for n in range(SAME_CAPTION)]
    return samples(benchmark, np.array(rounds))


@pytest.fixture(scope="module")
def good(all_good: Samples) -> Samples:
    return first_round(all_good)


def first_round(given: Samples) -> Samples:
    return Samples(given.pictures[:1], given.features[:1], given.captions[:1])


def blurred(pictures: Pictures, radius: float) -> Pictures:
    softly = ImageFilter.GaussianBlur(radius)
    return np.stack([np.asarray(Image.fromarray(each).filter(softly)) for each in pictures])


def noisy(pictures: Pictures, deviation: float) -> Pictures:
    noise = np.random.default_rng(0).normal(0, deviation, pictures.shape)
    spoilt: Pictures = np.clip(pictures + noise, 0, 255).round().astype(np.uint8)
    return spoilt


def value(name: str, benchmark: Benchmark, given: Samples) -> float:
    (score,) = (score for score in SCORES if score.name == name)
    return score.measure(benchmark, given).value


def assert_grows(values: list[float]) -> None:
    assert all(before < after for before, after in pairwise(values)), values


@pytest.mark.parametrize(("damage", "strengths"), [(blurred, BLURS), (noisy, NOISES)])
def test_the_more_blur_or_noise_the_worse_kid_fid_and_coverage(
    damage: Callable[[Pictures, float], Pictures],
    strengths: tuple[float, ...],
    benchmark: Benchmark,
    good: Samples,
) -> None:
    spoilt = [samples(benchmark, damage(good.pictures[0], each)[None]) for each in strengths]
    for name in ("kid", "fid"):
        assert_grows([value(name, benchmark, each) for each in (good, *spoilt)])
    coverages = [value("coverage", benchmark, each) for each in (good, *spoilt)]
    assert coverages[0] > 0.95
    assert coverages == sorted(coverages, reverse=True)
    assert coverages[-1] < 0.2
    densities = [value("density", benchmark, each) for each in (good, *spoilt)]
    assert_grows([-each for each in densities])
    assert value("r_at_1", benchmark, spoilt[-1]) < value("r_at_1", benchmark, good) / 2


def test_a_palette_swap_lowers_colours_and_raises_kid(benchmark: Benchmark, good: Samples) -> None:
    swapped = samples(benchmark, good.pictures[..., [1, 2, 0]])
    assert value("colours", benchmark, good) > 0.95
    assert value("colours", benchmark, swapped) < 0.5
    assert value("kid", benchmark, swapped) > value("kid", benchmark, good) + 0.05
    assert value("r_at_1", benchmark, swapped) < value("r_at_1", benchmark, good) / 2


def test_dropped_modes_lower_recall_coverage_and_diversity_and_leave_precision(
    benchmark: Benchmark, all_good: Samples
) -> None:
    """Good pictures, but of a few captions only, and the same one for a caption every time."""
    rows = np.arange(COUNT) % 4
    dropped = Samples(
        all_good.pictures[:1, rows].repeat(SAME_CAPTION, axis=0),
        all_good.features[:1, rows].repeat(SAME_CAPTION, axis=0),
        all_good.captions,
    )
    assert value("precision", benchmark, dropped) == 1
    assert value("density", benchmark, dropped) > 0.8
    for name in ("recall", "coverage", "diversity"):
        assert value(name, benchmark, all_good) > 0.5, name
        assert value(name, benchmark, dropped) < 0.4, name
    assert value("diversity", benchmark, dropped) == 0
    assert value("kid", benchmark, dropped) > value("kid", benchmark, all_good) + 0.1


def test_shuffled_captions_lower_r_at_1_and_colours_and_leave_kid_as_it_is(
    benchmark: Benchmark, good: Samples
) -> None:
    shuffled = good.shuffled(0)
    assert value("r_at_1", benchmark, good) > 0.3
    assert value("r_at_1", benchmark, shuffled) < 0.1
    assert value("colours", benchmark, shuffled) < value("colours", benchmark, good) - 0.5
    for name in ("kid", "fid", "precision", "density", "recall", "coverage", "novelty"):
        assert value(name, benchmark, shuffled) == pytest.approx(value(name, benchmark, good)), name


def test_copies_of_train_pictures_are_not_novel(benchmark: Benchmark, good: Samples) -> None:
    copies = benchmark.of_train
    assert copies is not None
    assert value("novelty", benchmark, copies) == 0
    assert value("novelty", benchmark, good) == pytest.approx(1, abs=0.1)


def test_two_hundred_toy_flowers_against_each_other_are_within_two_errors_of_kid_zero(
    benchmark: Benchmark,
) -> None:
    assert benchmark.train is not None
    half = dataclasses.replace(benchmark, real=benchmark.train.subset(np.arange(COUNT)))
    found = kid(half, first_round(benchmark.of_real))
    assert found.standard_error is not None
    assert abs(found.value) < 2 * found.standard_error
