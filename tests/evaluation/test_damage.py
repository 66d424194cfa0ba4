"""Each way to spoil pictures makes the score that should see it worse, and no other need see it.

Toy flowers, described by a real network. The answers before the damage are as good as can be: for
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
from captiongan.evaluation import probes
from captiongan.evaluation.benchmark import SAME_CAPTION, Answers, Exam, questions
from captiongan.evaluation.extractors import choose_extractor
from captiongan.evaluation.probes import open_judges
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
def exam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exam]:
    extractor, encoder = choose_extractor("lite0"), choose_encoder("small")

    def described(size: int, seed: int) -> RealPictures:
        items = list(toy_examples(size, SIDE, seed))
        pictures = np.stack([np.asarray(item.picture) for item in items])
        return RealPictures.describe([item.example for item in items], pictures, extractor, encoder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("damage")))
        patch.setattr(probes, "STEPS", 100)
        real, train = described(COUNT, REAL_SEED), described(TRAIN, TRAIN_SEED)
        found = open_judges(train, extractor.identity, encoder.identity)
        captions = questions(real, SAME_CAPTION, SAME_CAPTION)
        yield Exam(real, train, "", found, extractor, captions, seed=0)


def drawn_anew(row: int, number: int) -> Pictures:
    flower = toy_flower(REAL_SEED, row)
    other = dataclasses.replace(flower, variation=(flower.variation + 1 + number) % 2**32)
    return np.asarray(draw(other, SIDE))


def answers(exam: Exam, pictures: Pictures) -> Answers:
    """Describe one round of pictures or more."""
    features = np.stack([exam.extractor.features(each) for each in pictures])
    return Answers(pictures, features, exam.captions[: len(pictures)])


@pytest.fixture(scope="module")
def all_good(exam: Exam) -> Answers:
    rounds = [[drawn_anew(row, n) for row in range(COUNT)] for n in range(SAME_CAPTION)]
    return answers(exam, np.array(rounds))


@pytest.fixture(scope="module")
def good(all_good: Answers) -> Answers:
    return first_round(all_good)


def first_round(given: Answers) -> Answers:
    return Answers(given.pictures[:1], given.features[:1], given.captions[:1])


def blurred(pictures: Pictures, radius: float) -> Pictures:
    softly = ImageFilter.GaussianBlur(radius)
    return np.stack([np.asarray(Image.fromarray(each).filter(softly)) for each in pictures])


def noisy(pictures: Pictures, deviation: float) -> Pictures:
    noise = np.random.default_rng(0).normal(0, deviation, pictures.shape)
    spoilt: Pictures = np.clip(pictures + noise, 0, 255).round().astype(np.uint8)
    return spoilt


def value(name: str, exam: Exam, given: Answers) -> float:
    (score,) = (score for score in SCORES if score.name == name)
    return score.measure(exam, given).value


def assert_grows(values: list[float]) -> None:
    assert all(before < after for before, after in pairwise(values)), values


@pytest.mark.parametrize(("damage", "strengths"), [(blurred, BLURS), (noisy, NOISES)])
def test_the_more_blur_or_noise_the_worse_kid_fid_and_coverage(
    damage: Callable[[Pictures, float], Pictures],
    strengths: tuple[float, ...],
    exam: Exam,
    good: Answers,
) -> None:
    spoilt = [answers(exam, damage(good.pictures[0], each)[None]) for each in strengths]
    for name in ("kid", "fid"):
        assert_grows([value(name, exam, each) for each in (good, *spoilt)])
    coverages = [value("coverage", exam, each) for each in (good, *spoilt)]
    assert coverages[0] > 0.95
    assert coverages == sorted(coverages, reverse=True)
    assert coverages[-1] < 0.2
    densities = [value("density", exam, each) for each in (good, *spoilt)]
    assert_grows([-each for each in densities])
    assert value("r_at_1", exam, spoilt[-1]) < value("r_at_1", exam, good) / 2


def test_a_palette_swap_lowers_colours_and_raises_kid(exam: Exam, good: Answers) -> None:
    swapped = answers(exam, good.pictures[..., [1, 2, 0]])
    assert value("colours", exam, good) > 0.95
    assert value("colours", exam, swapped) < 0.5
    assert value("kid", exam, swapped) > value("kid", exam, good) + 0.05
    assert value("r_at_1", exam, swapped) < value("r_at_1", exam, good) / 2


def test_dropped_modes_lower_recall_coverage_and_diversity_and_leave_precision(
    exam: Exam, all_good: Answers
) -> None:
    """Good pictures, but of a few captions only, and the same one for a caption every time."""
    rows = np.arange(COUNT) % 4
    dropped = Answers(
        all_good.pictures[:1, rows].repeat(SAME_CAPTION, axis=0),
        all_good.features[:1, rows].repeat(SAME_CAPTION, axis=0),
        all_good.captions,
    )
    assert value("precision", exam, dropped) == 1
    assert value("density", exam, dropped) > 0.8
    for name in ("recall", "coverage", "diversity"):
        assert value(name, exam, all_good) > 0.5, name
        assert value(name, exam, dropped) < 0.4, name
    assert value("diversity", exam, dropped) == 0
    assert value("kid", exam, dropped) > value("kid", exam, all_good) + 0.1


def test_shuffled_captions_lower_r_at_1_and_colours_and_leave_kid_as_it_is(
    exam: Exam, good: Answers
) -> None:
    shuffled = good.shuffled(0)
    assert value("r_at_1", exam, good) > 0.3
    assert value("r_at_1", exam, shuffled) < 0.1
    assert value("colours", exam, shuffled) < value("colours", exam, good) - 0.5
    for name in ("kid", "fid", "precision", "density", "recall", "coverage", "novelty"):
        assert value(name, exam, shuffled) == pytest.approx(value(name, exam, good)), name


def test_copies_of_train_pictures_are_not_novel(exam: Exam, good: Answers) -> None:
    copies = exam.of_train
    assert copies is not None
    assert value("novelty", exam, copies) == 0
    assert value("novelty", exam, good) == pytest.approx(1, abs=0.1)


def test_two_hundred_toy_flowers_against_each_other_are_within_two_errors_of_kid_zero(
    exam: Exam,
) -> None:
    assert exam.train is not None
    half = dataclasses.replace(exam, real=exam.train.subset(np.arange(COUNT)))
    found = kid(half, first_round(exam.of_real))
    assert found.standard_error is not None
    assert abs(found.value) < 2 * found.standard_error
