"""The most typical pictures of a set: instance selection (DeVries et al. 2020, arXiv 2007.15255).

The capacity of a generator is limited. Trained on the pictures that have most in common, and not on
unusual ones, it draws better shapes, with less variety.
"""

from dataclasses import replace

import numpy as np
import torch

from captiongan.data.store import PictureStore
from captiongan.errors import DataError
from captiongan.evaluation.distances import Features, Floats
from captiongan.evaluation.extractors import choose_extractor, remembered_features
from captiongan.runs.config_rules import TYPICAL_EXTRACTOR

LEAST_VARIANCE = 1e-12
"""Added to the variances even if all pictures are equal."""


def most_typical(store: PictureStore, share: float, device: torch.device) -> PictureStore:
    """Keep the share of the pictures that is most likely under a Gaussian fitted to all of them.

    The Gaussian is fitted to the features by `TYPICAL_EXTRACTOR`, which stay in the cache. The
    pictures keep their order; the ones that are kept are copied into memory.

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

    Every variance grows by 1 + D / N times the mean variance. Otherwise all pictures would be
    equally likely whenever there are fewer pictures than features. Unusual pictures that resemble
    each other widen the Gaussian towards themselves, so a small set may count some as typical.
    """
    count, dim = features.shape
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    covariance = centred.T @ centred / count
    added = max((1 + dim / count) * covariance.trace() / dim, LEAST_VARIANCE)
    whitened = np.linalg.solve(covariance + added * np.eye(dim), centred.T)
    densities: Floats = -np.einsum("nd,dn->n", centred, whitened)
    return densities
