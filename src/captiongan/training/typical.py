"""The most typical pictures of a set: instance selection (DeVries et al. 2020, arXiv 2007.15255).

A generator has only so much to give. Spent on what most pictures have in common, and not on the odd
ones, it draws better shapes, with less variety.
"""

from dataclasses import replace

import numpy as np
import torch

from captiongan.data.store import PictureStore
from captiongan.errors import DataError
from captiongan.evaluation.distances import Features, Floats
from captiongan.evaluation.extractors import choose_extractor, remembered_features
from captiongan.runs.rules import TYPICAL_EXTRACTOR

LEAST_VARIANCE = 1e-12
"""Of features, where pictures are all equal."""


def most_typical(store: PictureStore, share: float, device: torch.device) -> PictureStore:
    """Keep that share of the pictures, those that are most likely under a Gaussian of all.

    The Gaussian is fitted to their features by `TYPICAL_EXTRACTOR`, which are kept in the cache.
    The pictures stay in order, and those that are kept are copied into memory.

    Raises:
        ConfigError: the weights of the extractor are missing or damaged.
        DataError: fewer than two pictures would be left.
        OutputError: the cache cannot be written.
    """
    total = len(store.examples)
    count = round(share * total)
    if count < 2:
        raise DataError(
            f"data.typical_share = {share:g}: leaves {count} of {total} pictures, must leave two; "
            f"set data.typical_share={min(10 / total, 1):.2g} or more"
        )
    features = remembered_features(
        choose_extractor(TYPICAL_EXTRACTOR, device=device), store.pictures
    )
    rows = np.sort(np.argsort(-log_densities(features), kind="stable")[:count])
    return replace(
        store, pictures=store.pictures[rows], examples=tuple(store.examples[row] for row in rows)
    )


def log_densities(features: Features) -> Floats:
    """Return how likely rows (N, D) are under a Gaussian fitted to all, up to constants: (N,).

    To every variance 1 + D / N times the mean of all is added. Without it, where there are fewer
    pictures than features, each picture would be as likely as any other. Odd pictures that are
    alike widen the Gaussian towards themselves, so in a small set a few of them are found typical.
    """
    count, dim = features.shape
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    covariance = centred.T @ centred / count
    added = max((1 + dim / count) * covariance.trace() / dim, LEAST_VARIANCE)
    whitened = np.linalg.solve(covariance + added * np.eye(dim), centred.T)
    densities: Floats = -np.einsum("nd,dn->n", centred, whitened)
    return densities
