import math
from collections.abc import Callable
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from captiongan.runs.config_rules import WITHOUT_MISMATCHING
from captiongan.runs.options import LossConfig
from captiongan.training.losses import (
    LOSSES,
    contrastive_loss,
    fake_loss,
    feature_matching_loss,
    gan_discriminator_loss,
    gan_generator_loss,
    gradient_penalty,
    hinge_discriminator_loss,
    hinge_generator_loss,
    interpolated,
    matching_aware_discriminator_loss,
    matching_aware_sum_discriminator_loss,
    mode_seeking_loss,
    pairs_of,
    pixel_wise_loss,
    real_loss,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
    relativistic_matching_aware_discriminator_loss,
)

QUICK = settings(max_examples=60, deadline=None, derandomize=True)

# In double precision and up to 15, the naive formulas are exact enough to compare with.
LOGITS = st.lists(st.floats(-15, 15), min_size=1, max_size=6).map(
    lambda values: torch.tensor(values, dtype=torch.float64)[:, None]
)
SEEDS = st.integers(0, 2**32 - 1)

LOSSES_OF_LOGITS: list[tuple[Callable[..., Tensor], int]] = [
    (real_loss, 1),
    (fake_loss, 1),
    (gan_generator_loss, 1),
    (gan_discriminator_loss, 2),
    (matching_aware_discriminator_loss, 3),
    (matching_aware_sum_discriminator_loss, 3),
    (hinge_discriminator_loss, 3),
    (hinge_generator_loss, 1),
    (relativistic_discriminator_loss, 2),
    (relativistic_matching_aware_discriminator_loss, 3),
    (relativistic_generator_loss, 2),
]


def minus_log_d(logits: Tensor) -> Tensor:
    return -torch.log(torch.sigmoid(logits)).mean()


def minus_log_one_minus_d(logits: Tensor) -> Tensor:
    return -torch.log(1 - torch.sigmoid(logits)).mean()


def noise(seed: int, *shape: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random, dtype=torch.float64)


@QUICK
@given(LOGITS)
def test_real_and_fake_loss_are_the_logarithms_of_d_and_of_one_minus_d(logits: Tensor) -> None:
    torch.testing.assert_close(real_loss(logits), minus_log_d(logits))
    torch.testing.assert_close(fake_loss(logits), minus_log_one_minus_d(logits))


@QUICK
@given(LOGITS)
def test_the_generators_loss_is_the_equation_of_the_lecture(generated: Tensor) -> None:
    torch.testing.assert_close(gan_generator_loss(generated), minus_log_d(generated))


@QUICK
@given(LOGITS, LOGITS, LOGITS)
def test_the_matching_aware_loss_counts_both_wrong_pairs_half(
    matching: Tensor, mismatching: Tensor, generated: Tensor
) -> None:
    wrong = minus_log_one_minus_d(generated) + minus_log_one_minus_d(mismatching)
    torch.testing.assert_close(
        matching_aware_discriminator_loss(matching, mismatching, generated),
        minus_log_d(matching) + wrong / 2,
    )


@QUICK
@given(LOGITS, LOGITS)
def test_the_first_gans_discriminator_loss_is_the_equation_of_the_lecture(
    real: Tensor, generated: Tensor
) -> None:
    torch.testing.assert_close(
        gan_discriminator_loss(real, generated),
        minus_log_d(real) + minus_log_one_minus_d(generated),
    )


@QUICK
@given(LOGITS, LOGITS, LOGITS)
def test_the_exercises_loss_counts_all_three_pairs_in_full(
    matching: Tensor, mismatching: Tensor, generated: Tensor
) -> None:
    torch.testing.assert_close(
        matching_aware_sum_discriminator_loss(matching, mismatching, generated),
        minus_log_d(matching)
        + minus_log_one_minus_d(generated)
        + minus_log_one_minus_d(mismatching),
    )


def as_on_the_slide(d_x_e: float, d_generated: float, d_x_ek: float) -> float:
    """L_D = -log D(x, e) - [log(1 - D(G(z, e), e)) + log(1 - D(x, e_k))] / 2, of probabilities."""
    return -math.log(d_x_e) - (math.log(1 - d_generated) + math.log(1 - d_x_ek)) / 2


PROBABILITY = st.floats(0.001, 0.999)


