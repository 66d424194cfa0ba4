"""Second stage of an encoder's training: captions close to what can be seen in their pictures.

The joint embedding of Reed et al. 2016 (1605.05396, section 3.2), with the symmetric contrastive
loss of Radford et al. 2021 in the place of its ranking loss: among the pairs of a batch a picture
must find its caption, and a caption its picture. The pictures' features come from a frozen network,
and a linear map brings them into the space of the embeddings. A caption with two colours exchanged
is one more wrong candidate for a picture (Yuksekgonul et al. 2023), so word order counts.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.bundle.text_encoder import equal_length_batches
from captiongan.evaluation.distances import Features
from captiongan.text_training.distill import Say, Texts, TokenIds, embed, to_device
from captiongan.text_training.fit import FitOptions, Objective, Rows, fit

BATCH = 256
SMALLEST_BATCH = 16
"""Fewer pairs of one length tell little apart, and are left out."""

PEAK_LEARNING_RATE = 3e-4
FIRST_TEMPERATURE = 0.07
IMPOSSIBLE = -1e4


@dataclass(frozen=True)
class AlignmentData:
    """C captions as token ids, and the picture of each.

    `swapped` are the same captions with two colours exchanged, or None where that means the same.
    `pictures` (C,) holds the rows of `features` (N, D), which are on the device of the training.
    """

    token_ids: TokenIds
    swapped: Sequence[Sequence[int] | None]
    pictures: Rows
    features: Tensor

    def batches(self, order: np.random.Generator) -> Iterator[Rows]:
        """Yield the captions, shuffled, in batches of equal lengths."""
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
    data: AlignmentData,
    options: FitOptions,
    keeping: Callable[[int], Tensor],
    say: Say,
) -> None:
    """Train a student and its picture side. All three are on one device.

    `keeping` returns a further loss at each step, of what must not be forgotten.

    Raises:
        OutputError: the checkpoint cannot be written.
    """

    def terms(rows: Rows, step: int) -> list[Tensor]:
        return [_alignment_loss(student, pictures, data, rows), keeping(step)]

    def on_epoch(epoch: int, losses: Sequence[float]) -> None:
        loss, kept = losses
        say(
            f"aligning, epoch {epoch} of {options.epochs}: loss {loss:.4f}, "
            f"of what is kept {kept:.4f}"
        )

    learning = nn.ModuleDict({"network": student, "pictures": pictures})
    fit(Objective(data.batches, terms), learning, PEAK_LEARNING_RATE, options, on_epoch)


def _alignment_loss(
    student: nn.Module, pictures: PictureEmbedding, data: AlignmentData, rows: Rows
) -> Tensor:
    lengths = data.texts.lengths
    swapped = rows + len(data.token_ids)
    wrong = swapped[lengths[swapped] == lengths[rows]]
    token_ids = data.texts.batch(np.concatenate([rows, wrong]))
    embeddings, own = embed(student, token_ids), token_ids[: len(rows)]
    numbers = to_device(data.pictures[rows], data.features.device)
    same_text = (own[:, None] == own).all(dim=2)
    return contrastive_loss(
        embeddings[: len(rows)],
        pictures(data.features[numbers]),
        embeddings[len(rows) :],
        pictures.log_scale.exp(),
        (numbers[:, None] == numbers) | same_text,
    )
