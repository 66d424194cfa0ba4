"""How both stages of an encoder's training learn: in passes, with a bookmark after each.

All that is drawn at random follows from the seed and the number of the pass or step, so a training
that was killed goes on from its bookmark as if nothing had been.
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
from captiongan.compute.learning_rate import warm_up_then_cosine
from captiongan.errors import DataError

Rows = npt.NDArray[np.int64]
Tell = Callable[[int, Sequence[float]], None]


@dataclass(frozen=True)
class Course:
    """What is learned.

    `batches` deals out the rows of a pass, as many batches every time; `terms` are those of the
    loss of a batch, at a step from 0.
    """

    batches: Callable[[np.random.Generator], Iterator[Rows]]
    terms: Callable[[Rows, int], Sequence[Tensor]]


@dataclass(frozen=True)
class Plan:
    """How often to go over a course, and by which random numbers.

    `bookmark` is the file of the cache that keeps what was learned until the next pass.
    """

    passes: int
    seed: Sequence[int]
    bookmark: Path | None = None


def take(course: Course, pupils: nn.Module, peak: float, plan: Plan, tell: Tell) -> None:
    """Go over a course, from the bookmark on if there is one; `tell` hears the terms' means.

    The learning rate rises to `peak` and falls to 0. The bookmark stays: what was learned is safe
    when the caller has written it.

    Raises:
        DataError: there is not a single batch.
        OutputError: the bookmark cannot be written.
    """
    optimiser = torch.optim.AdamW(pupils.parameters(), fused=True)
    steps = sum(1 for _ in course.batches(np.random.default_rng(0)))
    if not steps:
        raise DataError("there are too few texts of one length to learn from; give more captions")
    for number in range(_read(plan.bookmark, pupils, optimiser), plan.passes):
        order, heard = np.random.default_rng([*plan.seed, number]), []
        for step, rows in enumerate(course.batches(order), start=number * steps):
            terms = torch.stack(list(course.terms(rows, step)))
            rate = peak * warm_up_then_cosine(step, plan.passes * steps)
            _descend(terms.sum(), optimiser, rate)
            heard.append(terms.detach())
        tell(number + 1, torch.stack(heard).mean(dim=0).tolist())
        if plan.bookmark is not None:
            write_to_cache(plan.bookmark, _state(number + 1, pupils, optimiser))


def _descend(loss: Tensor, optimiser: Optimizer, learning_rate: float) -> None:
    """Take one step down the gradient, which is clipped to length 1."""
    optimiser.zero_grad()
    loss.backward()
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
        torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
    optimiser.step()


def _state(passes: int, pupils: nn.Module, optimiser: Optimizer) -> bytes:
    weights = {f"pupils.{name}": value for name, value in pupils.state_dict().items()}
    return save(weights | moments(optimiser), {"passes": str(passes)})


def _read(bookmark: Path | None, pupils: nn.Module, optimiser: Optimizer) -> int:
    """Fill in what a bookmark keeps; return after how many passes it was set, or 0 without one."""
    if bookmark is None or not bookmark.is_file():
        return 0
    try:
        with safe_open(bookmark, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            passes = int(file.metadata()["passes"])
    except (OSError, KeyError, TypeError, ValueError, SafetensorError):
        return 0
    weights = {
        name.removeprefix("pupils."): tensors.pop(name)
        for name in [*tensors]
        if name.startswith("pupils.")
    }
    if _shapes(weights) != _shapes(pupils.state_dict()):
        return 0
    pupils.load_state_dict(weights)
    restore_moments(optimiser, tensors)
    return passes


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
