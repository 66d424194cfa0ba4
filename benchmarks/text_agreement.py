"""Agreement: do two encoders find the same sentences alike?"""

from collections.abc import Sequence

import numpy as np

from captiongan.bundle.text_encoder import Embeddings
from captiongan.evaluation.distances import Floats

WORDS = range(4, 41)
"""How many words a text has that counts as a sentence, and that every encoder reads whole."""


def some_sentences(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Draw different sentences without replacement: `count`, or all if there are fewer."""
    sentences = sorted({text for text in texts if len(text.split()) in WORDS})
    order = np.random.default_rng(seed).permutation(len(sentences))
    return [sentences[place] for place in order[:count]]


def agreement(one: Embeddings, other: Embeddings) -> float:
    """Return Spearman's correlation of the cosines between any two sentences, -1 to 1.

    Both are (N, dim) of the same sentences, of length 1; their dimensions may differ.
    """
    pairs = np.triu_indices(len(one), k=1)
    return spearman((one @ one.T)[pairs], (other @ other.T)[pairs])


def spearman(one: Floats | Embeddings, other: Floats | Embeddings) -> float:
    """Return the correlation of the ranks of two rows of numbers, (N,); equal ones share a rank."""
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Floats | Embeddings) -> Floats:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    ranks: Floats = mean_ranks[places]
    return ranks
