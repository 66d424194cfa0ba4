"""The pair sampler: (picture, matching caption, mismatching caption), a function of (seed, step).

Slides "GANs with Joint Distributions": the discriminator judges pairs, and a mismatching pair is a
real picture with a text that was written for another one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from captiongan.data.folder import Example, obstacle
from captiongan.errors import DataError

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """One batch, B entries each; captions are numbered through all examples in order."""

    pictures: Indices
    """Which pictures, (B,)."""
    matching: Indices
    """A caption of each picture, (B,)."""
    mismatching: Indices
    """A caption of another picture, of another class where classes are known, (B,).

    Its words differ from the matching caption's unless nearly all captions are alike."""
    crop: npt.NDArray[np.float64]
    """Top and left of the random crop as shares of the margin, (B, 2) in [0, 1)."""
    flip: npt.NDArray[np.bool_]
    """Whether the picture is mirrored, (B,)."""


class PairSampler:
    """Draws batches of pairs. Each picture comes once per pass over the data.

    Nothing is remembered between calls: the batch of a step is the same after a resume.

    Raises:
        DataError: one picture, or one class only, so that no caption can mismatch.
    """

    def __init__(self, examples: Sequence[Example], batch_size: int, seed: int) -> None:
        labels = Counter(example.label for example in examples if example.label is not None)
        if reason := obstacle(len(examples), labels):
            raise DataError(f"--data: {reason}")
        self._batch_size = batch_size
        self._seed = seed
        counts = np.array([len(example.captions) for example in examples])
        self._caption_count = counts
        self._first_caption = first_captions(examples)
        texts = [caption for example in examples for caption in example.captions]
        self._text = np.unique(np.array(texts, dtype=object), return_inverse=True)[1]
        # Sorted by class, a class is one block; all others are the places outside it.
        classes = class_numbers(examples)
        self._by_class = np.argsort(classes, kind="stable")
        sizes = np.bincount(classes)
        self._block_size = sizes[classes]
        self._block_start = (np.cumsum(sizes) - sizes)[classes]
        self._order = lru_cache(maxsize=2)(self._permutation)

    def __call__(self, step: int) -> Pairs:
        """Return the batch of a step (from 0 up)."""
        random = np.random.default_rng([self._seed, step])
        pictures = self._pictures(step)
        matching = self._caption(pictures, random)
        return Pairs(
            pictures=pictures,
            matching=matching,
            mismatching=self._mismatching(pictures, matching, random),
            crop=random.random((self._batch_size, 2)),
            flip=random.random(self._batch_size) < 0.5,
        )

    def _pictures(self, step: int) -> Indices:
        places = step * self._batch_size + np.arange(self._batch_size)
        passes, places = np.divmod(places, len(self._by_class))
        return np.array(
            [self._order(number)[place] for number, place in zip(passes, places, strict=True)]
        )

    def _permutation(self, number: int) -> Indices:
        random = np.random.default_rng([self._seed, number, 1])
        return random.permutation(len(self._by_class))

    def _caption(self, pictures: Indices, random: np.random.Generator) -> Indices:
        return self._first_caption[pictures] + random.integers(self._caption_count[pictures])

    def _mismatching(
        self, pictures: Indices, matching: Indices, random: np.random.Generator
    ) -> Indices:
        """Of a few captions of other classes, take for each picture the first with other words."""
        tries = [self._caption(self._of_another_class(pictures, random), random) for _ in range(4)]
        chosen = tries[0]
        for other in tries[1:]:
            chosen = np.where(self._text[chosen] == self._text[matching], other, chosen)
        return chosen

    def _of_another_class(self, pictures: Indices, random: np.random.Generator) -> Indices:
        size, start = self._block_size[pictures], self._block_start[pictures]
        place = random.integers(len(self._by_class) - size)
        return self._by_class[np.where(place < start, place, place + size)]


def first_captions(examples: Sequence[Example]) -> Indices:
    """Return the number of each example's first caption, counted through all examples: (N,)."""
    counts = np.array([len(example.captions) for example in examples])
    first: Indices = np.cumsum(counts) - counts
    return first


def class_numbers(examples: Sequence[Example]) -> Indices:
    """Number the classes; a picture without one is a class of its own."""
    keys = [
        (None, number) if example.label is None else (example.label, None)
        for number, example in enumerate(examples)
    ]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], dtype=np.int64)
