"""The probes find captions and classes of pictures they never saw, and are the same every time."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from captiongan.base.cache import CACHE_VARIABLE, cache_folder
from captiongan.base.files import sha256_of
from captiongan.data.folder import Example
from captiongan.errors import OutputError
from captiongan.evaluation import probe_training
from captiongan.evaluation.distances import Features
from captiongan.evaluation.needs import FEWEST_PICTURES, class_obstacle
from captiongan.evaluation.probe_training import StandardisedLinear, open_probes
from captiongan.evaluation.probes import (
    Classifier,
    LinearMap,
    Probes,
    RetrievalProbe,
)
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.retrieval import POOL
from support.tiny_exam import TRAIN, BlockMeans, WordEncoder, tiny_probes, tiny_real

QUICK = settings(max_examples=40, deadline=None, derandomize=True)

OTHERS = tiny_real(150, seed=1)
EXTRACTOR, SENTENCES = BlockMeans().identity, WordEncoder().identity


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_training, "STEPS", 5)


def opened(real: RealPictures = TRAIN, seed: int = 0) -> Probes:
    found = open_probes(real, EXTRACTOR, SENTENCES, seed)
    assert found is not None
    return found


def files() -> list[Path]:
    return sorted(cache_folder("judges").iterdir())


def r_at_1(probe: RetrievalProbe, features: Features, seed: int = 0) -> float:
    return float((probe.ranks(features, OTHERS, OTHERS.first_captions, seed) == 0).mean())


# What they can do


def test_the_captions_of_other_pictures_are_found_and_those_of_shuffled_pictures_are_not() -> None:
    probe = tiny_probes().retrieval
    assert r_at_1(probe, OTHERS.features) > 0.9
    assert r_at_1(probe, np.roll(OTHERS.features, 1, axis=0)) < 0.05


def test_pictures_are_nearer_to_their_own_captions_than_to_others() -> None:
    probe = tiny_probes().retrieval
    own = OTHERS.sentences[OTHERS.first_captions]
    cosines = probe.cosine(OTHERS.features, own)
    assert ((cosines >= -1 - 1e-6) & (cosines <= 1 + 1e-6)).all()
    assert cosines.mean() > probe.cosine(OTHERS.features, np.roll(own, 1, axis=0)).mean() + 0.5


def test_the_classes_of_other_pictures_are_told() -> None:
    classifier = tiny_probes().classifier
    assert classifier is not None
    assert set(classifier.classes) == set(TRAIN.labels)
    ranks = classifier.ranks(OTHERS.features, OTHERS.labels)
    assert (ranks == 0).mean() > 0.5
    assert (ranks < 5).mean() > 0.9
    strangers = classifier.ranks(OTHERS.features, np.roll(OTHERS.labels, 1))
    assert (strangers == 0).mean() < 0.15


@pytest.mark.usefixtures("few_steps")
def test_without_classes_there_is_a_retrieval_judge_alone() -> None:
    found = opened(tiny_real(FEWEST_PICTURES, labelled=False))
    assert found.classifier is None
    assert (found.report.classes, found.report.top_1) == (0, None)


@pytest.mark.usefixtures("few_steps")
def test_fewer_than_a_hundred_pictures_make_no_judges() -> None:
    assert open_probes(tiny_real(99), EXTRACTOR, SENTENCES) is None
    assert not files()
    assert open_probes(tiny_real(100), EXTRACTOR, SENTENCES) is not None


def test_in_training_pictures_of_one_class_are_not_held_against_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe_training, "STEPS", 60)
    shares = {}
    for label in (None, "the only one"):
        examples = tuple(replace(example, label=label) for example in TRAIN.examples)
        shares[label] = r_at_1(opened(replace(TRAIN, examples=examples)).retrieval, OTHERS.features)
    assert shares[None] > 0.8
    assert shares["the only one"] < 0.2  # there was nothing to tell apart


# What the report says of them


def test_the_report_tells_what_the_judges_learned_from() -> None:
    report = tiny_probes().report
    assert (report.extractor, report.sentences) == (str(EXTRACTOR), str(SENTENCES))
    assert (report.pictures, report.captions, report.held_out) == (270, 540, 30)
    assert report.classes == 20
    assert report.r_at_1 is None  # 30 pictures have no 99 rivals


def test_the_figures_of_the_report_are_of_pictures_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where there is nothing to learn, a probe knows what it has seen and nothing else."""
    monkeypatch.setattr(probe_training, "STEPS", 40)
    random = np.random.default_rng(0)
    examples = tuple(
        Example(f"{row}", (f"{row}",), str(random.choice(["a", "b"]))) for row in range(1000)
    )
    real = RealPictures(
        examples,
        np.zeros((1000, 1, 1, 3), np.uint8),
        random.standard_normal((1000, 1200)).astype(np.float32),
        random.standard_normal((1000, 800)).astype(np.float32),
    )
    found = opened(real)
    assert found.classifier is not None
    everywhere = (found.classifier.ranks(real.features, real.labels) == 0).mean()
    ranks = found.retrieval.ranks(real.features, real, real.first_captions, 0)
    assert found.report.held_out == 100
    assert found.report.top_1 is not None
    assert found.report.r_at_1 is not None
    assert everywhere > 0.75
    assert found.report.top_1 < 0.65
    assert (ranks == 0).mean() > 0.5
    assert found.report.r_at_1 < 0.1


