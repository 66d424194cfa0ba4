"""First stage of an encoder's training: to embed as its teacher does (Hinton et al. 2015).

Two terms between unit vectors. `1 - cos(s, t)` puts each text where the teacher puts it. The mean
squared difference of the two matrices of cosines inside a batch keeps apart what the teacher keeps
apart (relational distillation, Park et al. 2019). A third term is the student's own: colours must
stay with their parts (`binding.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from captiongan.bundle.text_encoder import equal_length_batches
from captiongan.compute.devices import computes_bf16
from captiongan.text_training.colour_binding import ColourReadOut, binding_loss
from captiongan.text_training.fit import FitOptions, Objective, Rows, fit

BATCH = 512
PEAK_LEARNING_RATE = 1e-3
RELATIONAL_WEIGHT = 10.0
BINDING_WEIGHT = 0.2

TokenIds = Sequence[Sequence[int]]
Say = Callable[[str], None]


class Texts:
    """Texts as token ids, concatenated on a device."""

    def __init__(self, token_ids: TokenIds, device: torch.device) -> None:
        self.lengths = np.array([len(ids) for ids in token_ids])
        ids = np.fromiter(chain.from_iterable(token_ids), dtype=np.int32)
        self._ids = torch.from_numpy(ids).to(device)
        self._starts = torch.from_numpy(self.lengths.cumsum() - self.lengths).to(device)

    def batch(self, rows: Rows) -> Tensor:
        """Return the token ids of some texts, all of one length T: (B, T) int64."""
        starts = self._starts[to_device(rows, self._starts.device)]
        places = torch.arange(int(self.lengths[rows[0]]), device=starts.device)
        return self._ids[starts[:, None] + places].long()


@dataclass(frozen=True)
class DistillationData:
    """N texts as token ids, where the teacher puts them (N, dim), and `bindings` (N, parts).

    The two tensors are on the device of the training.
    """

    token_ids: TokenIds
    targets: Tensor
    colours: Tensor

    def batches(self, order: np.random.Generator) -> Iterator[Rows]:
        """Yield all texts once, shuffled, in batches of equal lengths."""
        return shuffled_batches([len(ids) for ids in self.token_ids], order)

    def loss(self, student: nn.Module, read_out: ColourReadOut, rows: Rows) -> Tensor:
        """Return the loss of a student on these texts."""
        embeddings = embed(student, self._texts.batch(rows))
        here = to_device(rows, self.targets.device)
        return distillation_loss(embeddings, self.targets[here]) + BINDING_WEIGHT * binding_loss(
            read_out(embeddings), self.colours[here]
        )

    @cached_property
    def _texts(self) -> Texts:
        return Texts(self.token_ids, self.targets.device)


def shuffled_batches(
    lengths: Sequence[int], order: np.random.Generator, limit: int = BATCH
) -> Iterator[Rows]:
    """Yield the rows of texts of these lengths once, shuffled, in batches of equal lengths."""
    shuffled = order.permutation(len(lengths))
    batches = list(equal_length_batches([lengths[row] for row in shuffled], limit))
    for number in order.permutation(len(batches)):
        yield shuffled[batches[number]]


def to_device(rows: Rows, device: torch.device) -> Tensor:
    """Copy numbers to a device, without waiting for its earlier work."""
    return torch.from_numpy(rows).to(device, non_blocking=True)


def embed(student: nn.Module, token_ids: Tensor) -> Tensor:
    """Return a student's embeddings (B, dim) float32 of token ids (B, T)."""
    device = token_ids.device
    half = torch.autocast(device.type, torch.bfloat16, enabled=computes_bf16(device))
    # Of so few tokens, attention by plain products has the faster backward pass.
    with half, sdpa_kernel(SDPBackend.MATH):
        embeddings: Tensor = student(token_ids)
    return embeddings.float()


def distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the loss between unit embeddings, both (B, dim)."""
    pointwise = 1 - (student * teacher).sum(dim=1).mean()
    relational = (student @ student.T - teacher @ teacher.T).square().mean()
    return pointwise + RELATIONAL_WEIGHT * relational


def distill(
    student: nn.Module,
    read_out: ColourReadOut,
    data: DistillationData,
    options: FitOptions,
    say: Say,
) -> None:
    """Train a student, and the read-out with it. All three are on one device.

    Raises:
        OutputError: the checkpoint cannot be written.
    """
    objective = Objective(data.batches, lambda rows, _: [data.loss(student, read_out, rows)])
    learning = nn.ModuleDict({"network": student, "read_out": read_out})

    def on_epoch(epoch: int, losses: Sequence[float]) -> None:
        say(f"distilling, epoch {epoch} of {options.epochs}: loss {losses[0]:.4f}")

    fit(objective, learning, PEAK_LEARNING_RATE, options, on_epoch)
