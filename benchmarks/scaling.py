"""How training speeds up with processes, and what they tell each other.

    python -m benchmarks scaling

All candidates take turns, each figure is the median of some rounds. Writes docs/scale.md.
"""

import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from unittest.mock import patch

import torch
import typer
from rich.console import Console
from torch import Tensor

from benchmarks.marked_page import check_marks, write_measured
from captiongan.compute import distributed
from captiongan.runs.load_config import load_config
from captiongan.training.trainer import Trainer

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scale.md"
PRESETS = ("gan-cls-l1-fm", "projected")
DATA, BATCH = "toy:512", 32
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")
CANDIDATES = {
    "one process, one thread": (1, 1),
    "one process, two threads": (1, 2),
    "two processes, one thread each": (2, 1),
}

app = typer.Typer(pretty_exceptions_enable=False)


@dataclass
class Messages:
    """What a process tells the others in a step: how often, and how many bytes in all."""

    count: int = 0
    bytes: int = 0

    def add(self, tensor: Tensor) -> None:
        """Count a message."""
        self.count += 1
        self.bytes += tensor.numel() * tensor.element_size()


@app.command()
def main(
    rounds: Annotated[int, typer.Option(min=1, help="Of which the median counts.")] = 3,
) -> None:
    """Measure, and write docs/scale.md."""
    check_marks(PAGE)
    lines = []
    for preset in PRESETS:
        lines += [f"`{preset}` at a whole batch of {BATCH}:", ""]
        lines += in_words(speeds(preset, rounds), messages(preset))
    write_measured(PAGE, "\n".join(lines))


def speeds(preset: str, rounds: int) -> dict[str, float]:
    """Return the images a second of each of `CANDIDATES`."""
    speeds: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for _ in range(rounds):
        for name, (count, threads) in CANDIDATES.items():
            speeds[name].append(_speed(preset, count, threads))
    return {name: statistics.median(each) for name, each in speeds.items()}


def messages(preset: str) -> Messages:
    """Count what two processes would say in a step, by one that is told that it is not alone."""
    said = Messages()
    with _as_if_two(said):
        config = load_config(preset, [f"training.batch_size={BATCH}"], DATA)
        trainer = Trainer.prepare(config, Console(quiet=True))
        trainer.take_step()
    return said


def in_words(speeds: Mapping[str, float], said: Messages) -> list[str]:
    """Lay out a table, and a line on the messages."""
    alone = speeds["one process, one thread"]
    rows = [f"| {name} | {speed:.1f} | {speed / alone:.2f} |" for name, speed in speeds.items()]
    return [
        "| | images a second | times the first |",
        "|---|---|---|",
        *rows,
        "",
        f"In a step a process sends {said.count} messages, {said.bytes / 1e6:.1f} MB in all.",
        "",
    ]


def _speed(preset: str, count: int, threads: int) -> float:
    options = ["--config", preset, "--data", DATA, "--dry-run"]
    batch = ["--set", f"training.batch_size={BATCH}"]
    start = [*TORCHRUN, str(count), "-m"] if count > 1 else ["-m"]
    told = subprocess.run(
        [sys.executable, *start, "captiongan", "train", *options, *batch],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"one step: ([\d.]+) s", told)
    assert found is not None, told
    return BATCH / float(found[1])


@contextmanager
def _as_if_two(said: Messages) -> Iterator[None]:
    """Make this process the first of two, the other of which has and says the same."""

    def gather(parts: list[Tensor], tensor: Tensor) -> None:
        said.add(tensor)
        for part in parts:
            part.copy_(tensor)

    def reduce(tensor: Tensor, *_: object) -> None:
        said.add(tensor)
        tensor.mul_(2)

    with (
        patch.object(distributed, "world_size", lambda: 2),
        patch.object(torch.distributed, "all_reduce", reduce),
        patch.object(torch.distributed, "all_gather", gather),
    ):
        yield
