"""The pair sampler: (picture, matching caption, mismatching caption), a function of (seed, step).

Slides "GANs with Joint Distributions": the discriminator sees pairs, and a mismatching pair is a
real picture with a text that was written for another one.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from captiongan.base.streams import Stream
from captiongan.data.folder import Example
from captiongan.errors import DataError

Indices = npt.NDArray[np.int64]

Mismatching = Literal["class", "batch"]
"""Where a mismatching caption comes from: a picture of another class, or one of the batch."""

_TRIES = 4
"""How many captions of other classes are looked at for one with other words."""


@dataclass(frozen=True)
class Pairs:
    """One batch of B entries; captions are numbered through all examples in order."""

    pictures: Indices
    """Which pictures, (B,)."""
    matching: Indices
    """A caption of each picture, (B,)."""
    mismatching: Indices
    """A caption of another picture, (B,): of another class if classes are known. With
    `within_batch`, the matching caption of another picture of the batch.

    A caption of another class has other words than the matching one, unless nearly all captions
    are alike."""
    crop: npt.NDArray[np.float64]
    """Top and left of the random crop as shares of the margin, (B, 2) in [0, 1)."""
    flip: npt.NDArray[np.bool_]
    """Whether the picture is mirrored, (B,)."""


class PairSampler:
    """Draws batches of pairs. Each picture comes once per pass over the data.

    It keeps no state between calls, so the batch of a step is the same after a resume.

    Args:
        examples: the pictures' captions and classes.
        batch_size: B.
        seed: decides all batches.
        within_batch: take the mismatching captions from the batch, without regard to classes.

    Raises:
        DataError: there is one picture only, or one class only and classes count, so that no
            caption can mismatch.
    """

    def __init__(
        self, examples: Sequence[Example], batch_size: int, seed: int, within_batch: bool = False
    ) -> None:
        if within_batch:
            examples = _without_classes(examples)
        if reason := _too_few(examples):
            raise DataError(f"--data: {reason}")
        self._batch_size = batch_size
        self._seed = seed
        self._within_batch = within_batch
        counts = np.array([len(example.captions) for example in examples])
        self._caption_count = counts
        self._first_caption = first_captions(examples)
        self._owner = np.repeat(np.arange(len(examples)), counts)
        numbers: dict[str, int] = {}
        texts = (caption for example in examples for caption in example.captions)
        self._text = np.array([numbers.setdefault(text, len(numbers)) for text in texts])
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
        mismatching = self._mismatching(pictures, matching, random)
        if self._within_batch:
            mismatching = _handed_round(pictures, matching, mismatching, random)
        return Pairs(
            pictures=pictures,
            matching=matching,
            mismatching=mismatching,
            crop=random.random((self._batch_size, 2)),
            flip=random.random(self._batch_size) < 0.5,
        )

    def following(self, captions: Indices, count: int) -> Indices:
        """Number each caption (B,) and those after it, round and round in its picture: (B, count).

        A picture with fewer captions has some of them twice.
        """
        owner = self._owner[captions]
        first = self._first_caption[owner]
        places = (captions - first)[:, None] + np.arange(count)
        following: Indices = first[:, None] + places % self._caption_count[owner][:, None]
        return following

    def _pictures(self, step: int) -> Indices:
        places = step * self._batch_size + np.arange(self._batch_size)
        passes, places = np.divmod(places, len(self._by_class))
        return np.array(
            [self._order(number)[place] for number, place in zip(passes, places, strict=True)]
        )

    def _permutation(self, number: int) -> Indices:
        random = np.random.default_rng([self._seed, number, Stream.ORDER])
        return random.permutation(len(self._by_class))

    def _caption(self, pictures: Indices, random: np.random.Generator) -> Indices:
        return self._first_caption[pictures] + random.integers(self._caption_count[pictures])

    def _mismatching(
        self, pictures: Indices, matching: Indices, random: np.random.Generator
    ) -> Indices:
        """Of a few captions of other classes, take for each picture the first with other words."""
        tries = [
            self._caption(self._of_another_class(pictures, random), random) for _ in range(_TRIES)
        ]
        chosen = tries[0]
        for other in tries[1:]:
            chosen = np.where(self._text[chosen] == self._text[matching], other, chosen)
        return chosen

    def _of_another_class(self, pictures: Indices, random: np.random.Generator) -> Indices:
        size, start = self._block_size[pictures], self._block_start[pictures]
        place = random.integers(len(self._by_class) - size)
        return self._by_class[np.where(place < start, place, place + size)]


def obstacle(examples: Sequence[Example], mismatching: Mismatching | None) -> str | None:
    """Return why no run can train on these pictures; None if one can.

    `mismatching` is None for losses that need no mismatching captions.
    """
    counted = examples if mismatching == "class" else _without_classes(examples)
    if reason := _too_few(counted):
        return reason
    texts = {caption for example in examples for caption in example.captions}
    if mismatching and len(texts) == 1:
        return (
            f"all {len(examples)} pictures have the same caption '{texts.pop():.60}', so none can "
            "mismatch; write what tells them apart"
        )
    return None


def equal_texts(examples: Sequence[Example], mismatching: Mismatching) -> float:
    """Return the share of mismatching captions with the very words of the matching one, 0 to 1.

    It is what `PairSampler` draws on average, up to chance within a batch.
    """
    counted = examples if mismatching == "class" else _without_classes(examples)
    tries = _TRIES if mismatching == "class" else 1
    of_text: defaultdict[str, float] = defaultdict(float)
    of_class: defaultdict[tuple[int, str], float] = defaultdict(float)
    classes = class_numbers(counted).tolist()
    sizes = Counter(classes)
    for number, example in zip(classes, counted, strict=True):
        for caption in example.captions:
            of_text[caption] += 1 / len(example.captions)
            of_class[number, caption] += 1 / len(example.captions)
    return sum(
        own / len(counted) * ((of_text[text] - own) / (len(counted) - sizes[number])) ** tries
        for (number, text), own in of_class.items()
    )


def _too_few(examples: Sequence[Example]) -> str | None:
    """Return why these pictures have no pair of which a caption could mismatch."""
    if len(examples) < 2:
        return f"{len(examples)} usable pictures are too few, no caption can mismatch; add more"
    (label, *others) = {example.label for example in examples}
    if label is not None and not others:
        return (
            f"all {len(examples)} pictures are of class '{label}', so no caption can mismatch; "
            "leave `class` out or add pictures of another class"
        )
    return None


def _without_classes(examples: Sequence[Example]) -> list[Example]:
    return [replace(example, label=None) for example in examples]


def _handed_round(
    pictures: Indices, matching: Indices, strangers: Indices, random: np.random.Generator
) -> Indices:
    """Give each picture the caption of one that is the same number of places before it.

    A picture that is twice in the batch, where two passes meet, could get its own; then it takes a
    stranger's, from outside.
    """
    places = 1 + random.integers(max(len(pictures) - 1, 1))
    met = np.roll(pictures, places)
    return np.where(met == pictures, strangers, np.roll(matching, places))


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