# The same probes every time


@pytest.mark.usefixtures("few_steps")
def test_the_same_input_makes_the_same_file_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = []
    for number in range(6):  # a dictionary that is written in any order shows in one of a few
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / str(number)))
        torch.manual_seed(number)
        found = opened()
        (file,) = files()
        assert found.sha256 == sha256_of(file)
        contents.append(file.read_bytes())
    assert contents == contents[:1] * 6


@pytest.mark.usefixtures("few_steps")
def test_judges_are_trained_once_and_then_read(monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened()

    def fail(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(probe_training, "_fit", fail)
    second = opened()
    assert (second.report, second.sha256) == (first.report, first.sha256)
    assert first.classifier is not None
    assert second.classifier is not None
    assert second.classifier.classes == first.classifier.classes
    features, captions = OTHERS.features, OTHERS.first_captions
    np.testing.assert_array_equal(
        second.retrieval.ranks(features, OTHERS, captions, 0),
        first.retrieval.ranks(features, OTHERS, captions, 0),
    )
    np.testing.assert_array_equal(
        second.classifier.scores(features), first.classifier.scores(features)
    )


@pytest.mark.usefixtures("few_steps")
def test_judges_of_anything_else_are_kept_apart() -> None:
    features = TRAIN.features.copy()
    features[0, 0] += 1
    renamed = replace(TRAIN.examples[0], captions=("else",) * 2)
    for real in (
        TRAIN,
        replace(TRAIN, features=features),
        replace(TRAIN, examples=(renamed, *TRAIN.examples[1:])),
    ):
        opened(real)
    opened(TRAIN, seed=1)
    open_probes(TRAIN, replace(EXTRACTOR, sha256="0" * 64), SENTENCES)
    open_probes(TRAIN, EXTRACTOR, replace(SENTENCES, sha256="0" * 64))
    assert len(files()) == 6


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: flipped(content, len(content) - 1),
        lambda content: flipped(content, content.index(b'\\"held_out\\": 3') + 15),
        lambda _: b"garbage" * 99,
    ],
    ids=["empty", "shorter", "header", "a bit of a weight", "a bit of the report", "garbage"],
)
@pytest.mark.usefixtures("few_steps")
def test_damaged_judges_are_trained_anew(damage: Callable[[bytes], bytes]) -> None:
    before = opened()
    (file,) = files()
    sound = file.read_bytes()
    assert damage(sound) != sound
    file.write_bytes(damage(sound))
    assert opened().report == before.report
    assert file.read_bytes() == sound


@pytest.mark.usefixtures("few_steps")
def test_a_cache_that_cannot_be_written_is_an_error_with_the_variable_to_set() -> None:
    opened()
    (file,) = files()
    file.unlink()
    file.mkdir()
    with pytest.raises(OutputError, match=CACHE_VARIABLE):
        opened()


@pytest.mark.usefixtures("few_steps")
def test_training_judges_leaves_the_random_numbers_of_others_alone() -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    opened()
    assert torch.equal(torch.random.get_rng_state(), before)


# How they probe


def probe_of_identity(dim: int) -> RetrievalProbe:
    identity = LinearMap(np.eye(dim, dtype=np.float32), np.zeros(dim, dtype=np.float32))
    return RetrievalProbe(identity, identity)


def real_with(captions: list[tuple[str, ...]], sentences: Features) -> RealPictures:
    count = len(captions)
    examples = tuple(Example(f"{row}", texts, None) for row, texts in enumerate(captions))
    nothing = np.zeros((count, 1, 1, 3), np.uint8)
    return RealPictures(
        examples, nothing, np.zeros((count, 1), np.float32), sentences.astype(np.float32)
    )


def on_a_circle(count: int) -> Features:
    angles = np.arange(count) * 2 * np.pi / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_a_caption_is_found_where_it_is_the_nearest_of_all() -> None:
    points = on_a_circle(POOL)
    real = real_with([(f"{row}",) for row in range(POOL)], points)
    ranks = probe_of_identity(2).ranks(points, real, real.first_captions, 0)
    assert (ranks == 0).all()
    turned = np.roll(points, 1, axis=0)
    assert (probe_of_identity(2).ranks(turned, real, real.first_captions, 0) > 0).all()


def test_a_rank_counts_the_rival_captions_that_are_as_near() -> None:
    """Of a hundred on a line, all others are rivals: the caption of row r has r nearer ones."""
    slopes = np.stack([np.ones(POOL), np.linspace(0, 1, POOL)], axis=1)
    real = real_with([(f"{row}",) for row in range(POOL)], slopes)
    flat = np.broadcast_to(np.array([1, 0], np.float32), slopes.shape)
    ranks = probe_of_identity(2).ranks(flat, real, real.first_captions, 0)
    assert ranks.tolist() == list(range(POOL))


