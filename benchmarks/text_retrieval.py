"""Retrieval: how often a linear probe finds a real picture's caption among those of 99 others."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.text_mean import Mean
from captiongan.bundle.text_encoder import TextEncoder
from captiongan.data.store import PictureStore, open_store
from captiongan.errors import DataError
from captiongan.evaluation.benchmark import captions_to_draw
from captiongan.evaluation.distances import Floats
from captiongan.evaluation.extractors import Extractor
from captiongan.evaluation.probe_training import open_probes
from captiongan.evaluation.probes import RetrievalProbe
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.retrieval import POOL

SIDE = 64
"""Of the pictures, in pixels, as in the evaluation of models."""

PROBES = 3
"""Probes of one encoder, trained with other seeds; their mean is told."""


@dataclass(frozen=True)
class DataSet:
    """Captioned pictures in two splits: the probe learns from one, the other one tries it."""

    name: str
    train: PictureStore
    test: PictureStore

    @classmethod
    def open(cls, folder: Path) -> "DataSet":
        """Open the captioned folders `train` and `test` in a folder.

        Raises:
            DataError: one of them is missing, unusable, or has fewer than 100 pictures.
        """
        splits = []
        for split in ("train", "test"):
            if not (folder / split).is_dir():
                raise DataError(
                    f"--data '{folder}' has no folder '{split}'; give a folder with the captioned "
                    "folders train and test"
                )
            store = open_store(str(folder / split), SIDE, minimum_side=1)
            if len(store.examples) < POOL:
                raise DataError(
                    f"--data '{folder / split}' has {len(store.examples)} usable pictures; "
                    f"retrieval takes {POOL}"
                )
            splits.append(store)
        return cls(folder.resolve().name, *splits)


@dataclass(frozen=True)
class Hits:
    """What part of its captions each test picture is matched with, over all probes: (N,), 0..1."""

    at_1: Floats
    at_5: Floats


@dataclass(frozen=True)
class Retrieval:
    """R@1 and R@5 among 100, and by how much they exceed the reference on the same pictures."""

    r_at_1: Mean
    r_at_5: Mean
    r_at_1_gain: Mean
    r_at_5_gain: Mean


def train_probes(
    train: PictureStore, extractor: Extractor, encoder: TextEncoder
) -> list[RetrievalProbe]:
    """Train the linear probes of one encoder, or read them from the cache."""
    real = RealPictures.describe(train.examples, train.pictures, extractor, encoder)
    probes = [
        open_probes(real, extractor.identity, encoder.identity, seed) for seed in range(PROBES)
    ]
    return [each.retrieval for each in probes if each is not None]


def hits(probes: list[RetrievalProbe], real: RealPictures) -> Hits:
    """Match each picture with each of its captions, every time among other rivals."""
    captions = captions_to_draw(real, int(real.caption_counts.max()), same=1)
    ranks = np.stack(
        [
            probe.ranks(real.features, real, row, seed)
            for probe in probes
            for seed, row in enumerate(captions)
        ]
    )
    return Hits((ranks < 1).mean(axis=0), (ranks < 5).mean(axis=0))


def compare(all_hits: Mapping[str, Hits], reference: str) -> dict[str, Retrieval]:
    """Set each encoder beside the reference, picture by picture."""
    of_reference = all_hits[reference]
    return {
        name: Retrieval(
            r_at_1=Mean.of(found.at_1),
            r_at_5=Mean.of(found.at_5),
            r_at_1_gain=Mean.of(found.at_1 - of_reference.at_1),
            r_at_5_gain=Mean.of(found.at_5 - of_reference.at_5),
        )
        for name, found in all_hits.items()
    }
