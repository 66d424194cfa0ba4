from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captiongan.data.folder import Example
from captiongan.data.pairs import Indices, Pairs, PairSampler
from captiongan.errors import DataError

QUICK = settings(max_examples=60, deadline=None, derandomize=True)

LABELS = st.sampled_from([None, "a", "b", "c"])
"""A picture's class; with none, each picture is a class of its own."""


def examples_of(labels: Sequence[str | None], captions: Sequence[int]) -> list[Example]:
    return [
        Example(f"{row}.png", tuple(f"caption {row} {number}" for number in range(count)), label)
        for row, (label, count) in enumerate(zip(labels, captions, strict=True))
    ]


@st.composite
def data_sets(draw: st.DrawFn) -> list[Example]:
    labels = draw(st.lists(LABELS, min_size=2, max_size=9))
    if None not in labels and len(set(labels)) == 1:
        labels.append("another")
    return examples_of(labels, [draw(st.integers(1, 4)) for _ in labels])


DATA_SETS = data_sets()
BATCH_SIZES = st.integers(1, 12)
SEEDS = st.integers(0, 2**32 - 1)
STEPS = st.integers(0, 10_000)


def owners(examples: Sequence[Example]) -> Indices:
    """Say whose each caption is."""
    return np.repeat(np.arange(len(examples)), [len(example.captions) for example in examples])


def same(one: Pairs, other: Pairs) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


@QUICK
@given(DATA_SETS, BATCH_SIZES, SEEDS, STEPS, st.lists(STEPS, max_size=3))
def test_a_batch_follows_from_seed_and_step_alone(
    examples: list[Example], batch_size: int, seed: int, step: int, earlier: list[int]
) -> None:
    used = PairSampler(examples, batch_size, seed)
    for other_step in earlier:
        used(other_step)
    assert same(used(step), PairSampler(examples, batch_size, seed)(step))


def test_other_steps_and_other_seeds_give_other_batches() -> None:
    examples = examples_of([None] * 20, [2] * 20)
    sampler = PairSampler(examples, 8, seed=0)
    assert not same(sampler(0), sampler(1))
    assert not same(sampler(0), PairSampler(examples, 8, seed=1)(0))


@QUICK
@given(DATA_SETS, BATCH_SIZES, SEEDS)
def test_each_picture_comes_once_per_pass(
    examples: list[Example], batch_size: int, seed: int
) -> None:
    sampler = PairSampler(examples, batch_size, seed)
    count = len(examples)
    shown = np.concatenate([sampler(step).pictures for step in range(3 * count)])
    for start in range(0, len(shown) - count, count):
        assert sorted(shown[start : start + count]) == list(range(count))


def test_each_pass_has_an_order_of_its_own() -> None:
    sampler = PairSampler(examples_of([None] * 30, [1] * 30), 30, seed=0)
    orders = [tuple(range(30)), *(tuple(sampler(step).pictures) for step in range(3))]
    assert len(set(orders)) == 4


@QUICK
@given(DATA_SETS, BATCH_SIZES, SEEDS, STEPS)
def test_the_matching_caption_was_written_for_the_picture(
    examples: list[Example], batch_size: int, seed: int, step: int
) -> None:
    pairs = PairSampler(examples, batch_size, seed)(step)
    assert len(pairs.pictures) == batch_size
    np.testing.assert_array_equal(owners(examples)[pairs.matching], pairs.pictures)


@QUICK
@given(DATA_SETS, BATCH_SIZES, SEEDS, STEPS)
def test_the_mismatching_caption_was_written_for_another_picture_of_another_class(
    examples: list[Example], batch_size: int, seed: int, step: int
) -> None:
    pairs = PairSampler(examples, batch_size, seed)(step)
    strangers = owners(examples)[pairs.mismatching]
    for picture, stranger in zip(pairs.pictures, strangers, strict=True):
        assert picture != stranger
        label = examples[picture].label
        assert label is None or label != examples[stranger].label


@QUICK
@given(DATA_SETS, st.integers(2, 12), SEEDS, STEPS)
def test_within_the_batch_the_mismatching_caption_was_written_for_another_picture(
    examples: list[Example], batch_size: int, seed: int, step: int
) -> None:
    pairs = PairSampler(examples, batch_size, seed, within_batch=True)(step)
    strangers = owners(examples)[pairs.mismatching]
    assert (strangers != pairs.pictures).all()


