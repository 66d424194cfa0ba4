"""Several processes that train one model, as `torchrun` starts them.

Each process takes its share of every batch. Whatever looks at a batch as a whole asks this module,
so that training with several processes is, up to rounding, training with one. All must call the
same functions in the same order; in a process on its own they change nothing.

The loss of the whole is the mean of the processes' losses, and so is its gradient. `mean` and
`gathered` let gradients through accordingly.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from captiongan.errors import ConfigError, RunError

OWN_STORE = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"
"""What keeps the keys of processes that died from those that start again."""

PATIENCE = timedelta(hours=1)
"""How long the others wait while the first process scores or saves."""


@contextmanager
def joined() -> Iterator[None]:
    """Meet the processes that `torchrun` started with this one, if it did, and part in the end.

    Raises:
        ConfigError: they could not meet again after a restart.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or distributed.is_initialized():
        yield
        return
    _check_restarts()
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl"
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _check_restarts() -> None:
    shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    restarts = os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")
    if shared and restarts != "0":
        raise ConfigError(
            f"torchrun --max-restarts {restarts}: processes that start again would wait for ever, "
            "misled by what those before have left in torchrun's store (pytorch issue 135712); "
            f"set {OWN_STORE} in the environment of torchrun, with --rdzv-backend c10d"
        )


def count() -> int:
    """Return how many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def number() -> int:
    """Return which of them this one is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def share(batch_size: int) -> slice:
    """Return the rows of a batch that are this process's.

    Raises:
        ConfigError: the batch cannot be divided equally.
    """
    rows, left = divmod(batch_size, count())
    if left:
        raise ConfigError(
            f"training.batch_size = {batch_size}: must be a multiple of the {count()} processes; "
            f"set it to {max(rows, 1) * count()}, or start another number of processes"
        )
    return slice(number() * rows, (number() + 1) * rows)


def own_rows(every: Tensor) -> Tensor:
    """Return this process's rows of what all processes have alike: (N B, ...) to (B, ...)."""
    return every[share(len(every))]


def mean(tensor: Tensor) -> Tensor:
    """Return the mean of a tensor over the processes; gradients pass."""
    if count() == 1:
        return tensor
    result: Tensor = _Mean.apply(tensor)  # type: ignore[no-untyped-call]
    return result


def gathered(tensor: Tensor) -> Tensor:
    """Return the rows of all processes in order, (B, ...) to (N B, ...); gradients pass."""
    if count() == 1:
        return tensor
    result: Tensor = _Gathered.apply(tensor)  # type: ignore[no-untyped-call]
    return result


def rolled(tensor: Tensor) -> Tensor:
    """Give each row the one before it in the whole batch, and the first the last: (B, ...)."""
    return own_rows(gathered(tensor).roll(1, dims=0))


def average_(tensors: Sequence[Tensor]) -> None:
    """Put in the place of tensors their means over the processes, without gradients."""
    if count() == 1 or not tensors:
        return
    flat = torch.cat([tensor.detach().flatten().float() for tensor in tensors])
    distributed.all_reduce(flat)
    parts = (flat / count()).split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))


def any_of(flag: bool) -> bool:
    """Whether one of the processes says yes."""
    if count() == 1:
        return flag
    flags = torch.tensor(int(flag))
    distributed.all_reduce(flags, distributed.ReduceOp.MAX)
    return bool(flags)


def check_alike(numbers: Sequence[float]) -> None:
    """Make sure that all processes have the same numbers.

    Raises:
        RunError: they have not.
    """
    own = torch.tensor(numbers, dtype=torch.float64)
    total = own.clone()
    if count() > 1:
        distributed.all_reduce(total)
    if any_of(not torch.equal(total, count() * own)):
        raise RunError(
            f"process {number()} has other data or weights than the others; give all machines the "
            "same versions, the same data and the same run folder"
        )


def meet() -> None:
    """Wait until all processes are here."""
    any_of(False)


def _sum(tensor: Tensor) -> Tensor:
    total = tensor.contiguous().clone()
    distributed.all_reduce(total)
    return total


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, tensor: Tensor) -> Tensor:
        return _sum(tensor) / count()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _sum(gradient) / count()


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, tensor: Tensor) -> Tensor:
        parts = [torch.empty_like(tensor) for _ in range(count())]
        distributed.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return own_rows(_sum(gradient))
