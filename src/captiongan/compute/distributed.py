"""Training with several processes, started by `torchrun`.

Each process takes its shard of every batch. Code that needs the whole batch calls this module, so
that training with several processes equals training with one, up to rounding. All processes must
call the same functions in the same order. In a single process the functions change nothing.

The loss of the whole batch is the mean of the processes' losses, and so is its gradient. `mean` and
`gathered` propagate gradients accordingly.
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
"""Setting that hides the keys of dead processes from those that restart."""

PATIENCE = timedelta(hours=1)
"""How long the other processes wait while the main process scores or saves."""


@contextmanager
def joined() -> Iterator[None]:
    """Join the processes that `torchrun` started with this one, if any, until the block ends.

    Raises:
        ConfigError: the processes could not join again after a restart.
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
            f"torchrun --max-restarts {restarts}: restarted processes would wait for ever, because "
            "torchrun's store still has the keys of the dead ones (pytorch issue 135712); "
            f"set {OWN_STORE} in the environment of torchrun, with --rdzv-backend c10d"
        )


def world_size() -> int:
    """Return how many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def shard(batch_size: int) -> slice:
    """Return the rows of a batch that this process takes.

    Raises:
        ConfigError: the processes cannot share the batch equally.
    """
    size = world_size()
    rows, left = divmod(batch_size, size)
    if left:
        raise ConfigError(
            f"training.batch_size = {batch_size}: must be a multiple of the {size} processes; "
            f"set it to {max(rows, 1) * size}, or start another number of processes"
        )
    return slice(rank() * rows, (rank() + 1) * rows)


def own_rows(every: Tensor) -> Tensor:
    """Return this process's rows of a tensor that all processes hold: (N B, ...) to (B, ...)."""
    return every[shard(len(every))]


def mean(tensor: Tensor) -> Tensor:
    """Return the mean of a tensor over the processes; gradients flow through."""
    if world_size() == 1:
        return tensor
    result: Tensor = _Mean.apply(tensor)  # type: ignore[no-untyped-call]
    return result


def gathered(tensor: Tensor) -> Tensor:
    """Return the rows of all processes, (B, ...) to (N B, ...); gradients flow.

    The order is that of the ranks.
    """
    if world_size() == 1:
        return tensor
    result: Tensor = _Gathered.apply(tensor)  # type: ignore[no-untyped-call]
    return result


def rolled(tensor: Tensor) -> Tensor:
    """Shift the rows of the whole batch down by one; the last row becomes the first: (B, ...)."""
    return own_rows(gathered(tensor).roll(1, dims=0))


def average_(tensors: Sequence[Tensor]) -> None:
    """Replace tensors by their means over the processes, in place and without gradients."""
    if world_size() == 1 or not tensors:
        return
    flat = torch.cat([tensor.detach().flatten().float() for tensor in tensors])
    distributed.all_reduce(flat)
    parts = (flat / world_size()).split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))


def any_rank(flag: bool) -> bool:
    """Return whether `flag` is true in at least one process."""
    if world_size() == 1:
        return flag
    flags = torch.tensor(int(flag))
    distributed.all_reduce(flags, distributed.ReduceOp.MAX)
    return bool(flags)


def check_alike(numbers: Sequence[float]) -> None:
    """Check that all processes hold the same numbers.

    Raises:
        RunError: the numbers differ.
    """
    own = torch.tensor(numbers, dtype=torch.float64)
    total = own.clone()
    if world_size() > 1:
        distributed.all_reduce(total)
    if any_rank(not torch.equal(total, world_size() * own)):
        raise RunError(
            f"process {rank()} has other data or weights than the others; give all machines the "
            "same versions, the same data and the same run folder"
        )


def barrier() -> None:
    """Wait until all processes have reached this call."""
    any_rank(False)


def _sum(tensor: Tensor) -> Tensor:
    total = tensor.contiguous().clone()
    distributed.all_reduce(total)
    return total


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, tensor: Tensor) -> Tensor:
        return _sum(tensor) / world_size()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return mean(gradient)  # differentiable, for the second derivatives of a gradient penalty


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, tensor: Tensor) -> Tensor:
        parts = [torch.empty_like(tensor) for _ in range(world_size())]
        distributed.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return own_rows(_sum(gradient))