@QUICK
@given(PROBABILITY, PROBABILITY, PROBABILITY)
def test_gan_cls_is_what_the_slide_prints(real: float, generated: float, wrong: float) -> None:
    def logit(probability: float) -> Tensor:
        return torch.tensor([math.log(probability / (1 - probability))], dtype=torch.float64)

    loss = matching_aware_discriminator_loss(logit(real), logit(wrong), logit(generated))
    assert loss.item() == pytest.approx(as_on_the_slide(real, generated, wrong), rel=1e-9)


NINE_TENTHS, A_QUARTER, A_HALF = math.log(9), -math.log(3), 0.0
"""Logits of D = 9/10, 1/4 and 1/2."""

BY_HAND: list[tuple[Callable[..., Tensor], list[float], float]] = [
    (gan_generator_loss, [A_QUARTER], 1.3862943611198906),  # -log 1/4
    (gan_discriminator_loss, [NINE_TENTHS, A_QUARTER], 0.39304258810960716),  # -log 9/10 - log 3/4
    # -log 9/10 - (log 3/4 + log 1/2) / 2
    (matching_aware_discriminator_loss, [NINE_TENTHS, A_HALF, A_QUARTER], 0.5957751421636894),
    # -log 9/10 - log 3/4 - log 1/2
    (matching_aware_sum_discriminator_loss, [NINE_TENTHS, A_HALF, A_QUARTER], 1.0861897686695525),
    # Hinges: one at each margin, then half a margin off on either side.
    (hinge_discriminator_loss, [1.0, -1.0, -1.0], 0.0),
    (hinge_discriminator_loss, [7.0, -7.0, -7.0], 0.0),
    (hinge_discriminator_loss, [0.5, -1.0, -1.0], 0.5),
    (hinge_discriminator_loss, [1.0, -0.5, -1.0], 0.25),
    (hinge_discriminator_loss, [1.0, -1.0, 2.0], 1.5),
    (hinge_generator_loss, [0.75], -0.75),
    # log(1 + exp(D(G(z)) - D(x))) of log 9 against -log 3, which is log(1 + 1 / 27), and back
    (relativistic_discriminator_loss, [NINE_TENTHS, A_QUARTER], math.log(28 / 27)),
    (relativistic_generator_loss, [NINE_TENTHS, A_QUARTER], math.log(28)),
    # and of log 9 against 0, which is log(1 + 1 / 9)
    (
        relativistic_matching_aware_discriminator_loss,
        [NINE_TENTHS, A_HALF, A_QUARTER],
        (math.log(28 / 27) + math.log(10 / 9)) / 2,
    ),
]


@pytest.mark.parametrize(("loss", "logits", "expected"), BY_HAND)
def test_losses_of_a_few_judgements_are_the_numbers_computed_by_hand(
    loss: Callable[..., Tensor], logits: list[float], expected: float
) -> None:
    judged = [torch.tensor([[logit]], dtype=torch.float64) for logit in logits]
    assert loss(*judged).item() == pytest.approx(expected, rel=1e-12)


def test_terms_of_pictures_and_features_are_the_numbers_computed_by_hand() -> None:
    generated = torch.tensor([[[[0.5]], [[-1.0]]], [[[0.25]], [[0.0]]]], dtype=torch.float64)
    real = torch.tensor([[[[0.0]], [[1.0]]], [[[0.5]], [[0.5]]]], dtype=torch.float64)
    # |0.5| + |-2| + |-0.25| + |-0.5| over 4; means 0.375, -0.5 against 0.25, 0.75
    assert pixel_wise_loss(generated, real).item() == 0.8125
    assert feature_matching_loss(generated, real).item() == (0.125**2 + 1.25**2) / 2


def test_a_text_between_two_is_half_way_to_the_one_before_it_in_the_batch() -> None:
    embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, -4.0]], dtype=torch.float64)
    assert interpolated(embeddings).tolist() == [[2.0, -2.0], [0.5, 0.5], [1.5, -1.5]]


@pytest.mark.parametrize("extreme", [-1e4, 1e4])
@pytest.mark.parametrize(("loss", "count"), LOSSES_OF_LOGITS)
def test_losses_and_gradients_stay_finite_at_extreme_logits(
    loss: Callable[..., Tensor], count: int, extreme: float
) -> None:
    logits = [torch.full((2, 1), extreme, requires_grad=True) for _ in range(count)]
    value = loss(*logits)
    value.backward()
    assert torch.isfinite(value)
    for logit in logits:
        assert logit.grad is not None
        assert torch.isfinite(logit.grad).all()


