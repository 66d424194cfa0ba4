"""The probes of alignment: linear maps trained on real pictures and captions alone.

The retrieval probe brings pictures and sentences into one space in which a picture lies near its
own captions. The classifier tells the classes apart. Both see features of the extractor, never
pixels, and neither has seen a generated picture. `probe_training.py` trains them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from captiongan.bundle.text_encoder import Embeddings
from captiongan.data.pairs import Indices
from captiongan.evaluation.distances import Features, row_blocks
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.retrieval import POOL

VERSION = 2
"""Part of the name of stored probes, and of a seed. Raise it whenever other probes come out."""

Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LinearMap:
    """y = W x + b, with W (outputs, inputs) and b (outputs,)."""

    weight: Floats32
    bias: Floats32

    def __call__(self, rows: Features) -> Floats32:
        """Map (N, inputs) to (N, outputs)."""
        return rows.astype(np.float32) @ self.weight.T + self.bias


@dataclass(frozen=True)
class RetrievalProbe:
    """Says how near pictures and sentences are to each other."""

    of_pictures: LinearMap
    of_sentences: LinearMap

    def ranks(
        self, features: Features, real: RealPictures, captions: Indices, seed: int
    ) -> Indices:
        """Return how many captions of 99 others are as near to each picture as its own: (N,).

        0 is a hit for R@1, below 5 one for R@5. `features` (N, D) are of pictures in the places of
        the N `real` ones, `captions` (N,) the numbers of their captions. Which others, and which
        caption of each, follows from `seed`. A rival caption of the same words does not count.

        Raises:
            ValueError: there are fewer than 100 pictures.
        """
        sentences = _unit(self.of_sentences(real.sentences))
        pictures = _unit(self.of_pictures(features))
        rivals = _rivals(real, seed)
        ranks = np.empty(len(pictures), dtype=np.int64)
        for rows in row_blocks(len(pictures)):
            own = (pictures[rows] * sentences[captions[rows]]).sum(axis=1, keepdims=True)
            others = np.einsum("nd,nkd->nk", pictures[rows], sentences[rivals[rows]])
            same_words = real.text_numbers[rivals[rows]] == real.text_numbers[captions[rows], None]
            ranks[rows] = (~((others < own) | same_words)).sum(axis=1)
        return ranks

    def cosine(self, features: Features, sentences: Embeddings) -> Floats32:
        """Return how well each picture and its sentence go together, -1 to 1: (N,).

        `features` is (N, D), `sentences` (N, E).
        """
        pictures = _unit(self.of_pictures(features))
        cosine: Floats32 = (pictures * _unit(self.of_sentences(sentences))).sum(axis=1)
        return cosine


@dataclass(frozen=True)
class Classifier:
    """Says which of its classes a picture shows."""

    classes: tuple[str, ...]
    scores: LinearMap

    def ranks(self, features: Features, labels: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
        """Return how many classes score higher than the picture's own: (N,), NaN if it is unknown.

        `features` is (N, D), `labels` (N,) has the classes asked for.
        """
        number = {name: place for place, name in enumerate(self.classes)}
        own = np.array([number.get(label, -1) for label in labels])
        scores = self.scores(features)
        higher = (scores > scores[np.arange(len(own)), own][:, None]).sum(axis=1)
        return np.where(own < 0, np.nan, higher)


@dataclass(frozen=True)
class ProbesReport:
    """What the probes learned from, and how they do on real pictures that were held out.

    `r_at_1` and `top_1` are shares of the held-out pictures, or None where these are fewer than 100
    and where there is no classifier.
    """

    extractor: str
    sentences: str
    pictures: int
    captions: int
    classes: int
    held_out: int
    seed: int
    r_at_1: float | None
    top_1: float | None


@dataclass(frozen=True)
class Probes:
    """The probes of one training set; without classes there is no classifier."""

    retrieval: RetrievalProbe
    classifier: Classifier | None
    report: ProbesReport
    sha256: str


def _rivals(real: RealPictures, seed: int) -> Indices:
    """Draw for each picture 99 others without replacement, and a caption of each: (N, 99)."""
    count = len(real)
    if count < POOL:
        raise ValueError(f"{count} pictures, R@1 takes {POOL}; leave the score out")
    random = np.random.default_rng([seed, VERSION])
    steps = [random.choice(count - 1, POOL - 1, replace=False) for _ in range(count)]
    others = (np.arange(count)[:, None] + 1 + np.stack(steps)) % count
    return real.captions_of(others, random.integers(2**31, size=others.shape))


def _unit(rows: Floats32) -> Floats32:
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    unit: Floats32 = rows / np.maximum(lengths, np.float32(1e-12))
    return unit
