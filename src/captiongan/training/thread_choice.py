"""Chooses how many threads a training on the CPU computes with."""

import time
from dataclasses import replace
from statistics import fmean

import torch
from rich.console import Console

from captiongan.base.progress import say
from captiongan.base.threads import threads, threads_wanted
from captiongan.compute import distributed
from captiongan.training.trainer import Trainer

LEAST_SECONDS = 1.0
"""How long steps are timed, if they are short; of long ones, one is timed with each number."""


def use_threads(trainer: Trainer, console: Console, resumed: bool) -> Trainer:
    """Set PyTorch's threads; return the trainer with their number in its configuration.

    Their number changes how sums are rounded, so a resumed run keeps the recorded one. A new run
    takes `training.threads` or `OMP_NUM_THREADS`. Without both it times some steps with one thread
    and with all: where other processes compute, threads wait for each other, and one is faster.
    """
    wanted, usable = trainer.config.training.threads, threads()
    if wanted is not None:
        if wanted > usable:
            say(
                console,
                f"training.threads = {wanted}, but this process may use {usable}: it takes "
                f"{usable}, so results are the same only up to rounding",
            )
        torch.set_num_threads(min(wanted, usable))
        return trainer
    if trainer.state.device.type != "cpu":
        return trainer
    if not threads_wanted():
        torch.set_num_threads(min(torch.get_num_threads(), usable))
        if torch.get_num_threads() > 1 and not resumed and distributed.world_size() == 1:
            torch.set_num_threads(_fastest(trainer, console))
    return replace(trainer, config=trainer.config.with_threads(torch.get_num_threads()))


def _fastest(trainer: Trainer, console: Console) -> int:
    """Return one or all, whichever takes less time for a step; leaves the trainer as it is."""
    tried = trainer.restarted(trainer.config)
    spent: dict[int, list[float]] = {1: [], torch.get_num_threads(): []}
    tried.take_step()  # sets up what later steps use again
    while sum(map(sum, spent.values())) < LEAST_SECONDS:
        for number, seconds in spent.items():
            seconds.append(_seconds(tried, number))
    mean = {number: fmean(seconds[1:] or seconds) for number, seconds in spent.items()}
    best = min(mean, key=lambda number: mean[number])
    times = ", ".join(f"{1000 * each:.0f} ms with {number}" for number, each in mean.items())
    say(console, f"threads: {best} (a step takes {times}); --threads sets another number")
    return best


def _seconds(trainer: Trainer, number: int) -> float:
    """Return how long a step takes with a number of threads."""
    torch.set_num_threads(number)
    started = time.perf_counter()
    trainer.take_step()
    return time.perf_counter() - started
