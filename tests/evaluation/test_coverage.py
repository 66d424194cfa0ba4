from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captiongan.evaluation import distances
from captiongan.evaluation.coverage import ManifoldScores, manifold_scores, nearest
from captiongan.evaluation.distances import Floats

QUICK = settings(max_examples=60, deadline=None, derandomize=True)

SEEDS = st.integers(0, 2**32 - 1)
SHIFTS = st.floats(-1e9, 1e9)


@dataclass(frozen=True)
class Sets:
    generated: Floats
    real: Floats
    k: int


@st.composite
def small_sets(draw: st.DrawFn) -> Sets:
    """Draw two sets: on a grid, where distances tie and pictures coincide, or anywhere."""
    random = np.random.default_rng(draw(SEEDS))
    k = draw(st.integers(1, 4))
    rows, real_rows = draw(st.integers(k + 1, 10)), draw(st.integers(k + 1, 10))
    size = draw(st.integers(1, 4))
    if draw(st.booleans()):
        points = random.integers(-2, 3, size=(rows + real_rows, size)).astype(np.float64)
    else:
        points = random.normal(size=(rows + real_rows, size))
    return Sets(points[:rows], points[rows:], k)


def noise(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape)


def distance(x: Floats, y: Floats) -> float:
    return float(np.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True))))


def in_ball(x: Floats, points: Floats, centre: int, k: int) -> bool:
    """Say whether x is as near to a point as that point's k-th neighbour."""
    others = [distance(points[centre], y) for n, y in enumerate(points) if n != centre]
    return distance(points[centre], x) <= sorted(others)[k - 1]


def scores_by_loops(sets: Sets) -> dict[str, list[float]]:
    generated, real, k = sets.generated, sets.real, sets.k
    real_balls = [[in_ball(x, real, n, k) for n in range(len(real))] for x in generated]
    balls = [[in_ball(y, generated, n, k) for n in range(len(generated))] for y in real]
    return {
        "precision": [any(row) for row in real_balls],
        "density": [sum(row) / k for row in real_balls],
        "recall": [any(row) for row in balls],
        "coverage": [any(column) for column in zip(*real_balls, strict=True)],
    }


def lists(scores: ManifoldScores) -> dict[str, list[float]]:
    return {name: array.tolist() for name, array in vars(scores).items()}


def means(scores: ManifoldScores) -> dict[str, float]:
    return {name: float(array.mean()) for name, array in vars(scores).items()}


def cluster(seed: int, centre: float) -> Floats:
    return noise(seed, 100, 2) + np.array([centre, 0], dtype=np.float64)


@QUICK
@given(small_sets())
def test_scores_are_the_papers_definitions_picture_by_picture(sets: Sets) -> None:
    found = manifold_scores(sets.generated, sets.real, sets.k)
    assert lists(found) == scores_by_loops(sets)


