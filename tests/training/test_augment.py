"""DiffAugment and blur: what changes, by how much, and what does not."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from captiongan.training.augment import AUGMENTATIONS, blurred, diff_augment

POLICIES = [(name,) for name in AUGMENTATIONS]


def pictures(count: int = 4, height: int = 16, width: int | None = None) -> Tensor:
    random = torch.Generator().manual_seed(count)
    return torch.rand(count, 3, height, width or height, generator=random) * 1.8 - 0.9


def augmented(x: Tensor, *policy: str, seed: int = 0, probability: float = 1) -> Tensor:
    torch.manual_seed(seed)
    return diff_augment(x, policy, probability)


def differences(x: Tensor) -> Tensor:
    """Red less green, green less blue: their ratio is the hue."""
    return x[:, :-1] - x[:, 1:]


def test_an_empty_policy_does_nothing() -> None:
    x = pictures()
    before = torch.get_rng_state()
    assert diff_augment(x, ()) is x
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("policy", [*POLICIES, tuple(AUGMENTATIONS)])
@pytest.mark.parametrize("side", [16, 32, 64, 128])
def test_shape_and_precision_stay(policy: tuple[str, ...], side: int) -> None:
    for x in (pictures(3, side), pictures(3, side).bfloat16()):
        y = augmented(x, *policy)
        assert (y.shape, y.dtype) == (x.shape, x.dtype)


@given(st.integers(0, 2**32), st.integers(8, 40), st.integers(8, 40))
def test_moved_and_cut_pictures_show_only_what_was_there_or_grey(
    seed: int, height: int, width: int
) -> None:
    # Each place has a colour of its own, so a place that moved is known again.
    there = torch.arange(1.0, height * width + 1).view(1, 1, height, width)
    x = (there / (height * width)).expand(2, 3, -1, -1)
    y = augmented(x, "translation", "cutout", seed=seed)
    assert torch.isin(y, torch.cat([x.flatten(), torch.zeros(1)])).all()
    assert torch.equal(y[:, 0], y[:, 1]) and torch.equal(y[:, 0], y[:, 2])


@given(st.integers(0, 2**32), st.sampled_from([16, 20, 32, 64]))
def test_translation_moves_by_an_eighth_at_most(seed: int, side: int) -> None:
    x = torch.zeros(8, 3, side, side)
    x[:, :, side // 2, side // 2] = 1
    moved = augmented(x, "translation", seed=seed)[:, 0].nonzero()
    assert len(moved) == 8
    assert (moved[:, 1:] - side // 2).abs().max() <= side // 8


def test_translation_moves_both_ways_in_both_directions_and_as_far_as_an_eighth() -> None:
    x = torch.zeros(200, 3, 16, 16)
    x[:, :, 8, 8] = 1
    moves = augmented(x, "translation")[:, 0].nonzero()[:, 1:] - 8
    for axis in (0, 1):
        assert moves[:, axis].unique().tolist() == [-2, -1, 0, 1, 2]
    assert len(moves.unique(dim=0)) == 25


def test_translation_keeps_the_picture_as_it_is_but_for_its_place() -> None:
    x = pictures(8)
    for before, after in zip(x, augmented(x, "translation"), strict=True):
        core = after[:, 2:-2, 2:-2]
        windows = before.unfold(1, 12, 1).unfold(2, 12, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
        assert any(torch.equal(window, core) for window in windows)


@given(st.integers(0, 2**32), st.sampled_from([15, 16, 32]))
def test_cutout_removes_a_rectangle_of_a_quarter_of_the_area_at_most(seed: int, side: int) -> None:
    x = torch.ones(8, 3, side, side)
    holes = augmented(x, "cutout", seed=seed)[:, 0] == 0
    assert (holes.sum((1, 2)) <= side * side / 4).all()
    for hole in holes:
        rows, columns = hole.any(1).sum(), hole.any(0).sum()
        assert rows > 0 and hole.sum() == rows * columns


def test_cutout_reaches_every_place() -> None:
    holes = augmented(torch.ones(300, 3, 16, 16), "cutout")[:, 0] == 0
    assert holes.any(0).all()
    assert holes.sum((1, 2)).max() == 64


@given(st.integers(0, 2**32))
def test_colour_changes_keep_the_hue(seed: int) -> None:
    x = pictures()
    before, after = differences(x), differences(augmented(x, "colour", seed=seed))
    # Each difference of a picture is stretched by the same factor, which is not negative.
    factor = (before * after).sum((1, 2, 3)) / before.square().sum((1, 2, 3))
    assert ((factor >= 0) & (factor <= 3)).all()
    torch.testing.assert_close(after, factor.view(-1, 1, 1, 1) * before, rtol=1e-4, atol=1e-4)


def test_colour_changes_brightness_and_saturation_and_contrast() -> None:
    x = pictures(1, 8).expand(500, -1, -1, -1)
    y = augmented(x, "colour")
    brightness = y.mean((1, 2, 3)) - x.mean((1, 2, 3))
    assert -0.5 <= brightness.min() < -0.45 and 0.45 < brightness.max() <= 0.5
    grey = y.mean(1).flatten(1).std(1) / x.mean(1).flatten(1).std(1)
    assert 0.5 <= grey.min() < 0.55 and 1.45 < grey.max() <= 1.5
    saturation = differences(y).flatten(1).std(1) / differences(x).flatten(1).std(1) / grey
    assert 0 <= saturation.min() < 0.05 and 1.95 < saturation.max() <= 2


@pytest.mark.parametrize("policy", POLICIES)
def test_every_picture_is_changed_in_its_own_way_and_the_same_way_for_a_seed(
    policy: tuple[str, ...],
) -> None:
    x = pictures(1).expand(6, -1, -1, -1)
    y = augmented(x, *policy)
    assert len(y.unique(dim=0)) >= 4
    assert torch.equal(augmented(x, *policy), y)
    assert not torch.equal(augmented(x, *policy, seed=1), y)


@pytest.mark.parametrize("policy", POLICIES)
def test_gradients_flow_back_through_every_change(policy: tuple[str, ...]) -> None:
    x = pictures(2, 8).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda each: augmented(each, *policy), x, fast_mode=True)


def test_a_probability_changes_that_share_of_the_pictures_and_leaves_the_others_alone() -> None:
    x = pictures(1000, 8)
    every = augmented(x, *AUGMENTATIONS)
    some = augmented(x, *AUGMENTATIONS, probability=0.3)
    changed, left = ((some == each).flatten(1).all(dim=1) for each in (every, x))
    assert (changed ^ left).all()
    assert 0.25 < changed.float().mean() < 0.35


def test_of_no_probability_all_pictures_stay_and_of_one_nothing_more_is_drawn() -> None:
    x = pictures()
    assert torch.equal(augmented(x, *AUGMENTATIONS, probability=0), x)
    augmented(x, *AUGMENTATIONS, probability=1)
    with_probability = torch.get_rng_state()
    augmented(x, *AUGMENTATIONS)
    assert torch.equal(torch.get_rng_state(), with_probability)


# Blur


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_a_blur_weighs_pixels_by_a_gaussian_in_both_directions(sigma: float) -> None:
    x = torch.zeros(1, 1, 41, 51)
    x[..., 20, 25] = 1
    y = blurred(x, torch.tensor(sigma))[0, 0]
    down, right = (torch.arange(side) - side // 2 for side in (41, 51))
    apart = (down[:, None] ** 2 + right**2).float()
    torch.testing.assert_close(y / y[20, 25], torch.exp(-apart / (2 * sigma**2)))
    torch.testing.assert_close(y.sum(), torch.ones(()))


@pytest.mark.parametrize("sigma", [0.0, 0.7, 40.0])
def test_a_blur_leaves_even_pictures_alone_and_stays_between_the_levels(sigma: float) -> None:
    even = torch.full((2, 3, 16, 16), 0.3)
    torch.testing.assert_close(blurred(even, torch.tensor(sigma)), even)
    x = pictures()
    y = blurred(x, torch.tensor(sigma))
    assert x.min() <= y.min() and y.max() <= x.max()


def test_a_blur_of_nothing_is_exact() -> None:
    x = pictures(4, 16, 24)
    assert torch.equal(blurred(x, torch.zeros(())), x)


def test_gradients_flow_back_through_a_blur_also_where_arithmetic_is_coarse() -> None:
    x = pictures().requires_grad_()
    expected = blurred(x, torch.tensor(1.5))
    (gradient,) = torch.autograd.grad(expected.square().sum(), x)
    assert gradient.abs().min() > 0
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(blurred(x, torch.tensor(1.5)), expected)


def test_the_order_of_the_policy_does_not_matter() -> None:
    x = pictures()
    assert torch.equal(augmented(x, "colour", "cutout"), augmented(x, "cutout", "colour"))


def test_an_augmentation_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=r"unknown augmentations \['color'\]; choose from colour, trans"
    ):
        diff_augment(pictures(), ("color", "cutout"))