def test_within_the_batch_the_matching_captions_are_handed_round() -> None:
    examples = examples_of(["a"] * 24, [3] * 24)  # one class: it does not count
    sampler = PairSampler(examples, 8, seed=0, within_batch=True)
    places = set()
    for step in range(60):  # 24 pictures: no batch holds one of them twice
        pairs = sampler(step)
        assert sorted(pairs.mismatching) == sorted(pairs.matching)
        places.add(pairs.mismatching.tolist().index(pairs.matching[0]))
    assert places == set(range(1, 8))


def test_whose_captions_mismatch_changes_nothing_else() -> None:
    examples = examples_of(["a", "b"] * 10, [3] * 20)
    one, other = (PairSampler(examples, 8, 0, within)(5).matching for within in (False, True))
    np.testing.assert_array_equal(one, other)


def test_the_captions_that_follow_go_round_within_their_picture() -> None:
    sampler = PairSampler(examples_of([None] * 3, [2, 1, 4]), 2, seed=0)
    following = sampler.following(np.array([1, 2, 3, 6]), 3)
    assert following.tolist() == [[1, 0, 1], [2, 2, 2], [3, 4, 5], [6, 3, 4]]
    assert sampler.following(np.array([4, 0]), 1).tolist() == [[4], [0]]


def test_without_classes_any_other_picture_can_lend_its_caption() -> None:
    examples = examples_of([None, None, None], [1, 1, 1])
    sampler = PairSampler(examples, 3, seed=0)
    drawn = {
        pair
        for step in range(40)
        for pair in zip(sampler(step).pictures, sampler(step).mismatching, strict=True)
    }
    assert drawn == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)}


def test_pictures_of_one_class_only_are_refused_with_its_name() -> None:
    with pytest.raises(DataError, match=r"all 3 pictures are of class 'rose'.*leave `class` out"):
        PairSampler(examples_of(["rose"] * 3, [1, 2, 3]), 4, seed=0)


def test_a_single_picture_is_refused() -> None:
    with pytest.raises(DataError, match="no caption can mismatch"):
        PairSampler(examples_of([None], [5]), 4, seed=0)


def test_all_captions_of_a_picture_are_drawn_in_the_long_run() -> None:
    examples = examples_of(["a", "a", "b", None], [1, 4, 3, 5])
    sampler = PairSampler(examples, 4, seed=0)
    batches = [sampler(step) for step in range(150)]
    everything = set(range(1 + 4 + 3 + 5))
    assert {int(caption) for pairs in batches for caption in pairs.matching} == everything
    assert {int(caption) for pairs in batches for caption in pairs.mismatching} == everything


def test_every_picture_of_another_class_lends_its_captions_equally_often() -> None:
    labels = ["a", "b", "b", "b", "c", "c", "c", "c", "c", None]
    examples = examples_of(labels, [3, 1, 2, 3, 4, 5, 1, 2, 3, 4])
    sampler = PairSampler(examples, 100, seed=0)
    owner = owners(examples)
    lent: Counter[int] = Counter()
    for step in range(100):
        pairs = sampler(step)
        lent.update(owner[pairs.mismatching[pairs.pictures == 0]].tolist())
    # A thousand draws over nine pictures: the standard deviation of a count is 10.
    assert sorted(lent) == list(range(1, 10))
    assert sum(lent.values()) == 1000
    assert all(abs(times - 1000 / 9) < 40 for times in lent.values())


def test_crops_fill_the_unit_square_and_half_of_the_pictures_are_flipped() -> None:
    sampler = PairSampler(examples_of([None] * 5, [1] * 5), 2000, seed=0)
    crop, flip = sampler(0).crop, sampler(0).flip
    assert crop.shape == (2000, 2)
    assert 0 <= crop.min() < 0.01
    assert 0.99 < crop.max() < 1
    assert abs(np.mean((crop[:, 0] - 0.5) * (crop[:, 1] - 0.5))) < 0.01
    assert 0.45 < flip.mean() < 0.55


def test_the_mismatching_caption_says_something_else_where_captions_repeat() -> None:
    texts = ["red"] * 40 + ["blue"] * 40
    sampler = PairSampler([Example(f"{n}", (text,), None) for n, text in enumerate(texts)], 64, 0)
    same_words = [
        np.mean([texts[a] == texts[b] for a, b in zip(p.matching, p.mismatching, strict=True)])
        for p in map(sampler, range(20))
    ]
    assert np.mean(same_words) < 0.12  # one try would leave a half, four leave a sixteenth