@QUICK
@given(LOGITS, LOGITS, LOGITS)
def test_the_discriminator_gains_by_a_higher_matching_and_by_lower_wrong_logits(
    matching: Tensor, mismatching: Tensor, generated: Tensor
) -> None:
    before = matching_aware_discriminator_loss(matching, mismatching, generated)
    assert matching_aware_discriminator_loss(matching + 1, mismatching, generated) < before
    assert matching_aware_discriminator_loss(matching, mismatching + 1, generated) > before
    assert matching_aware_discriminator_loss(matching, mismatching, generated + 1) > before


@QUICK
@given(LOGITS)
def test_the_generator_gains_by_a_higher_logit_and_most_where_it_is_found_out(
    logits: Tensor,
) -> None:
    low = logits.clone().requires_grad_()
    high = (logits + 1).requires_grad_()
    (low_slope,) = torch.autograd.grad(gan_generator_loss(low), low)
    (high_slope,) = torch.autograd.grad(gan_generator_loss(high), high)
    assert (low_slope < high_slope).all()
    assert (high_slope < 0).all()


@QUICK
@given(SEEDS)
def test_the_pixel_wise_loss_is_the_mean_absolute_difference(seed: int) -> None:
    generated, real = noise(seed, 2, 3, 3, 4, 4)
    torch.testing.assert_close(pixel_wise_loss(generated, real), (generated - real).abs().mean())


@QUICK
@given(SEEDS)
def test_feature_matching_is_the_squared_difference_of_batch_means(seed: int) -> None:
    generated, real = noise(seed, 2, 5, 3, 4, 4)
    naive = (sum(generated) / 5 - sum(real) / 5).square().mean()
    torch.testing.assert_close(feature_matching_loss(generated, real), naive)


@QUICK
@given(SEEDS)
def test_feature_matching_depends_on_batch_means_only(seed: int) -> None:
    generated, real = noise(seed, 2, 5, 3, 4, 4)
    before = feature_matching_loss(generated, real)
    spread = noise(seed + 1, 5, 3, 4, 4)
    spread -= spread.mean(dim=0)
    torch.testing.assert_close(feature_matching_loss(generated + spread, real), before)
    torch.testing.assert_close(feature_matching_loss(generated, real.mean(dim=0)[None]), before)


# Of hinges, of whole batches, of two noises


def test_a_hinge_counts_each_pair_by_itself() -> None:
    """A pair that is right by far does not make up for one that is wrong."""
    right, half = torch.tensor([[9.0], [0.0]]), torch.tensor([[-9.0], [0.0]])
    assert hinge_discriminator_loss(right, half, half).item() == 0.5 + (0.5 + 0.5) / 2


def test_pairs_that_are_right_by_the_margin_teach_nothing_more() -> None:
    logits = [torch.tensor([[value]], requires_grad=True) for value in (1.5, -1.5, 0.5)]
    hinge_discriminator_loss(*logits).backward()
    assert [logit.grad.item() for logit in logits if logit.grad is not None] == [0, 0, 0.5]


def test_each_loss_of_the_discriminator_has_its_generators() -> None:
    assert LOSSES.keys() == set(get_args(LossConfig.model_fields["discriminator"].annotation))
    hinge = {name for name, loss in LOSSES.items() if loss.generator is hinge_generator_loss}
    assert hinge == {"hinge-cls"}


# Of pairs that are compared, and of gradients


@QUICK
@given(LOGITS, st.floats(-5, 5))
def test_what_all_logits_have_in_common_does_not_count_in_a_relative_loss(
    logits: Tensor, more: float
) -> None:
    other = logits.flip(0) / 2
    for row in (row for row in LOSSES.values() if row.relative):
        for loss in (row.discriminator, row.generator):
            given_logits = dict(zip(pairs_of(loss), (logits, other, -other), strict=False))
            moved = {pairs: each + more for pairs, each in given_logits.items()}
            torch.testing.assert_close(loss(**moved), loss(**given_logits))


def test_a_relativistic_pair_is_two_pictures_of_the_same_row() -> None:
    matching, generated = torch.tensor([[9.0], [-9.0]]), torch.tensor([[-9.0], [9.0]])
    right = relativistic_discriminator_loss(matching, matching - 18)
    assert right.item() < 1e-6
    assert relativistic_discriminator_loss(matching, generated).item() == pytest.approx(9, rel=1e-4)


