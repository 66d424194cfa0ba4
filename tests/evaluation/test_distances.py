from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from captiongan.evaluation import distances
from captiongan.evaluation.distances import (
    Features,
    Floats,
    frechet_distance,
    kernel_distance,
    pairwise_spread,
)

QUICK = settings(max_examples=40, deadline=None, derandomize=True)

SEEDS = st.integers(0, 2**32 - 1)
ROWS = st.integers(2, 12)
SIZES = st.integers(1, 9)

Distance = Callable[[Features, Features], float]


def kernel_value(generated: Features, real: Features) -> float:
    return kernel_distance(generated, real).value


BOTH: list[Distance] = [frechet_distance, kernel_value]


class Identity(nn.Identity):
    """Features are their own features."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size


def noise(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape)


def set_of(rows: int, mean: Floats, root: Floats, seed: int = 0) -> Floats:
    """Make features whose sample mean is `mean` and whose covariance is root' root, exactly."""
    draws = noise(seed, rows, len(mean))
    white = np.linalg.qr(draws - draws.mean(axis=0)).Q * np.sqrt(rows - 1)
    return np.asarray(white @ root + mean)


def rotation(seed: int, size: int) -> Floats:
    return np.asarray(np.linalg.qr(noise(seed, size, size)).Q)


def symmetric_root(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def frechet_by_eigenvalues(one: Floats, other: Floats) -> float:
    first, second = (np.cov(points, rowvar=False, ddof=1) for points in (one, other))
    root = symmetric_root(first)
    cross = np.trace(symmetric_root(root @ second @ root))
    shift = one.mean(axis=0) - other.mean(axis=0)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * cross)


def kernel(x: Floats, y: Floats) -> float:
    return float((x @ y / len(x) + 1) ** 3)


def mean_kernel_to_others(points: Floats, row: int) -> float:
    return float(np.mean([kernel(points[row], y) for y in np.delete(points, row, axis=0)]))


def kernel_distance_by_loops(generated: Floats, real: Floats) -> float:
    own = np.mean([mean_kernel_to_others(generated, row) for row in range(len(generated))])
    own_real = np.mean([mean_kernel_to_others(real, row) for row in range(len(real))])
    cross = np.mean([[kernel(x, y) for y in real] for x in generated])
    return float(own + own_real - 2 * cross)


@QUICK
@given(SEEDS, st.integers(1, 5))
def test_frechet_distance_of_two_gaussians_is_the_closed_form(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    mean, other_mean = random.normal(size=(2, size))
    deviation, other_deviation = random.uniform(0.1, 3, size=(2, size))
    one = set_of(size + 20, mean, np.diag(deviation), seed)
    other = set_of(size + 7, other_mean, np.diag(other_deviation), seed + 1)
    # Of covariances that share their axes.
    expected = np.square(mean - other_mean).sum() + np.square(deviation - other_deviation).sum()
    assert frechet_distance(one, other) == pytest.approx(expected)


def test_frechet_distance_of_a_shift_is_its_squared_length() -> None:
    features = noise(0, 30, 6)
    shift = np.arange(6) / 4
    assert frechet_distance(features, features + shift) == pytest.approx(shift @ shift)


def test_frechet_distance_of_many_draws_nears_that_of_their_distributions() -> None:
    deviation = np.array([1.0, 0.5, 2.0, 1.5])
    one, other = noise(0, 20_000, 4), noise(1, 15_000, 4) * deviation + 0.5
    expected = 4 * 0.5**2 + np.square(1 - deviation).sum()
    assert frechet_distance(one, other) == pytest.approx(expected, rel=0.03)


@QUICK
@given(SEEDS, ROWS, ROWS, SIZES)
def test_frechet_distance_is_that_by_eigenvalues_also_of_fewer_rows_than_features(
    seed: int, rows: int, other_rows: int, size: int
) -> None:
    one, other = noise(seed, rows, size + 1), noise(seed + 1, other_rows, size + 1) * 2 + 1
    found = frechet_distance(one, other)
    assert found >= 0
    # The reference takes roots of eigenvalues, so its error is the root of rounding.
    assert found == pytest.approx(frechet_by_eigenvalues(one, other), rel=1e-6, abs=1e-6)


@QUICK
@given(SEEDS, ROWS, SIZES)
def test_frechet_distance_to_itself_is_zero_and_never_below(
    seed: int, rows: int, size: int
) -> None:
    features = noise(seed, rows, size)
    assert 0 <= frechet_distance(features, features) < 1e-12
    assert 0 <= frechet_distance(features, features[::-1]) < 1e-12


def test_frechet_distance_is_biased_upwards_more_so_for_fewer_rows() -> None:
    few, many = (frechet_distance(noise(0, rows, 8), noise(1, rows, 8)) for rows in (20, 200))
    assert few > 2 * many > 0


def test_frechet_distance_is_that_of_torchmetrics() -> None:
    one, other = noise(0, 60, 10), noise(1, 45, 10) * 1.5 + 0.3
    theirs = FrechetInceptionDistance(feature=Identity(10))
    theirs.update(torch.from_numpy(one), real=True)
    theirs.update(torch.from_numpy(other), real=False)
    assert frechet_distance(one, other) == pytest.approx(theirs.compute().item(), rel=1e-9)


def test_kernel_distance_is_that_of_torchmetrics() -> None:
    generated, real = noise(0, 50, 10) * 1.5 + 0.3, noise(1, 50, 10)
    with pytest.warns(UserWarning, match="will save all extracted features"):
        theirs = KernelInceptionDistance(feature=Identity(10), subsets=1, subset_size=50)
    theirs.update(torch.from_numpy(real), real=True)
    theirs.update(torch.from_numpy(generated), real=False)
    expected = theirs.compute()[0].item()
    assert kernel_value(generated, real) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("block_rows", [1, 3, 1024])
@pytest.mark.parametrize(("rows", "real_rows"), [(2, 2), (7, 4), (6, 9)])
def test_kernel_distance_in_blocks_is_that_of_loops_over_pictures(
    rows: int, real_rows: int, block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "BLOCK_ROWS", block_rows)
    generated, real = noise(0, rows, 5) + 0.5, noise(1, real_rows, 5)
    expected = kernel_distance_by_loops(generated, real)
    assert kernel_value(generated, real) == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 1023, 1024, 1025, 2048, 3000])
