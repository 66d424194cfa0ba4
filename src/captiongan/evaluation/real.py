"""Real pictures with all that the probes need of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from captiongan.bundle.text_encoder import Embeddings, TextEncoder
from captiongan.data.folder import Example
from captiongan.data.pairs import Indices, first_captions
from captiongan.data.store import Pictures
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import Extractor, remembered_features


@dataclass(frozen=True)
class RealPictures:
    """N captioned pictures, their features, and the embeddings of their captions.

    `pictures` is (N, H, W, 3) uint8, `features` (N, D), `sentences` (C, E): all captions, numbered
    through the examples in order.
    """

    examples: tuple[Example, ...]
    pictures: Pictures
    features: Features
    sentences: Embeddings

    @classmethod
    def describe(
        cls,
        examples: Sequence[Example],
        pictures: Pictures,
        extractor: Extractor,
        encoder: TextEncoder,
    ) -> "RealPictures":
        """Compute, or read from the cache, the features of pictures and embeddings of captions."""
        captions = [caption for example in examples for caption in example.captions]
        features = remembered_features(extractor, pictures)
        return cls(tuple(examples), pictures, features, encoder.encode(captions))

    def __len__(self) -> int:
        return len(self.examples)

    def seen_by(self, extractor: Extractor) -> "RealPictures":
        """Return the same pictures as another extractor describes them."""
        return replace(self, features=remembered_features(extractor, self.pictures))

    @cached_property
    def captions(self) -> tuple[str, ...]:
        """All captions, in the order of `sentences`."""
        return tuple(caption for example in self.examples for caption in example.captions)

    @cached_property
    def text_numbers(self) -> Indices:
        """A number for each caption, (C,); captions of the same words share it."""
        return np.unique(np.array(self.captions, dtype=object), return_inverse=True)[1]

    @cached_property
    def caption_counts(self) -> Indices:
        """How many captions each picture has, (N,)."""
        return np.array([len(example.captions) for example in self.examples])

    @cached_property
    def first_captions(self) -> Indices:
        """The number of each picture's first caption, (N,)."""
        return first_captions(self.examples)

    @cached_property
    def labels(self) -> npt.NDArray[np.object_]:
        """The class of each picture, or None, (N,)."""
        return np.array([example.label for example in self.examples], dtype=object)

    @cached_property
    def digest(self) -> str:
        """One sha256 over captions, classes and features, in order."""
        digest = hashlib.sha256(repr(self.examples).encode(errors="replace"))
        digest.update(np.ascontiguousarray(self.features).data)
        return digest.hexdigest()

    def subset(self, rows: Indices) -> "RealPictures":
        """Return some of the pictures, with all that belongs to them."""
        captions = np.concatenate(
            [self.first_captions[row] + np.arange(self.caption_counts[row]) for row in rows]
        )
        examples = tuple(self.examples[row] for row in rows)
        return RealPictures(
            examples, self.pictures[rows], self.features[rows], self.sentences[captions]
        )

    def captions_of(self, rows: Indices, turn: Indices) -> Indices:
        """Return a caption's number for each picture in `rows`; after its last comes its first."""
        return self.first_captions[rows] + turn % self.caption_counts[rows]
