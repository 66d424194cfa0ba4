"""Captioned pictures of several data sets, as features: what an encoder is aligned with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from captiongan.bundle.text_encoder import TextEncoder
from captiongan.data.store import PictureStore
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import Extractor, remembered_features
from captiongan.evaluation.retrieval import POOL, r_at_1
from captiongan.text_training.align import PictureEmbedding
from captiongan.text_training.corpus import held_out
from captiongan.text_training.fit import Rows


@dataclass(frozen=True)
class Gallery:
    """Captioned pictures of all data sets.

    `features` is (N, D), `captions` are C texts, and `pictures` (C,) holds the row of the picture
    of each. `held_out` (N,) marks the pictures that nothing may learn from.
    """

    captions: tuple[str, ...]
    pictures: Rows
    features: Features
    held_out: npt.NDArray[np.bool_]

    @classmethod
    def describe(cls, stores: Sequence[PictureStore], extractor: Extractor) -> "Gallery":
        """Compute, or remember, the features of all pictures."""
        counts = [len(example.captions) for store in stores for example in store.examples]
        return cls(
            tuple(caption for store in stores for caption in store.captions),
            np.repeat(np.arange(len(counts)), counts),
            np.concatenate([remembered_features(extractor, store.pictures) for store in stores]),
            np.array([held_out(each.file_name) for store in stores for each in store.examples]),
        )

    def to_learn_from(self) -> "Gallery":
        """Return the captions of the pictures that are not held out, with all features."""
        rows = np.flatnonzero(~self.held_out[self.pictures])
        return Gallery(
            tuple(self.captions[row] for row in rows),
            self.pictures[rows],
            self.features,
            self.held_out,
        )

    def r_at_1(self, encoder: TextEncoder, pictures: PictureEmbedding) -> float | None:
        """Measure R@1 on the pictures that are held out, each with its first caption.

        None if they are too few.
        """
        rows = np.flatnonzero(self.held_out)
        if len(rows) < POOL:
            return None
        first = np.searchsorted(self.pictures, rows)
        captions = encoder.encode([self.captions[number] for number in first])
        with torch.inference_mode():
            embedded = pictures(torch.from_numpy(self.features[rows])).numpy()
        return r_at_1(captions, embedded)
