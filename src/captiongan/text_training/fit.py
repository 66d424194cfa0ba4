"""The loop of both stages of an encoder's training: epochs, with a checkpoint after each.

All random numbers follow from the seed and the number of the epoch or step, so a training that was
killed resumes from its checkpoint to the same weights.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from captiongan.base.cache import write_to_cache
from captiongan.compute.adam_state import moments, restore_moments
from captiongan.compute.cosine_schedule import warm_up_then_cosine
from captiongan.errors import DataError

Rows = npt.NDArray[np.int64]
OnEpoch = Callable[[int, Sequence[float]], None]
"""Called after each epoch with its number, from 1, and the mean of each term of the loss."""


@dataclass(frozen=True)
class Objective:
    """What is learned.

    `batches` yields the rows of each batch of an epoch, equally many batches every time. `terms`
    returns the terms of the loss of a batch at a step, from 0.
    """

    batches: Callable[[np.random.Generator], Iterator[Rows]]
    terms: Callable[[Rows, int], Sequence[Tensor]]


@dataclass(frozen=True)
class FitOptions:
    """How many epochs to train, by which random numbers, and where to keep the checkpoint.

    `checkpoint` is the file of the cache that holds the newest epoch; None keeps none.
    """

    epochs: int
    seed: Sequence[int]
    checkpoint: Path | None = None


def fit(
    objective: Objective, student: nn.Module, peak: float, options: FitOptions, on_epoch: OnEpoch
) -> None:
    """Train a student on an objective, from its checkpoint if there is one.

    The learning rate rises to `peak` and falls to 0. The checkpoint stays until the caller, who has
    stored what was learned, removes it.

    Raises:
        DataError: there is not a single batch.
        OutputError: the checkpoint cannot be written.
    """
    optimiser = torch.optim.AdamW(student.parameters(), fused=True)
    steps = sum(1 for _ in objective.batches(np.random.default_rng(0)))
    if not steps:
        raise DataError("there are too few texts of one length to learn from; give more captions")
    for epoch in range(_restore(options.checkpoint, student, optimiser), options.epochs):
        order, history = np.random.default_rng([*options.seed, epoch]), []
        for step, rows in enumerate(objective.batches(order), start=epoch * steps):
            terms = torch.stack(list(objective.terms(rows, step)))
            rate = peak * warm_up_then_cosine(step, options.epochs * steps)
            _backward_and_step(terms.sum(), optimiser, rate)
            history.append(terms.detach())
        on_epoch(epoch + 1, torch.stack(history).mean(dim=0).tolist())
        if options.checkpoint is not None:
            write_to_cache(options.checkpoint, _state(epoch + 1, student, optimiser))


def _backward_and_step(loss: Tensor, optimiser: Optimizer, learning_rate: float) -> None:
    """Take one step along the gradient, which is clipped to length 1."""
    optimiser.zero_grad()
    loss.backward()
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
        torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
    optimiser.step()


def _state(epochs: int, student: nn.Module, optimiser: Optimizer) -> bytes:
    weights = {f"student.{name}": value for name, value in student.state_dict().items()}
    return save(weights | moments(optimiser), {"epochs": str(epochs)})


def _restore(checkpoint: Path | None, student: nn.Module, optimiser: Optimizer) -> int:
    """Load a checkpoint; return how many epochs it had seen, or 0 if there is none of use."""
    if checkpoint is None or not checkpoint.is_file():
        return 0
    try:
        with safe_open(checkpoint, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            epochs = int(file.metadata()["epochs"])
    except (OSError, KeyError, TypeError, ValueError, SafetensorError):
        return 0
    weights = {
        name.removeprefix("student."): tensors.pop(name)
        for name in [*tensors]
        if name.startswith("student.")
    }
    if _shapes(weights) != _shapes(student.state_dict()):
        return 0
    student.load_state_dict(weights)
    restore_moments(optimiser, tensors)
    return epochs


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
