"""Second stage of an encoder's training: captions close to what can be seen in their pictures.

The joint embedding of Reed et al. 2016 (1605.05396, section 3.2), with the symmetric contrastive
loss of Radford et al. 2021 in the place of its ranking loss: among the pairs of a batch a picture
must find its caption, and a caption its picture. The pictures' features come from a frozen network,
and a linear map brings them into the space of the embeddings. A caption with two colours exchanged
is one more wrong answer for a picture (Yuksekgonul et al. 2023), so word order counts.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.bundle.text_encoder import Embeddings, equal_length_batches
from captiongan.evaluation.distances import Features
from captiongan.text_training.distill import Say, Texts, TokenIds, embed, to_device
from captiongan.text_training.fit import Course, Plan, Rows, take

BATCH = 256
SMALLEST_BATCH = 16
"""Fewer pairs of one length tell little apart, and are left out."""

PEAK_LEARNING_RATE = 3e-4
FIRST_TEMPERATURE = 0.07
IMPOSSIBLE = -1e4
CANDIDATES = 100
"""Among so many captions, a picture's own must be the nearest."""


@dataclass(frozen=True)
class Pairs:
    """C captions as token ids, and the picture of each.

    `swapped` are the same captions with two colours exchanged, or None where that says nothing;
    `pictures` (C,) numbers the rows of `features` (N, D), on whose device they are learned.
    """

    token_ids: TokenIds
    swapped: Sequence[Sequence[int] | None]
    pictures: Rows
    features: Tensor

    def batches(self, order: np.random.Generator) -> Iterator[Rows]:
        """Deal the captions out, in batches of equal lengths and changing company."""
        shuffled = order.permutation(len(self.token_ids))
        lengths = [len(self.token_ids[row]) for row in shuffled]
        batches = [
            rows for rows in equal_length_batches(lengths, BATCH) if len(rows) >= SMALLEST_BATCH
        ]
        for number in order.permutation(len(batches)):
            yield shuffled[batches[number]]

    @cached_property
    def texts(self) -> Texts:
        """All captions, then the swapped ones; an empty text where there is none."""
        return Texts([*self.token_ids, *(ids or () for ids in self.swapped)], self.features.device)


class PictureEmbedding(nn.Module):
    """The picture side of the joint embedding: standardised features, a linear map, unit length."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: Features, dim: int) -> None:
        super().__init__()
        deviation = features.std(axis=0)
        self.register_buffer("mean", torch.from_numpy(features.mean(axis=0)))
        self.register_buffer(
            "deviation", torch.from_numpy(np.maximum(deviation, 1e-3 * deviation.max() + 1e-12))
        )
        self.linear = nn.Linear(features.shape[1], dim)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(FIRST_TEMPERATURE)))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, D) to embeddings (B, dim) of length 1."""
        return F.normalize(self.linear((features - self.mean) / self.deviation), dim=1)


def contrastive_loss(
    captions: Tensor, pictures: Tensor, swapped: Tensor, scale: Tensor, alike: Tensor
) -> Tensor:
    """Return how hard it is to tell the pairs of a batch, in both directions.

    Args:
        captions: unit embeddings (B, dim).
        pictures: unit embeddings (B, dim), in the same order.
        swapped: unit embeddings (S, dim) of captions that fit no picture of the batch.
        scale: one over the temperature.
        alike: (B, B), where picture i goes with caption j as well; neither right nor wrong.
    """
    logits = scale * pictures @ captions.T
    own = torch.eye(len(captions), dtype=torch.bool, device=captions.device)
    logits = logits.masked_fill(alike & ~own, IMPOSSIBLE)
    target = torch.arange(len(captions), device=captions.device)
    find_caption = torch.cat([logits, scale * pictures @ swapped.T], dim=1)
    return (F.cross_entropy(find_caption, target) + F.cross_entropy(logits.T, target)) / 2


def align(
    student: nn.Module,
    pictures: PictureEmbedding,
    pairs: Pairs,
    plan: Plan,
    keeping: Callable[[int], Tensor],
    say: Say,
) -> None:
    """Train a student and its picture side on so many passes over the captions.

    All three are on one device. `keeping` is a further loss, asked for at each step, of what must
    not be forgotten.

    Raises:
        OutputError: the plan's bookmark cannot be written.
    """

    def terms(rows: Rows, step: int) -> list[Tensor]:
        return [_pairs_loss(student, pictures, pairs, rows), keeping(step)]

    def tell(epoch: int, losses: Sequence[float]) -> None:
        loss, kept = losses
        say(
            f"aligning, epoch {epoch} of {plan.passes}: loss {loss:.4f}, of what is kept {kept:.4f}"
        )

    pupils = nn.ModuleDict({"network": student, "pictures": pictures})
    take(Course(pairs.batches, terms), pupils, PEAK_LEARNING_RATE, plan, tell)


def _pairs_loss(student: nn.Module, pictures: PictureEmbedding, pairs: Pairs, rows: Rows) -> Tensor:
    lengths = pairs.texts.lengths
    swapped = rows + len(pairs.token_ids)
    wrong = swapped[lengths[swapped] == lengths[rows]]
    token_ids = pairs.texts.batch(np.concatenate([rows, wrong]))
    embeddings, own = embed(student, token_ids), token_ids[: len(rows)]
    numbers = to_device(pairs.pictures[rows], pairs.features.device)
    same_text = (own[:, None] == own).all(dim=2)
    return contrastive_loss(
        embeddings[: len(rows)],
        pictures(pairs.features[numbers]),
        embeddings[len(rows) :],
        pictures.log_scale.exp(),
        (numbers[:, None] == numbers) | same_text,
    )


def r_at_1(captions: Embeddings, pictures: Embeddings) -> float:
    """Return how often a picture's own caption is the nearest of a hundred in a row: 0 to 1.

    Both are unit embeddings (N, dim) in the same order, N from `CANDIDATES`; what is left over from
    the last hundred does not count.
    """
    found = []
    for start in range(0, len(captions) - CANDIDATES + 1, CANDIDATES):
        block = slice(start, start + CANDIDATES)
        nearest = (pictures[block] @ captions[block].T).argmax(axis=1)
        found.append(nearest == np.arange(CANDIDATES))
    return float(np.mean(found))