def test_of_a_relativistic_loss_without_mismatching_pairs_the_paper_is_left() -> None:
    matching, generated = noise(0, 2, 6, 1)
    whole = relativistic_matching_aware_discriminator_loss(matching, generated, generated)
    torch.testing.assert_close(whole, relativistic_discriminator_loss(matching, generated))


@pytest.mark.parametrize("logits", [1, 4])
def test_the_penalty_of_a_linear_discriminator_is_its_squared_weights(logits: int) -> None:
    """D(x) = <w, x> + b has the gradient w everywhere; of K such, the mean has the mean of w."""
    weight, pictures = noise(0, logits, 3 * 4 * 4), noise(1, 5, 3, 4, 4).requires_grad_()
    expected = weight.mean(dim=0).square().sum()
    weight.requires_grad_()
    penalty = gradient_penalty(pictures.flatten(1) @ weight.T + 7, pictures)
    torch.testing.assert_close(penalty, expected)
    penalty.backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, (2 * weight.mean(dim=0) / logits).expand_as(weight))


def test_the_penalty_is_a_mean_over_the_pictures() -> None:
    """D(x) = <x, x> / 2 has the gradient x."""
    pictures = noise(0, 5, 3, 4, 4).requires_grad_()
    logits = pictures.square().flatten(1).sum(dim=1) / 2
    expected = pictures.detach().square().sum() / 5
    torch.testing.assert_close(gradient_penalty(logits, pictures).detach(), expected)


def test_losses_that_see_no_mismatching_pairs_are_those_that_runs_without_text_may_have() -> None:
    without = {n for n, row in LOSSES.items() if "mismatching" not in pairs_of(row.discriminator)}
    assert without == set(WITHOUT_MISMATCHING)


@pytest.mark.parametrize("count", [2, 5])
def test_the_search_for_texts_costs_nothing_if_all_are_found_and_log_b_if_none_stands_out(
    count: int,
) -> None:
    assert contrastive_loss(100 * torch.eye(count)).item() < 1e-6
    for indifferent in (torch.zeros(count, count), torch.full((count, count), 7.0)):
        assert contrastive_loss(indifferent).item() == pytest.approx(math.log(count))
    assert contrastive_loss(100 * torch.eye(count).roll(1, dims=0)).item() == pytest.approx(100)


def test_the_search_goes_from_pictures_to_texts_and_from_texts_to_pictures() -> None:
    """A text that all pictures like best makes the first search fail, and leaves half the other."""
    liked = torch.tensor([[100.0, 0.0], [100.0, 0.0]])
    assert contrastive_loss(liked).item() == pytest.approx(50 / 2 + math.log(2) / 2)
    assert contrastive_loss(liked.T).item() == pytest.approx(50 / 2 + math.log(2) / 2)


@QUICK
@given(SEEDS)
def test_the_search_does_not_depend_on_the_order_of_the_batch(seed: int) -> None:
    logits, order = noise(seed, 6, 6), torch.tensor([3, 0, 5, 1, 4, 2])
    permuted = logits[order][:, order]
    torch.testing.assert_close(contrastive_loss(permuted), contrastive_loss(logits))
    assert not torch.isclose(contrastive_loss(logits[order]), contrastive_loss(logits))


@QUICK
@given(SEEDS)
def test_mode_seeking_halves_if_pictures_or_doubles_if_noises_are_twice_as_far_apart(
    seed: int,
) -> None:
    one, other = noise(seed, 2, 4, 3, 8, 8)
    z, other_z = noise(seed + 1, 2, 4, 5)
    before = mode_seeking_loss(one, other, z, other_z)
    further, other_further = one + (one - other), z + (z - other_z)
    torch.testing.assert_close(
        mode_seeking_loss(further, other, z, other_z), before / 2, rtol=1e-4, atol=0
    )
    torch.testing.assert_close(mode_seeking_loss(one, other, other_further, other_z), 2 * before)


def test_mode_seeking_is_the_number_computed_by_hand_and_finite_for_equal_pictures() -> None:
    black, grey = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5)
    z, other_z = torch.zeros(2, 5), torch.ones(2, 5)
    assert mode_seeking_loss(black, grey, z, other_z).item() == pytest.approx(2, rel=1e-4)
    same = black.clone().requires_grad_()
    loss = mode_seeking_loss(same, black, z, other_z)
    loss.backward()
    assert loss.isfinite() and same.grad is not None and same.grad.isfinite().all()