def test_blocks_hold_each_row_once_in_order_and_never_too_many(count: int) -> None:
    blocks = [np.arange(count)[block] for block in distances.row_blocks(count)]
    assert np.concatenate(blocks).tolist() == list(range(count))
    assert max(map(len, blocks)) <= 1024


def test_kernel_distance_estimates_without_bias_however_few_the_rows() -> None:
    table = noise(0, 6, 4) + 0.5
    kernels = np.array([[kernel(x, y) for y in table] for x in table])
    chances = np.array([0.4, 0.2, 0.1, 0.1, 0.1, 0.1])
    random = np.random.default_rng(1)
    for real_chances in (chances, chances[::-1]):
        difference = chances - real_chances
        values = [
            kernel_value(
                table[random.choice(6, 5, p=chances)], table[random.choice(6, 3, p=real_chances)]
            )
            for _ in range(2000)
        ]
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - difference @ kernels @ difference) < 3 * error


@pytest.mark.parametrize(
    ("shift", "lowest", "highest"),
    # The square root of 2 for the same distribution, 1 for clearly different ones.
    [(0.0, 1.25, 1.6), (0.6, 0.88, 1.15)],
)
def test_the_standard_error_is_that_of_repeated_draws_and_rather_too_large(
    shift: float, lowest: float, highest: float
) -> None:
    random = np.random.default_rng(2)
    draws = [
        kernel_distance(random.normal(shift, size=(60, 16)), random.normal(size=(40, 16)))
        for _ in range(1000)
    ]
    told = np.sqrt(np.mean([draw.standard_error**2 for draw in draws]))
    assert lowest < told / np.std([draw.value for draw in draws]) < highest


def test_the_standard_error_is_that_of_the_jackknife() -> None:
    generated, real = noise(0, 80, 6) + 0.4, noise(1, 60, 6)
    without = [kernel_value(np.delete(generated, row, axis=0), real) for row in range(80)]
    without_real = [kernel_value(generated, np.delete(real, row, axis=0)) for row in range(60)]
    variance = np.var(without) * 79 + np.var(without_real) * 59
    found = kernel_distance(generated, real).standard_error
    assert found == pytest.approx(np.sqrt(variance), rel=0.05)


@QUICK
@given(SEEDS, ROWS, ROWS, SIZES)
def test_the_parts_have_one_entry_per_picture_and_add_up_to_value_and_error(
    seed: int, rows: int, real_rows: int, size: int
) -> None:
    found = kernel_distance(noise(seed, rows, size) + 1, noise(seed + 1, real_rows, size))
    assert found.generated_parts.shape == (rows,)
    assert found.real_parts.shape == (real_rows,)
    total = found.generated_parts.mean() + found.real_parts.mean()
    assert total == pytest.approx(found.value, abs=1e-9)
    variance = found.generated_parts.var(ddof=1) / rows + found.real_parts.var(ddof=1) / real_rows
    assert found.standard_error == pytest.approx(np.sqrt(variance))


