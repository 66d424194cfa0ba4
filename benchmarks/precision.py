"""Training steps of `projected` on this CPU in both precisions, measured in one run.

    python -m benchmarks precision

Both take turns; each figure is a median. Prints a table in Markdown for docs/performance.md.
"""

from typing import Annotated

import torch
import typer
from rich.console import Console

from benchmarks.performance import Work, median_seconds
from benchmarks.performance_page import BATCH
from captiongan.compute.memory import keep_freed_memory
from captiongan.runs.load_config import load_config
from captiongan.training.trainer import Trainer

app = typer.Typer(pretty_exceptions_enable=False)

SIDES = (96, 160)
"""To which the discriminator enlarges the pictures, in pixels."""


@app.command()
def main(
    rounds: Annotated[int, typer.Option(min=1, help="Of which the median counts.")] = 5,
) -> None:
    """Measure, and print the table."""
    keep_freed_memory()
    works: dict[str, Work] = {}
    for precision in ("32-true", "bf16-mixed"):
        for side in SIDES:
            options = [
                f"training.precision={precision}",
                f"discriminator.look=[{side}]",
                "discriminator.bf16=true",  # where the run's precision is bf16
            ]
            options += [f"training.batch_size={BATCH}", "scores.every_kimg=0"]
            config = load_config("projected", options, "toy:1000")
            trainer = Trainer.prepare(config, Console(quiet=True))
            works[f"{precision}, D at {side} pixels"] = trainer.take_step
    seconds = median_seconds(works, rounds)
    typer.echo(f"Threads: {torch.get_num_threads()}.\n\n| | pictures a second |\n|---|---|")
    for name, each in seconds.items():
        typer.echo(f"| {name} | {BATCH / each:.1f} |")
