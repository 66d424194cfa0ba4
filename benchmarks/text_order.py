"""Word order: minimal pairs, a caption and the same one with two of its colours exchanged."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from benchmarks.bag_of_words import same_words
from benchmarks.text_mean import Mean
from captiongan.bundle.text_encoder import Embeddings, TextEncoder
from captiongan.data.folder import Example
from captiongan.data.pairs import Indices
from captiongan.data.toy import (
    CENTRE_COLOURS,
    PETAL_COLOURS,
    SYNONYMS,
    ToyFlower,
    captions,
    toy_flower,
)
from captiongan.evaluation.distances import Features, Floats
from captiongan.evaluation.probes import RetrievalProbe

TIE = 1e-6
"""Differences below this are rounding: neither caption is preferred."""

RIDGE = 1e-3
"""Regularisation of the read-out, as a share of the mean variance of an embedding's numbers."""

Swap = Callable[[str], str | None]


@dataclass(frozen=True)
class Pairs:
    """P captions and the same words with two colours exchanged; each belongs to a picture (P,)."""

    captions: tuple[str, ...]
    swapped: tuple[str, ...]
    pictures: Indices

    def __len__(self) -> int:
        return len(self.captions)


@dataclass(frozen=True)
class Order:
    """How often the matching caption of a pair is preferred to the swapped one, 0 to 1.

    `elsewhere` is the same with another picture, which tells what the words alone decide; None
    where there is no picture. `cosine` is the mean cosine between the two captions.
    """

    right: Mean
    elsewhere: Mean | None
    cosine: float
    pairs: int


def real_pairs(examples: Sequence[Example], swap: Swap) -> Pairs:
    """Take all captions whose colours can be exchanged without another word changing."""
    found = [
        (caption, swapped, picture)
        for picture, example in enumerate(examples)
        for caption in dict.fromkeys(example.captions)
        if (swapped := swap(caption)) and swapped != caption and same_words(caption, swapped)
    ]
    ours, others, pictures = zip(*found, strict=True)
    return Pairs(ours, others, np.array(pictures))


def toy_flowers(count: int, seed: int) -> list[ToyFlower]:
    """Draw flowers whose petals could have the colour of the centre, and the other way round."""
    return list(islice(_interchangeable(seed), count))


def toy_pairs(flowers: Sequence[ToyFlower]) -> Pairs:
    """Exchange the colours of petals and centre in all captions of toy flowers."""
    found = [
        (caption, swapped, picture)
        for picture, flower in enumerate(flowers)
        for caption in captions(flower)
        if same_words(caption, swapped := swap_toy_colours(flower, caption))
    ]
    ours, others, pictures = zip(*found, strict=True)
    return Pairs(ours, others, np.array(pictures))


def swap_toy_colours(flower: ToyFlower, caption: str) -> str:
    """Exchange the colour words of petals and centre, and mend a and an before them."""
    names = {*SYNONYMS[flower.petal_colour], *SYNONYMS[flower.centre_colour]}
    pattern = "|".join(sorted(names, key=len, reverse=True))
    first, second = re.findall(rf"\b(?:{pattern})\b", caption)
    exchanged = {first: second, second: first}
    swapped = re.sub(rf"\b(?:{pattern})\b", lambda match: exchanged[match[0]], caption)
    return re.sub(
        rf"\ban? (?=({pattern})\b)",
        lambda match: "an " if match[1][0] in "aeiou" else "a ",
        swapped,
    )


def order_by_pictures(
    probes: Sequence[RetrievalProbe], features: Features, pairs: Pairs, encoder: TextEncoder
) -> Order:
    """Ask the probes which caption of each pair is nearer to the picture.

    The `features` (N, D) are those of the pictures that the pairs name.
    """
    ours, others = encoder.encode(pairs.captions), encoder.encode(pairs.swapped)
    named = np.unique(pairs.pictures)
    strangers = dict(zip(named, np.roll(named, len(named) // 2), strict=True))
    elsewhere = np.array([strangers[picture] for picture in pairs.pictures])

    def preferred(pictures: Indices) -> Mean:
        rows = features[pictures]
        wins = [_wins(each.cosine(rows, ours) - each.cosine(rows, others)) for each in probes]
        return _mean_by_picture(np.mean(wins, axis=0), pairs)

    return Order(
        preferred(pairs.pictures), preferred(elsewhere), _mean_cosine(ours, others), len(pairs)
    )


def order_by_attributes(
    examples: Sequence[Example],
    flowers: Sequence[ToyFlower],
    pairs: Pairs,
    encoder: TextEncoder,
) -> Order:
    """Read the colours of petals and centre off both captions of each pair of toy flowers.

    The read-out is linear (ridge regression on one-hot attributes) and learned from the captions
    of other toy flowers. Each caption is right if its own attributes together score higher than
    the exchanged ones; of a pair, both count one half.
    """
    read_out = _ridge(
        encoder.encode([caption for each in examples for caption in each.captions]),
        np.stack([_attributes(*_colours(each)) for each in examples for _ in each.captions]),
    )
    ours, others = encoder.encode(pairs.captions), encoder.encode(pairs.swapped)
    shown = [flowers[picture] for picture in pairs.pictures]
    contrast = np.stack(
        [
            _attributes(each.petal_colour, each.centre_colour)
            - _attributes(each.centre_colour, each.petal_colour)
            for each in shown
        ]
    )

    of_ours = _wins((read_out(ours) * contrast).sum(axis=1))
    of_others = _wins(-(read_out(others) * contrast).sum(axis=1))
    right = _mean_by_picture((of_ours + of_others) / 2, pairs)
    return Order(right, None, _mean_cosine(ours, others), len(pairs))


def _interchangeable(seed: int) -> Iterator[ToyFlower]:
    both = PETAL_COLOURS.keys() & CENTRE_COLOURS.keys()
    index = 0
    while True:
        flower = toy_flower(seed, index)
        if {flower.petal_colour, flower.centre_colour} <= both:
            yield flower
        index += 1


def _wins(margins: Floats | Embeddings) -> Floats:
    return np.where(np.abs(margins) <= TIE, 0.5, margins > 0)


def _mean_by_picture(parts: Floats, pairs: Pairs) -> Mean:
    """Average over the pairs of a picture first, as they are no independent ones."""
    _, numbers = np.unique(pairs.pictures, return_inverse=True)
    return Mean.of(np.bincount(numbers, parts) / np.bincount(numbers))


def _mean_cosine(one: Embeddings, other: Embeddings) -> float:
    return float((one * other).sum(axis=1).mean())


def _colours(example: Example) -> tuple[str, str]:
    assert example.label is not None
    petal, _, centre = example.label.split(", ")
    return petal, centre


def _attributes(petal: str, centre: str) -> Floats:
    """Return a one-hot row for the petals' colour and one for the centre's, end to end."""
    names: Iterable[tuple[str, Iterable[str]]] = ((petal, PETAL_COLOURS), (centre, CENTRE_COLOURS))
    return np.array([float(one == name) for name, table in names for one in table])


def _ridge(inputs: Embeddings, targets: Floats) -> Callable[[Embeddings], Floats]:
    mean, middle = inputs.mean(axis=0, dtype=np.float64), targets.mean(axis=0)
    centred = inputs - mean
    covariance = centred.T @ centred / len(centred)
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    weights = np.linalg.solve(
        covariance + ridge * np.eye(len(covariance)),
        centred.T @ (targets - middle) / len(centred),
    )
    return lambda rows: (rows - mean) @ weights + middle