@pytest.mark.parametrize("block_rows", [1, 3, 7])
def test_scores_and_neighbours_are_no_matter_of_the_blocks(
    block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = Sets(noise(0, 10, 3), noise(1, 8, 3), 2)
    expected = nearest(sets.generated, sets.real)
    monkeypatch.setattr(distances, "BLOCK_ROWS", block_rows)
    assert lists(manifold_scores(sets.generated, sets.real, sets.k)) == scores_by_loops(sets)
    for found, array in zip(nearest(sets.generated, sets.real), expected, strict=True):
        assert np.array_equal(found, array)


def test_each_score_says_what_it_should_about_points_on_a_line() -> None:
    real = np.array([[0.0], [1.0], [3.0], [10.0]])  # balls of radius 1, 1, 2 and 7
    generated = np.array([[0.75], [1.0], [20.0]])  # balls of radius 0.25, 0.25 and 19
    assert lists(manifold_scores(generated, real, k=1)) == {
        "precision": [1, 1, 0],
        "density": [2, 3, 0],
        "recall": [0, 1, 1, 1],
        "coverage": [1, 1, 1, 0],
    }


def test_a_dropped_mode_lowers_recall_and_coverage_but_not_precision() -> None:
    real = np.concatenate([cluster(0, 0), cluster(1, 50)])
    found = manifold_scores(cluster(2, 0), real)
    assert found.precision.mean() > 0.95
    for kept_and_dropped in (found.recall, found.coverage):
        assert kept_and_dropped[:100].mean() > 0.9
        assert kept_and_dropped[100:].max() == 0


def test_outliers_lower_precision_and_density_but_not_coverage() -> None:
    real, generated = cluster(0, 0), cluster(1, 0)
    outliers = np.linspace([1000, 0], [2000, 0], 25)
    clean = manifold_scores(generated, real)
    dirty = manifold_scores(np.concatenate([generated, outliers]), real)
    assert dirty.precision.tolist() == [*clean.precision, *[0] * 25]
    assert dirty.density.tolist() == [*clean.density, *[0] * 25]
    assert dirty.coverage.tolist() == clean.coverage.tolist()


def test_scores_of_two_draws_of_one_distribution_are_high_and_density_is_near_one() -> None:
    found = means(manifold_scores(noise(0, 1500, 4), noise(1, 1500, 4)))
    assert found["density"] == pytest.approx(1, abs=0.05)
    # Naeem et al. 2020, section 3: 1 - 2^-k for many rows.
    assert found["coverage"] == pytest.approx(1 - 2**-5, abs=0.02)
    assert min(found["precision"], found["recall"]) > 0.9


@QUICK
@given(SEEDS, st.integers(1, 5), st.integers(1, 20), SHIFTS)
def test_a_set_covers_itself_and_edges_of_balls_count(
    seed: int, k: int, size: int, shift: float
) -> None:
    points = noise(seed, 30, size) + shift
    found = means(manifold_scores(points[::-1], points, k))
    assert found == {
        "precision": 1,
        "density": pytest.approx((k + 1) / k),
        "recall": 1,
        "coverage": 1,
    }


@QUICK
@given(SEEDS, st.integers(1, 6), SHIFTS)
def test_scores_and_neighbours_are_no_matter_of_a_common_rotation_shift_or_scale(
    seed: int, size: int, shift: float
) -> None:
    generated, real = noise(seed, 12, size), noise(seed + 1, 15, size) + 0.3
    turn = np.linalg.qr(noise(seed + 2, size, size)).Q * 7
    moved, moved_real = generated @ turn + shift, real @ turn + shift
    expected = lists(manifold_scores(generated, real))
    assert lists(manifold_scores(moved, moved_real)) == expected
    indices, found = nearest(generated, real)
    moved_indices, moved_found = nearest(moved, moved_real)
    assert np.array_equal(moved_indices, indices)
    assert moved_found == pytest.approx(7 * found, abs=1e-5)


def test_scores_follow_the_order_of_the_pictures() -> None:
    generated, real = noise(0, 20, 3), noise(1, 25, 3) + 0.5
    found, reverse = manifold_scores(generated, real), manifold_scores(generated[::-1], real[::-1])
    assert {name: array[::-1].tolist() for name, array in vars(reverse).items()} == lists(found)


def test_fidelity_falls_with_noise() -> None:
    real, fresh, damage = noise(0, 300, 6), noise(1, 300, 6), noise(2, 300, 6)
    found = [means(manifold_scores(fresh + n * damage, real)) for n in (0, 0.5, 1, 2)]
    for name in ("precision", "density"):
        falling = [scores[name] for scores in found]
        assert falling == sorted(falling, reverse=True)
        assert falling[-1] < falling[0] / 2


@QUICK
@given(small_sets())
def test_the_nearest_row_is_that_of_loops_over_the_pool(sets: Sets) -> None:
    indices, found = nearest(sets.generated, sets.real)
    expected = [min(distance(x, y) for y in sets.real) for x in sets.generated]
    assert found == pytest.approx(expected, abs=1e-12)
    at = [distance(x, sets.real[n]) for x, n in zip(sets.generated, indices, strict=True)]
    assert at == pytest.approx(expected, abs=1e-12)


def test_a_copy_is_found_at_distance_exactly_zero() -> None:
    pool = (noise(0, 500, 40) + 100).astype(np.float32)
    order = np.random.default_rng(1).permutation(500)
    indices, found = nearest(pool[order], pool)
    assert indices.tolist() == order.tolist()
    assert found.tolist() == [0] * 500


@QUICK
@given(small_sets())
def test_a_row_that_is_left_out_is_never_the_nearest(sets: Sets) -> None:
    itself = np.arange(len(sets.real))
    indices, found = nearest(sets.real, sets.real, leaving_out=itself)
    assert (indices != itself).all()
    expected = [
        min(distance(x, y) for row, y in enumerate(sets.real) if row != own)
        for own, x in enumerate(sets.real)
    ]
    assert found == pytest.approx(expected, abs=1e-12)


def test_rows_are_left_out_of_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, rows = noise(0, 9, 3), np.array([8, 0, 3, 5, 1])
    expected = nearest(pool[rows], pool, leaving_out=rows)
    monkeypatch.setattr(distances, "BLOCK_ROWS", 2)
    for found, array in zip(nearest(pool[rows], pool, leaving_out=rows), expected, strict=True):
        assert np.array_equal(found, array)


def test_a_tiny_distance_keeps_its_digits() -> None:
    pool = noise(0, 50, 8) + 100
    step = np.zeros(8)
    step[3] = 2.0**-16
    indices, found = nearest(pool[7:8] + step, pool)
    assert indices.tolist() == [7]
    assert found == pytest.approx([2.0**-16], rel=1e-6)


def test_unusable_features_and_k_are_refused_in_one_line() -> None:
    good = noise(0, 8, 3)
    with pytest.raises(ValueError, match=r"^generated: 5 rows, must be at least 6; "):
        manifold_scores(good[:5], good)
    with pytest.raises(ValueError, match=r"^real: 5 rows, must be at least 6; "):
        manifold_scores(good, good[:5])
    with pytest.raises(ValueError, match=r"^real: 2 features per row, must be 3 as in generated"):
        manifold_scores(good, good[:, :2])
    with pytest.raises(ValueError, match=r"^k: 0, must be at least 1; "):
        manifold_scores(good, good, k=0)
    with pytest.raises(ValueError, match=r"^generated: 24 values such as nan, must all be finite"):
        manifold_scores(good * np.nan, good)
    with pytest.raises(ValueError, match=r"^queries: 0 rows, must be at least 1; "):
        nearest(good[:0], good)
    with pytest.raises(ValueError, match=r"^pool: 2 features per row, must be 3 as in queries"):
        nearest(good, good[:, :2])
    with pytest.raises(ValueError, match=r"^pool: 24 values such as inf, must all be finite"):
        nearest(good, np.full((8, 3), np.inf))
    with pytest.raises(ValueError, match=r"^pool: 1 row, must be at least 2 to leave one out"):
        nearest(good[:1], good[:1], leaving_out=np.array([0]))


def test_no_more_rows_than_needed_are_asked_for() -> None:
    assert means(manifold_scores(noise(0, 2, 3), noise(0, 2, 3), k=1))["coverage"] == 1
    assert nearest(noise(0, 1, 3), noise(0, 1, 3))[1].tolist() == [0]
