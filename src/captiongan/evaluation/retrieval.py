"""R@1, recall at one: how often a picture's own caption is the nearest of a pool."""

import numpy as np

from captiongan.bundle.text_encoder import Embeddings

POOL = 100
"""Captions in the pool, the picture's own among them."""


def r_at_1(captions: Embeddings, pictures: Embeddings) -> float:
    """Return the share of pictures whose own caption is the nearest of a hundred in a row: 0 to 1.

    Both are unit embeddings (N, dim) in the same order, N from `POOL`. What is left over from the
    last hundred does not count.
    """
    found = []
    for start in range(0, len(captions) - POOL + 1, POOL):
        block = slice(start, start + POOL)
        nearest = (pictures[block] @ captions[block].T).argmax(axis=1)
        found.append(nearest == np.arange(POOL))
    return float(np.mean(found))