def test_lengths_do_not_count() -> None:
    points, lengths = on_a_circle(POOL), np.linspace(0.1, 9, POOL)[:, None]
    real = real_with([(f"{row}",) for row in range(POOL)], points * lengths)
    assert not probe_of_identity(2).ranks(points / lengths, real, real.first_captions, 0).any()


def test_a_picture_never_has_its_own_captions_for_rivals() -> None:
    """All captions of a picture say the same in other words, which would be as near."""
    points = on_a_circle(POOL)
    captions = [tuple(f"{row} {turn}" for turn in range(3)) for row in range(POOL)]
    real = real_with(captions, points.repeat(3, axis=0))
    for turn in range(3):
        own = real.first_captions + turn
        assert not probe_of_identity(2).ranks(points, real, own, turn).any()


def test_every_other_picture_is_a_rival_where_there_are_a_hundred() -> None:
    """One caption that is nearest to all pictures leaves only its own picture found."""
    points = on_a_circle(POOL)
    real = real_with([(f"{row}",) for row in range(POOL)], points)
    everywhere = np.broadcast_to(points[3], points.shape)
    ranks = probe_of_identity(2).ranks(everywhere, real, real.first_captions, 0)
    assert (ranks == 0).tolist() == [row == 3 for row in range(POOL)]


def test_a_rival_of_the_same_words_does_not_count_and_one_as_near_in_other_words_does() -> None:
    alike = np.ones((POOL, 2), np.float32)
    same = real_with([("a flower",)] * POOL, alike)
    other = real_with([(f"a flower {row}",) for row in range(POOL)], alike)
    probe = probe_of_identity(2)
    assert (probe.ranks(alike, same, same.first_captions, 0) == 0).all()
    assert (probe.ranks(alike, other, other.first_captions, 0) == POOL - 1).all()


def test_rivals_follow_from_the_seed() -> None:
    random = np.random.default_rng(0)
    real = real_with([(f"{row}",) for row in range(400)], random.standard_normal((400, 3)))
    pictures = real.sentences + 0.2 * random.standard_normal((400, 3)).astype(np.float32)
    ranks = [
        probe_of_identity(3).ranks(pictures, real, real.first_captions, seed).tolist()
        for seed in (0, 0, 1)
    ]
    assert ranks[0] == ranks[1] != ranks[2]
    assert 0.05 < np.equal(ranks[0], 0).mean() < 0.95


def test_guessing_finds_one_caption_in_a_hundred() -> None:
    random = np.random.default_rng(0)
    count = 3000
    real = real_with([(f"{row}",) for row in range(count)], random.standard_normal((count, 8)))
    pictures = random.standard_normal((count, 8)).astype(np.float32)
    found = probe_of_identity(8).ranks(pictures, real, real.first_captions, 0) == 0
    assert abs(found.mean() - 0.01) < 4 * np.sqrt(0.01 * 0.99 / count)


def test_fewer_than_a_hundred_pictures_have_no_ninety_nine_rivals() -> None:
    points = on_a_circle(99)
    real = real_with([(f"{row}",) for row in range(99)], points)
    with pytest.raises(ValueError, match="99 pictures, R@1 takes 100; leave the score out"):
        probe_of_identity(2).ranks(points, real, real.first_captions, 0)


def test_a_rank_counts_the_classes_that_score_higher_and_an_unknown_class_has_none() -> None:
    classifier = Classifier(
        ("a", "b", "c"), LinearMap(np.eye(3, dtype=np.float32), np.array([0, 0.5, 0], np.float32))
    )
    features = np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1], [1, 0, 0], [3, 2, 1]], np.float32)
    labels = np.array(["a", "b", "c", "z", None], dtype=object)
    np.testing.assert_array_equal(classifier.ranks(features, labels), [0, 1, 2, np.nan, np.nan])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a"] * 50 + ["b"] * 49 + [None], "not all training pictures have a class"),
        (["a"] * 100, "of 1 classes; it takes two"),
        (["a", "b"] * 9, "18 training pictures are of 2 classes.*10 pictures a class"),
        ([], "0 training pictures"),
    ],
)
def test_classes_that_cannot_be_learned_are_told(labels: list[str | None], words: str) -> None:
    obstacle = class_obstacle(labels)
    assert obstacle is not None
    assert re.search(words, obstacle)


def test_two_classes_of_ten_pictures_each_on_average_can_be_learned() -> None:
    assert class_obstacle(iter(["a"] * 15 + ["b"] * 5)) is None


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.floats(-3, 3))
def test_a_folded_map_takes_rows_as_they_are(seed: int, outputs: int, shift: float) -> None:
    random = np.random.default_rng(seed)
    scales = 10.0 ** random.integers(-2, 3, 4)
    rows = ((random.standard_normal((9, 4)) + shift) * scales).astype(np.float32)
    rows[:, 3] = 1  # a feature that never changes
    layer = StandardisedLinear(rows, outputs)
    with torch.no_grad():
        expected = layer(torch.arange(9)).numpy()
    np.testing.assert_allclose(layer.folded()(rows), expected, atol=2e-3)
