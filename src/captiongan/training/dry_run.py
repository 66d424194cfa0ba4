"""A dry run: prints the configuration, the networks' sizes and a timed step; starts no run."""

import time
from datetime import timedelta

from rich.console import Console

from captiongan.base.progress import say
from captiongan.training.cuda_graph import WARM_UP
from captiongan.training.step import Metrics
from captiongan.training.trainer import Trainer

TIMED_STEPS = 5
UNTIMED_STEPS = WARM_UP + 1
"""The last of them records the step as a CUDA graph."""


def print_dry_run(trainer: Trainer, console: Console) -> None:
    """Print what a run would do; take a few steps to time them, and write nothing."""
    say(console, trainer.config.to_yaml())
    state, plan = trainer.state, trainer.config.training
    for name, network in (("generator", state.generator), ("discriminator", state.discriminator)):
        say(console, f"{name}: {sum(w.numel() for w in network.parameters()):,} parameters")
    steps_left = plan.steps(plan.kimg) - state.step
    for _ in range(UNTIMED_STEPS):
        metrics = trainer.take_step()
    started = _time_when_done(metrics)
    for _ in range(TIMED_STEPS):
        metrics = trainer.take_step()
    seconds = (_time_when_done(metrics) - started) / TIMED_STEPS
    whole = timedelta(seconds=round(steps_left * seconds))
    say(
        console,
        f"one step: {seconds:.3f} s ({plan.batch_size / seconds:.0f} images/s), "
        f"{steps_left:,} steps: {whole}. No run was started.",
    )


def _time_when_done(metrics: Metrics) -> float:
    """Wait until the device has computed the metrics; return the time."""
    float(metrics["loss_d"])
    return time.perf_counter()
