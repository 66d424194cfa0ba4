"""A benchmark in miniature: flowers of 8x8 pixels, means of blocks as features, words as vectors.

Captions are true by construction, and say all there is to see but for a little grain: the petals,
which are the class, and the four corners, whose colours have names that no dictionary of colours
knows. So it is known what every score of every set of samples should be.
"""

import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from captiongan.base.cache import CACHE_VARIABLE
from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity
from captiongan.data.folder import Example
from captiongan.data.store import Pictures
from captiongan.draw.noise import Noise
from captiongan.evaluation import probe_training
from captiongan.evaluation.benchmark import SAME_CAPTION, Benchmark, captions_to_draw
from captiongan.evaluation.candidate import Candidate
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import ExtractorIdentity
from captiongan.evaluation.minimal_pairs import MinimalPairs
from captiongan.evaluation.probe_training import open_probes
from captiongan.evaluation.probes import Probes
from captiongan.evaluation.real import RealPictures

SIDE = 8
GRAIN = 8.0
"""Standard deviation of what captions do not tell, in levels."""

STEPS = 200
"""Enough for the probes to learn these flowers."""

PETALS = {
    "red": (208, 32, 44),
    "yellow": (250, 214, 48),
    "blue": (58, 100, 220),
    "white": (246, 244, 240),
    "purple": (138, 66, 180),
}
CORNERS = {
    "coal": (30, 30, 30),
    "brick": (190, 70, 60),
    "moss": (70, 140, 60),
    "sky": (90, 150, 230),
}
_LOW, _HIGH = slice(SIDE // 2), slice(SIDE // 2, SIDE)
PLACES = {"nw": (_LOW, _LOW), "ne": (_LOW, _HIGH), "sw": (_HIGH, _LOW), "se": (_HIGH, _HIGH)}

Plan = npt.NDArray[np.float32]
"""A flower without grain: (8, 8, 3), levels."""


class WordEncoder:
    """Adds up a random vector for each word of a text, and makes that a unit vector."""

    dim = 64

    def __init__(self, name: str = "words") -> None:
        self.identity = EncoderIdentity(name, "cd" * 32)

    def encode(self, texts: Sequence[str]) -> Embeddings:
        sums = np.array([sum(map(_vector, text.split())) for text in texts])
        unit: Embeddings = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
        return unit


class BlockMeans:
    """Describes a picture of any side by the mean colours of its 4 x 4 blocks, in 0..1.

    At another side than `SIDE` the features are larger in proportion, so that scores differ.
    """

    def __init__(self, name: str = "blocks", side: int | None = None) -> None:
        self.identity = ExtractorIdentity(name, 48, side or SIDE, "none", "ef" * 32)

    def features(self, pictures: Pictures) -> Features:
        count, side = pictures.shape[:2]
        blocks = pictures.reshape(count, 4, side // 4, 4, side // 4, 3)
        means: Features = (blocks.mean(axis=(2, 4)).reshape(count, 48) / 255).astype(np.float32)
        return means * np.float32(self.identity.input_side / SIDE)


def blocks(name: str) -> Callable[[object, int | None], BlockMeans]:
    """Return what opens `BlockMeans` as an extractor of that name, for a device and a side."""
    return lambda _, side: BlockMeans(name, side)


def painter(name: str = "painter", strength: float = 1.0) -> Candidate:
    """Return a candidate that paints what the caption says, with grain that follows the noise.

    With less `strength`, there is that much less of the flower, and grey instead.
    """

    def draw(noise: Noise, plans: Embeddings) -> Pictures:
        flowers = 128 + strength * (plans - 128) + GRAIN * noise
        return _to_pictures(flowers.reshape(-1, SIDE, SIDE, 3))

    return Candidate(
        name=name,
        facts={"kind": "painter"},
        took_part=(),
        resolution=SIDE,
        noise_dim=SIDE * SIDE * 3,
        encode=lambda captions: np.stack([plan_of(each).ravel() for each in captions]),
        draw=draw,
    )


def plan_of(caption: str) -> Plan:
    """Return what the caption says, and it alone."""
    words = caption.split()
    plan = np.empty((SIDE, SIDE, 3), dtype=np.float32)
    for place, (rows, columns) in PLACES.items():
        (colour,) = (colour for name, colour in CORNERS.items() if f"{place}-{name}" in words)
        plan[rows, columns] = colour
    (petals,) = (colour for name, colour in PETALS.items() if name in words)
    plan[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = petals
    return plan


def tiny_real(
    count: int, seed: int = 0, *, labelled: bool = True, encoder: WordEncoder | None = None
) -> RealPictures:
    """Return `count` flowers, each with two captions; their class is the colour of the petals."""
    random = np.random.default_rng(seed)
    examples = tuple(_example(row, random, labelled) for row in range(count))
    plans = np.stack([plan_of(example.captions[0]) for example in examples])
    pictures = _to_pictures(plans + GRAIN * random.standard_normal(plans.shape))
    captions = [caption for example in examples for caption in example.captions]
    sentences = (encoder or WordEncoder()).encode(captions)
    return RealPictures(examples, pictures, BlockMeans().features(pictures), sentences)


@cache
def tiny_probes(side: int = SIDE) -> Probes:
    """Return probes that learned from `TRAIN` at that side, outside of any test's cache."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(Path(folder)))
        patch.setattr(probe_training, "STEPS", STEPS)
        extractor = BlockMeans(side=side)
        train = TRAIN.seen_by(extractor)
        learned = open_probes(train, extractor.identity, WordEncoder().identity)
    assert learned is not None
    return learned


def tiny_benchmark(
    count: int = 120, rounds: int = SAME_CAPTION, *, labelled: bool = True
) -> Benchmark:
    """Return a benchmark of so many flowers, which the probes have not seen before."""
    real = tiny_real(count, seed=1, labelled=labelled)
    captions = captions_to_draw(real, rounds, SAME_CAPTION)
    return Benchmark(
        real, TRAIN, "", tiny_probes(), BlockMeans(), captions, seed=0, pairs=_pairs(real)
    )


def _pairs(real: RealPictures) -> MinimalPairs:
    """Let the caption of the next flower stand for the one with its colours exchanged."""
    own = [example.captions[0] for example in real.examples]
    other = [*own[1:], own[0]]
    sentences = WordEncoder().encode([*own, *other]).reshape(2, len(own), -1)
    return MinimalPairs(np.arange(len(own)), (tuple(own), tuple(other)), sentences)


def at_side(benchmark: Benchmark, side: int) -> Benchmark:
    """Return a benchmark as it is at another side."""
    extractor = BlockMeans(side=side)
    return replace(
        benchmark,
        real=benchmark.real.seen_by(extractor),
        train=benchmark.train and benchmark.train.seen_by(extractor),
        probes=benchmark.probes and tiny_probes(side),
        extractor=extractor,
    )


def _example(row: int, random: np.random.Generator, labelled: bool) -> Example:
    petals = random.choice(list(PETALS))
    corners = " ".join(f"{place}-{random.choice(list(CORNERS))}" for place in PLACES)
    captions = (
        f"a flower with {petals} petals before {corners}",
        f"{corners} behind {petals} petals",
    )
    return Example(f"{row}.png", captions, f"{petals}, {corners.split()[0]}" if labelled else None)


def _vector(word: str) -> npt.NDArray[np.float64]:
    return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(WordEncoder.dim)


def _to_pictures(levels: npt.NDArray[np.floating]) -> Pictures:
    pictures: Pictures = np.clip(levels, 0, 255).round().astype(np.uint8)
    return pictures


TRAIN = tiny_real(300)
"""The flowers that probes, and candidates as it were, learned from."""
