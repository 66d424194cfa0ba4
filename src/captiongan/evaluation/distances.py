"""Distances between two sets of pictures, as functions of their features.

Features are (N, D): one row per picture, D numbers by a network, as float32 or float64. All sums
are in float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32 | np.float64]
Floats = npt.NDArray[np.float64]

BLOCK_ROWS = 1024
"""Rows of a kernel or of a table of distances that are in memory at one time."""


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance with its uncertainty, N generated against M real pictures."""

    value: float
    """The unbiased estimate; around zero, so at times below it, where the sets are alike."""
    standard_error: float
    """Of the value, over other draws of both sets."""
    generated_parts: Floats
    """What each generated picture adds, (N,); their mean plus that of `real_parts` is the value."""
    real_parts: Floats
    """What each real picture adds, (M,)."""


def frechet_distance(one: Features, other: Features) -> float:
    """Return |mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)), at least 0.

    Heusel et al. 2017, eq. 6: the distance of two Gaussians with the means and the (unbiased)
    covariances of the features. Also right for fewer rows than features.

    The estimate is biased upwards, and more so with fewer pictures: two draws from one distribution
    lie apart, and a worse model with more pictures may look better. Compare only values of equal N
    and equal M.

    Args:
        one: features of one set, (N, D), N at least 2.
        other: features of the other set, (M, D), M at least 2.

    Raises:
        ValueError: too few rows, other D, a wrong shape or a value that is not finite.
    """
    first, second = checked_pair("one", one, "other", other, rows=2)
    root, other_root = _covariance_root(first), _covariance_root(second)
    # With S_1 = A'A and S_2 = B'B, the eigenvalues of S_1 S_2 that are not zero are the squared
    # singular values of AB'. Roots of a product of covariances would lose half of the digits.
    cross = np.linalg.svd(root @ other_root.T, compute_uv=False)
    shift = first.mean(axis=0) - second.mean(axis=0)
    distance = np.square(shift).sum() + np.square(root).sum() + np.square(other_root).sum()
    return max(float(distance - 2 * cross.sum()), 0.0)


def kernel_distance(generated: Features, real: Features) -> KernelDistance:
    """Return the unbiased squared maximum mean discrepancy with kernel (x.y / D + 1)^3.

    "Kernel Inception Distance", Binkowski et al. 2018, section 4; here over all rows at once, and N
    and M may differ. Its expectation does not depend on either.

    With g_i = mean_{j != i} k(x_i, x_j) - mean_j k(x_i, y_j), and r_j likewise for the real
    pictures, the value is mean(g) + mean(r). As each kernel value belongs to two pictures, one
    picture moves the value by twice the deviation of its g or r: the parts are
    mean(g) + 2 (g - mean(g)), and the squared standard error is var / N + var / M of the parts.

    This is the first order of the jackknife: right where the distributions differ clearly, and
    sqrt(2) too large where they are the same, as the parts then hold nothing but second order.

    Args:
        generated: features of generated pictures, (N, D), N at least 2.
        real: features of real pictures, (M, D), M at least 2.

    Raises:
        ValueError: too few rows, other D, a wrong shape or a value that is not finite.
    """
    x, y = checked_pair("generated", generated, "real", real, rows=2)
    excess, real_excess = _own_excess(x, y), _own_excess(y, x)
    parts = 2 * excess - excess.mean()
    real_parts = 2 * real_excess - real_excess.mean()
    variance = parts.var(ddof=1) / len(parts) + real_parts.var(ddof=1) / len(real_parts)
    return KernelDistance(
        value=float(excess.mean() + real_excess.mean()),
        standard_error=float(np.sqrt(variance)),
        generated_parts=parts,
        real_parts=real_parts,
    )


def pairwise_spread(groups: Features) -> Floats:
    """Return the mean Euclidean distance over all pairs of rows of each group, (G,), at least 0.

    The diversity of the pictures of one prompt, one group per prompt; 0 where they are all alike.

    Args:
        groups: features, (G, K, D): K pictures of each of G prompts, K at least 2.

    Raises:
        ValueError: too few rows, a wrong shape or a value that is not finite.
    """
    points = _check("groups", groups, 2, ("groups", "rows", "features"))
    count = points.shape[1]
    total = np.zeros(len(points))
    for row in range(count - 1):
        # Differences, not scalar products, so that equal rows are exactly 0 apart.
        rest = points[:, row + 1 :] - points[:, row : row + 1]
        total += np.linalg.norm(rest, axis=2).sum(axis=1)
    total /= count * (count - 1) / 2
    return total


def checked_pair(
    one_name: str, one: Features, other_name: str, other: Features, rows: int
) -> tuple[Floats, Floats]:
    """Return two sets of features, (N, D) and (M, D), in float64.

    Raises:
        ValueError: fewer than `rows` rows, other D, a wrong shape or a value that is not finite.
    """
    first, second = _check(one_name, one, rows), _check(other_name, other, rows)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"{other_name}: {second.shape[1]} features per row, must be {first.shape[1]} as in "
            f"{one_name}; describe both with the same network"
        )
    return first, second


def row_blocks(count: int) -> Iterator[slice]:
    """Cut rows 0 to `count` into blocks of `BLOCK_ROWS`, the last one shorter."""
    for start in range(0, count, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, count))


def _check(
    name: str, features: Features, rows: int, axes: tuple[str, ...] = ("rows", "features")
) -> Floats:
    points = np.asarray(features, dtype=np.float64)
    if points.ndim != len(axes) or points.shape[-1] == 0:
        raise ValueError(
            f"{name}: shape {points.shape}, must be ({', '.join(axes)}) with a feature or more; "
            "give one row per picture"
        )
    if points.shape[-2] < rows:
        raise ValueError(
            f"{name}: {points.shape[-2]} rows, must be at least {rows}; give more pictures"
        )
    broken = points[~np.isfinite(points)]
    if len(broken):
        raise ValueError(
            f"{name}: {len(broken)} values such as {broken[0]}, must all be finite; "
            "leave out the pictures they describe"
        )
    return points


def _covariance_root(points: Floats) -> Floats:
    """Return A of min(N, D) rows such that A'A is the covariance of the rows."""
    count, size = points.shape
    centred: Floats = (points - points.mean(axis=0)) / np.sqrt(count - 1)
    return centred if count <= size else np.asarray(np.linalg.qr(centred, mode="r"), np.float64)


def _own_excess(points: Floats, others: Floats) -> Floats:
    """Say how much nearer each point is to the rest of its own set than to the other: (N,)."""
    size = points.shape[1]
    itself = _kernel(np.einsum("nd,nd->n", points, points), size)
    own = (_kernel_sums(points, points) - itself) / (len(points) - 1)
    return own - _kernel_sums(points, others) / len(others)


def _kernel_sums(points: Floats, others: Floats) -> Floats:
    size = points.shape[1]
    sums = [
        _kernel(points[block] @ others.T, size).sum(axis=1) for block in row_blocks(len(points))
    ]
    return np.concatenate(sums)


def _kernel(products: Floats, size: int) -> Floats:
    # Spelled out, as NumPy's general power is many times slower.
    base = products / size + 1
    return base * base * base
