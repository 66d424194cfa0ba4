"""Minimal pairs: a caption with two colours, and the same words with the two exchanged.

"A red bird with a blue belly" and "a blue bird with a red belly" name the same colours and parts.
Whoever draws both alike did not bind colours to parts (Yuksekgonul et al. 2023, arXiv 2210.01936).
"""

from dataclasses import dataclass

import numpy as np

from captiongan.bundle.text_encoder import Embeddings, TextEncoder
from captiongan.data.pairs import Indices
from captiongan.evaluation.real import RealPictures
from captiongan.text.colour_swap import swap_colours

MOST_PAIRS = 200
"""More pairs would hardly narrow the noise, and cost time."""


@dataclass(frozen=True)
class MinimalPairs:
    """P captions of as many real pictures, and the exchanged captions.

    `rows` (P,) are the places of the pictures. `texts` are the captions, own and exchanged, and
    `sentences` (2, P, E) their embeddings, likewise.
    """

    rows: Indices
    texts: tuple[tuple[str, ...], tuple[str, ...]]
    sentences: Embeddings

    @classmethod
    def of(cls, real: RealPictures, encoder: TextEncoder) -> "MinimalPairs | None":
        """Find the pairs: of each picture, its first caption that has an exchanged one."""
        found: list[tuple[int, str, str]] = []
        for row, example in enumerate(real.examples):
            swaps = ((caption, swap_colours(caption)) for caption in example.captions)
            pair = next(((own, other) for own, other in swaps if other), None)
            if pair and len(found) < MOST_PAIRS:
                found.append((row, *pair))
        if not found:
            return None
        own, exchanged = tuple(each[1] for each in found), tuple(each[2] for each in found)
        sentences = encoder.encode([*own, *exchanged]).reshape(2, len(found), encoder.dim)
        return cls(np.array([each[0] for each in found], np.int64), (own, exchanged), sentences)

    def __len__(self) -> int:
        return len(self.rows)
