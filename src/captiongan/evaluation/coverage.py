"""Similarity of pictures: precision, recall, density, coverage and nearest neighbours.

All functions take features, (N, D), as in `distances`, with Euclidean distances in float64.
"""

from dataclasses import dataclass

import numpy as np

from captiongan.data.pairs import Indices
from captiongan.evaluation.distances import Features, Floats, checked_pair, row_blocks

TIE = 1e-12
"""Rounding error of a squared distance, as a share of the squared norms it is computed from."""


@dataclass(frozen=True)
class ManifoldScores:
    """What each of N generated and M real pictures adds; each score is the mean of its array."""

    precision: Floats
    """1 where a generated picture lies in the ball of a real one, else 0: (N,)."""
    density: Floats
    """How many balls of real pictures hold the generated one, divided by k: (N,), 0 to M / k."""
    recall: Floats
    """1 where a real picture lies in the ball of a generated one, else 0: (M,)."""
    coverage: Floats
    """1 where the ball of a real picture holds a generated one, else 0: (M,)."""


def manifold_scores(generated: Features, real: Features, k: int = 5) -> ManifoldScores:
    """Score fidelity (precision, density) and diversity (recall, coverage).

    Precision and recall: Kynkäänniemi et al. 2019, eq. 1 and 2. Density and coverage: Naeem et al.
    2020, section 3. The ball of a picture reaches to its k-th nearest neighbour in its own set, not
    counting itself, and holds what lies on its edge. Precision, recall and coverage are 1 for a set
    against itself, density is (k + 1) / k. Compare only values of equal N, M and k.

    Args:
        generated: features of generated pictures, (N, D), N more than k.
        real: features of real pictures, (M, D), M more than k.
        k: which neighbour sets the size of a ball, 1 or more.

    Raises:
        ValueError: k below 1, not more than k rows, other D, a wrong shape or a value that is not
            finite.
    """
    if k < 1:
        raise ValueError(f"k: {k}, must be at least 1; the papers use 3 and 5")
    x, y = checked_pair("generated", generated, "real", real, rows=k + 1)
    # Far from the origin, squared distances would be small differences of large numbers.
    centre = y.mean(axis=0)
    x, y = x - centre, y - centre
    reach, real_reach = _squared_reach(x, k), _squared_reach(y, k)
    balls = np.zeros(len(x))
    recalled = np.zeros(len(y), dtype=np.bool_)
    covered = np.zeros(len(y), dtype=np.bool_)
    for block in row_blocks(len(x)):
        distances = _squared_distances(x[block], y)
        in_real = distances <= real_reach
        balls[block] = in_real.sum(axis=1)
        covered |= in_real.any(axis=0)
        recalled |= (distances <= reach[block, None]).any(axis=0)
    return ManifoldScores(
        precision=(balls > 0).astype(np.float64),
        density=balls / k,
        recall=recalled.astype(np.float64),
        coverage=covered.astype(np.float64),
    )


def nearest(
    queries: Features, pool: Features, leaving_out: Indices | None = None
) -> tuple[Indices, Floats]:
    """Find the nearest row of a pool: its index, (N,), and its Euclidean distance, (N,), from 0.

    The distance of a query that is in the pool is exactly 0. Of rows that are equally near, one is
    chosen.

    Args:
        queries: features, (N, D), N at least 1.
        pool: features to search, (M, D), M at least 1.
        leaving_out: a row of the pool for each query, (N,), that is not searched: the query itself,
            if the pool holds it. M must then be at least 2.

    Raises:
        ValueError: no rows, other D, a wrong shape or a value that is not finite.
    """
    x, y = checked_pair("queries", queries, "pool", pool, rows=1)
    if leaving_out is not None and len(y) < 2:
        raise ValueError("pool: 1 row, must be at least 2 to leave one out; give more pictures")
    centre = y.mean(axis=0)
    centred = y - centre
    found = []
    for block in row_blocks(len(x)):
        distances = _squared_distances(x[block] - centre, centred)
        if leaving_out is not None:
            distances[np.arange(len(distances)), leaving_out[block]] = np.inf
        found.append(distances.argmin(axis=1))
    indices = np.concatenate(found)
    return indices, np.linalg.norm(x - y[indices], axis=1)


def _squared_reach(points: Floats, k: int) -> Floats:
    """Square the distance of each point from its k-th neighbour: (N,).

    It is widened by the rounding error. Otherwise chance would decide whether a ball holds the
    neighbour that sets its size.
    """
    # A point is its own neighbour number 0.
    found = [
        np.partition(_squared_distances(points[block], points), k, axis=1)[:, k]
        for block in row_blocks(len(points))
    ]
    reach = np.concatenate(found)
    return reach + TIE * (reach + _squared_norms(points))


def _squared_distances(points: Floats, others: Floats) -> Floats:
    """Return |x - y|^2 of all pairs, (N, M), within `TIE` of |x|^2 + |y|^2: a 0 may be below 0."""
    products = points @ others.T
    return _squared_norms(points)[:, None] + _squared_norms(others) - 2 * products


def _squared_norms(points: Floats) -> Floats:
    norms: Floats = np.einsum("nd,nd->n", points, points)
    return norms
