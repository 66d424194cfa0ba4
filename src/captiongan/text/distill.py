"""First stage of an encoder's training: to answer as its teacher does (Hinton et al. 2015).

Two terms between unit vectors. `1 - cos(s, t)` puts each text where the teacher puts it. The mean
squared difference of the two matrices of cosines inside a batch keeps apart what the teacher keeps
apart (relational distillation, Park et al. 2019). A third term is the pupil's own: colours must
stay with their parts (`binding.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from captiongan.schedule import warm_up_then_cosine
from captiongan.text.binding import ColourReadOut, binding_loss
from captiongan.text.encoder import equal_length_batches

BATCH = 512
PEAK_LEARNING_RATE = 1e-3
RELATIONAL_WEIGHT = 10.0
BINDING_WEIGHT = 0.2

Rows = npt.NDArray[np.int64]
TokenIds = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Lessons:
    """N texts as token ids, where the teacher puts them (N, dim), and `bindings` (N, parts)."""

    token_ids: TokenIds
    targets: Tensor
    colours: Tensor

    def batches(self, order: np.random.Generator) -> Iterator[Rows]:
        """Deal all texts out once, in batches of equal lengths and changing company."""
        shuffled = order.permutation(len(self.token_ids))
        lengths = [len(self.token_ids[row]) for row in shuffled]
        batches = list(equal_length_batches(lengths, limit=BATCH))
        for number in order.permutation(len(batches)):
            yield shuffled[batches[number]]

    def loss(self, student: nn.Module, read_out: ColourReadOut, rows: Rows) -> Tensor:
        """Return what a student gets wrong in these texts."""
        answers = embed(student, [self.token_ids[row] for row in rows])
        return distillation_loss(answers, self.targets[rows]) + BINDING_WEIGHT * binding_loss(
            read_out(answers), self.colours[rows]
        )


def embed(student: nn.Module, token_ids: TokenIds) -> Tensor:
    """Return a student's embeddings of texts of one length, (B, dim) float32."""
    # Of so few tokens, attention by plain products has the faster backward pass.
    with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        embeddings: Tensor = student(torch.tensor(token_ids))
    return embeddings.float()


def distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the loss between unit embeddings, both (B, dim)."""
    pointwise = 1 - (student * teacher).sum(dim=1).mean()
    relational = (student @ student.T - teacher @ teacher.T).square().mean()
    return pointwise + RELATIONAL_WEIGHT * relational


def distill(
    student: nn.Module,
    read_out: ColourReadOut,
    lessons: Lessons,
    epochs: int,
    order: np.random.Generator,
    say: Callable[[str], None],
) -> None:
    """Train a student, and the read-out with it, on so many passes over the lessons."""
    steps = epochs * sum(1 for _ in lessons.batches(order))
    parameters = [*student.parameters(), *read_out.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=PEAK_LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_up_then_cosine(step, steps)
    )
    for epoch in range(1, epochs + 1):
        losses = []
        for rows in lessons.batches(order):
            loss = lessons.loss(student, read_out, rows)
            descend(loss, optimiser)
            schedule.step()
            losses.append(loss.item())
        say(f"distilling, epoch {epoch} of {epochs}: loss {np.mean(losses):.4f}")


def descend(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """Take one step down the gradient, which is clipped to length 1."""
    optimiser.zero_grad()
    loss.backward()
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimiser.step()