def test_the_part_of_a_picture_is_how_far_the_value_moves_with_it() -> None:
    generated, real = noise(0, 200, 6) + 0.4, noise(1, 150, 6)
    found = kernel_distance(generated, real)
    # Left out, a picture takes (part - mean) / (N - 1) with it.
    moved = [found.value - kernel_value(np.delete(generated, n, axis=0), real) for n in range(20)]
    expected = (found.generated_parts - found.generated_parts.mean())[:20] / 199
    assert moved == pytest.approx(expected, rel=0.02, abs=1e-4)


@QUICK
@given(SEEDS, ROWS, ROWS, SIZES)
def test_distances_are_symmetric_and_no_matter_of_order_or_rotation(
    seed: int, rows: int, real_rows: int, size: int
) -> None:
    generated, real = noise(seed, rows, size) + 0.5, noise(seed + 1, real_rows, size)
    turn = rotation(seed + 2, size)
    mixed = np.random.default_rng(seed).permutation(generated)
    for distance in BOTH:
        expected = pytest.approx(distance(generated, real), rel=1e-9, abs=1e-9)
        assert distance(real, generated) == expected
        assert distance(mixed, real[::-1]) == expected
        assert distance(generated @ turn, real @ turn) == expected


@QUICK
@given(SEEDS, ROWS, ROWS, SIZES, st.floats(-100, 100))
def test_frechet_distance_is_no_matter_of_a_common_shift(
    seed: int, rows: int, other_rows: int, size: int, shift: float
) -> None:
    one, other = noise(seed, rows, size), noise(seed + 1, other_rows, size)
    found = frechet_distance(one + shift, other + shift)
    assert found == pytest.approx(frechet_distance(one, other), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("distance", BOTH)
def test_distances_rise_with_noise(distance: Distance) -> None:
    real, fresh, damage = noise(0, 300, 12), noise(1, 300, 12), noise(2, 300, 12)
    noisy = [distance(fresh + strength * damage, real) for strength in (0, 0.5, 1, 2)]
    assert noisy == sorted(noisy)


def test_single_precision_features_are_summed_in_double_precision() -> None:
    generated, real = (noise(seed, 40, 6).astype(np.float32) + np.float32(50) for seed in (0, 1))
    for distance in BOTH:
        doubled = distance(generated.astype(np.float64), real.astype(np.float64))
        assert distance(generated, real) == doubled


@QUICK
@given(SEEDS, st.integers(1, 4), st.integers(2, 6), SIZES)
def test_spread_is_the_mean_distance_over_all_pairs_of_each_group(
    seed: int, groups: int, rows: int, size: int
) -> None:
    features = noise(seed, groups, rows, size)
    expected = [
        np.mean([np.linalg.norm(x - y) for n, x in enumerate(group) for y in group[:n]])
        for group in features
    ]
    assert pairwise_spread(features) == pytest.approx(expected)


def test_the_spread_of_equal_pictures_is_exactly_zero() -> None:
    assert pairwise_spread(np.full((2, 3, 4), 0.1)).tolist() == [0, 0]


@pytest.mark.parametrize("distance", BOTH)
@pytest.mark.parametrize(
    ("second", "message"),
    [
        (noise(0, 1, 3), r"^\w+: 1 rows, must be at least 2; "),
        (noise(0, 5, 4), r"^\w+: \d features per row, must be \d as in \w+; "),
        (noise(0, 5), r"^\w+: shape \(5,\), must be \(rows, features\)"),
        (noise(0, 5, 0), r"^\w+: shape \(5, 0\), must be \(rows, features\)"),
        (np.array([[1, 2, 3], [4, np.nan, 6]]), r"^\w+: 1 values such as nan, must all be finite;"),
        (np.array([[1, 2, 3], [4, 5, np.inf]]), r"^\w+: 1 values such as inf, must all be finite;"),
    ],
)
def test_unusable_features_are_refused_in_one_line(
    distance: Distance, second: Floats, message: str
) -> None:
    for pair in ((noise(0, 5, 3), second), (second, noise(0, 5, 3))):
        with pytest.raises(ValueError, match=message) as stop:
            distance(*pair)
        assert "\n" not in str(stop.value)


def test_errors_name_the_argument() -> None:
    good, bad = noise(0, 5, 3), noise(0, 1, 3)
    with pytest.raises(ValueError, match=r"^one: "):
        frechet_distance(bad, good)
    with pytest.raises(ValueError, match=r"^other: "):
        frechet_distance(good, bad)
    with pytest.raises(ValueError, match=r"^generated: "):
        kernel_distance(bad, good)
    with pytest.raises(ValueError, match=r"^real: "):
        kernel_distance(good, bad)
    with pytest.raises(ValueError, match=r"^groups: 1 rows, must be at least 2"):
        pairwise_spread(noise(0, 4, 1, 3))
    with pytest.raises(ValueError, match=r"^groups: shape \(5, 3\), must be \(groups, rows, "):
        pairwise_spread(good)
