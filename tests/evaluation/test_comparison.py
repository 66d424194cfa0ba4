"""A difference counts where it exceeds the noise of the examples, which both candidates share."""

from dataclasses import replace

import numpy as np
import pytest

from captiongan.evaluation.comparison import Difference, differences
from captiongan.evaluation.distances import Floats
from captiongan.evaluation.score_type import Measured
from captiongan.evaluation.scorer import ScoreResult
from captiongan.evaluation.scores import SCORES

SCORE = SCORES[0]
COUNT = 200


def noise(seed: int, count: int = COUNT) -> Floats:
    return np.random.default_rng(seed).standard_normal(count)


def scores(*parts: Floats) -> list[list[ScoreResult]]:
    """Return the scores of candidates of whom one score is known, with what each example adds."""
    return [[ScoreResult(SCORE, Measured.mean_of(each, len(each)))] for each in parts]


def only(*parts: Floats, seed: int = 0) -> Difference:
    (difference,) = differences(scores(*parts), seed)
    return difference


def test_a_difference_smaller_than_the_noise_is_within_it() -> None:
    difference = only(noise(0), noise(1) + 0.05)
    assert not difference.exceeds_noise
    assert difference.low < 0 < difference.high


@pytest.mark.parametrize("shift", [1, -1])
def test_a_clear_difference_exceeds_the_noise_in_either_direction(shift: float) -> None:
    difference = only(noise(0), noise(1) + shift)
    assert difference.exceeds_noise
    assert difference.value == pytest.approx(shift, abs=0.3)
    assert difference.low < difference.value < difference.high


def test_what_is_hard_for_both_about_an_example_cancels() -> None:
    hard = 100 * noise(0)
    apart = only(hard + noise(1), hard + noise(2) + 0.5)
    assert apart.exceeds_noise
    strangers = only(hard + noise(1), hard[::-1] + noise(2) + 0.5)
    assert not strangers.exceeds_noise


def test_candidates_that_differ_by_a_constant_differ_by_that_and_no_noise() -> None:
    difference = only(noise(0), noise(0) + 0.25)
    assert (difference.value, difference.low, difference.high) == pytest.approx((0.25,) * 3)
    assert difference.exceeds_noise


def test_equal_candidates_do_not_differ() -> None:
    difference = only(noise(0), noise(0))
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    assert not difference.exceeds_noise


def test_the_interval_is_about_two_standard_errors_each_way() -> None:
    one, other = noise(0), noise(1)
    error = (other - one).std(ddof=1) / np.sqrt(COUNT)
    difference = only(one, other)
    assert difference.high - difference.value == pytest.approx(1.96 * error, rel=0.1)
    assert difference.value - difference.low == pytest.approx(1.96 * error, rel=0.1)


def test_one_time_in_twenty_noise_alone_is_taken_for_a_difference() -> None:
    taken = [
        only(noise(2 * trial, 60), noise(2 * trial + 1, 60)).exceeds_noise for trial in range(60)
    ]
    assert sum(taken) <= 8


def test_swapping_the_candidates_turns_the_sign() -> None:
    one, other = noise(0), noise(1) + 0.2
    there, back = only(one, other), only(other, one)
    assert (back.value, back.low, back.high) == pytest.approx(
        (-there.value, -there.high, -there.low)
    )
    assert there.exceeds_noise == back.exceeds_noise


def test_the_interval_follows_from_the_seed() -> None:
    found = [only(noise(0), noise(1), seed=seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert found[0].low == pytest.approx(found[2].low, abs=0.05)


def test_examples_that_have_no_say_are_left_out_of_the_interval() -> None:
    one, other = noise(0), noise(1)
    here = np.arange(COUNT) % 2 == 0
    silent = np.where(here, 0, np.nan)
    half, alone = only(one + silent, other + silent), only(one[here], other[here])
    assert half.value == pytest.approx(alone.value)
    assert (half.low, half.high) == (alone.low, alone.high)


def test_each_two_of_several_candidates_are_compared_by_their_places() -> None:
    found = differences(scores(noise(0), noise(0) + 1, noise(0) + 3))
    pairs = {(each.first, each.second): each.value for each in found}
    assert pairs == pytest.approx({(0, 1): 1, (0, 2): 3, (1, 2): 2})
    assert {each.score for each in found} == {SCORE.name}


@pytest.mark.parametrize(
    "result",
    [
        ScoreResult(SCORE, None, omitted="for some reason"),
        ScoreResult(SCORE, Measured(1.0, None, COUNT)),
    ],
    ids=["left out", "no mean, as FID"],
)
def test_what_has_no_parts_is_not_compared(result: ScoreResult) -> None:
    good = scores(noise(0))[0][0]
    named = replace(good, score=SCORES[2])
    for candidates in ([[result], [good]], [[good], [result]], [[result], [result]]):
        assert differences(candidates) == []
        (other,) = differences([[*each, named] for each in candidates])
        assert other.score == SCORES[2].name


def test_the_mean_over_sides_and_each_side_are_compared_on_the_same_resamples() -> None:
    def sided(*parts: Floats) -> list[ScoreResult]:
        each = [ScoreResult(SCORE, Measured.mean_of(side, COUNT)) for side in parts]
        return [ScoreResult.over_sides(dict(zip((96, 128), each, strict=True)))]

    one, other = (noise(0), noise(1)), (noise(0) + 1, noise(1) - 0.5)
    (found,) = differences([sided(*one), sided(*other)])
    assert {side: each.value for side, each in found.by_side.items()} == pytest.approx(
        {96: 1, 128: -0.5}
    )
    assert found.by_side[96] == only(one[0], other[0])
    assert found.value == pytest.approx(0.25)
    assert (found.low, found.high) == pytest.approx((0.25, 0.25))  # the noise is the same for both
    assert found.sides_disagree
    assert found.change("high") == "sides disagree"
    assert found.by_side_in_words("high") == "better at 96 px, worse at 128 px"


def test_one_candidate_alone_has_nobody_to_differ_from() -> None:
    assert differences(scores(noise(0))) == []
