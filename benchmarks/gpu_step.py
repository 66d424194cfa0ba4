"""How fast training is on an NVIDIA GPU, beside the straightforward way, measured in one run.

    python -m benchmarks gpu_step

All candidates take turns; each figure is a median. Writes docs/gpu.md, or with `--out` a file.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from benchmarks.exercise import Exercise
from benchmarks.marked_page import check_marks, write_measured
from captiongan.errors import ConfigError
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import load_config
from captiongan.training.step import training_step
from captiongan.training.trainer import Trainer

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gpu.md"
BATCH, LARGE_BATCH = 64, 256
TURN = 0.5
"""Seconds that a candidate's turn takes, about."""

MATRIX = 8192
BASELINE = "the exercise, eager, single precision"

app = typer.Typer(pretty_exceptions_enable=False)

Step = Callable[[], object]


@app.command()
def main(
    rounds: Annotated[int, typer.Option(min=1, help="Of which the median counts.")] = 5,
    out: Annotated[Path, typer.Option(help="Page to write into.")] = PAGE,
) -> None:
    """Measure, and write the page."""
    check_marks(out)
    if not torch.cuda.is_available():
        raise ConfigError("there is no NVIDIA GPU here; this benchmark measures nothing else")
    lecture = _config("gan-cls-l1-fm")
    candidates = {
        BASELINE: (_exercise(lecture), BATCH),
        "`gan-cls-l1-fm`, single precision": (_ours(lecture, "32-true"), BATCH),
        "`gan-cls-l1-fm`, bf16, not captured": (_eager(lecture), BATCH),
        "`gan-cls-l1-fm`, bf16": (_ours(lecture), BATCH),
        f"`gan-cls-l1-fm`, bf16, batch {LARGE_BATCH}": (
            _ours(_config("gan-cls-l1-fm", LARGE_BATCH)),
            LARGE_BATCH,
        ),
        "`projected`, bf16, not captured": (_eager(_config("projected")), BATCH),
        "`projected`, bf16": (_ours(_config("projected")), BATCH),
        f"`projected`, bf16, batch {LARGE_BATCH}": (
            _ours(_config("projected", LARGE_BATCH)),
            LARGE_BATCH,
        ),
        "`projected-128`, bf16": (_ours(_config("projected-128")), BATCH),
    }
    seconds = seconds_of_steps({name: step for name, (step, _) in candidates.items()}, rounds)
    speeds = {name: batch / seconds[name] for name, (_, batch) in candidates.items()}
    write_measured(out, in_words(speeds))


def seconds_of_steps(steps: Mapping[str, Step], rounds: int) -> dict[str, float]:
    """Time all steps in turns of so many each, so many rounds after the first, which finds out."""
    repeats = {name: max(3, round(TURN / _mean_seconds(step, 10))) for name, step in steps.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(_mean_seconds(step, repeats[name]))
    return {name: statistics.median(each) for name, each in seconds.items()}


def in_words(speeds: Mapping[str, float]) -> str:
    """Put pictures a second into Markdown."""
    lines = [
        f"One {torch.cuda.get_device_name()}, PyTorch {torch.__version__}, batch {BATCH} where "
        f"nothing else is said; a product of matrices of {MATRIX} x {MATRIX} in bf16 runs at "
        f"{_ceiling() / 1e12:.0f} TFLOP/s.",
        "",
        "| | pictures a second | times the exercise |",
        "|---|---|---|",
    ]
    for name, speed in speeds.items():
        lecture = name == BASELINE or "gan-cls-l1-fm" in name
        ratio = f"{speed / speeds[BASELINE]:.1f}" if lecture else ""
        lines.append(f"| {name} | {speed:,.0f} | {ratio} |")
    return "\n".join(lines) + "\n"


def _config(preset: str, batch: int = BATCH) -> RunConfig:
    return load_config(preset, [f"training.batch_size={batch}", "scores.every_kimg=0"], "toy:1000")


def _trainer(config: RunConfig, precision: str) -> Trainer:
    training = config.training.model_copy(update={"precision": precision})
    return Trainer.prepare(config.model_copy(update={"training": training}), Console(quiet=True))


def _ours(config: RunConfig, precision: str = "bf16-mixed") -> Step:
    """Return our step as it is taken on a GPU: one graph."""
    return _trainer(config, precision).take_step


def _eager(config: RunConfig) -> Step:
    """Return our step, launched kernel by kernel."""
    return replace(_trainer(config, "bf16-mixed"), step=training_step).take_step


def _exercise(config: RunConfig) -> Step:
    trainer, numbers = _trainer(config, "32-true"), count()
    exercise = Exercise.of(config, trainer.encoder.dim)
    exercise.generator.to(trainer.state.device)
    exercise.discriminator.to(trainer.state.device)

    def step() -> object:
        batch = trainer.data.batch(next(numbers))
        return exercise.step(batch._replace(pictures=batch.pictures.contiguous()))

    return step


def _ceiling() -> float:
    """Return FLOP/s of a product of large matrices."""
    one, other = torch.rand(2, MATRIX, MATRIX, device="cuda", dtype=torch.bfloat16)
    product = {"": lambda: one @ other}
    return 2 * MATRIX**3 / seconds_of_steps(product, 5)[""]


def _mean_seconds(step: Step, repeats: int) -> float:
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(repeats):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / repeats
