"""How fast: training and drawing beside the straightforward way, measured in one run.

    python benchmarks/performance.py

Each figure is the median of several rounds in which all candidates take turns, so that what
disturbs one disturbs all. Writes docs/performance.md.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import MPNetConfig, MPNetModel

from captiongan.cli import run
from captiongan.config import RunConfig, load_config
from captiongan.data.toy import write_toy_folder
from captiongan.networks.course import Generator as CourseGenerator
from captiongan.pipeline import Pipeline, load
from captiongan.training.loop import Trainer
from captiongan.training.step import Batch, training_step
from exercise import Exercise, decoded
from marked_page import check_marks, write_measured

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
PRESET = ROOT / "configs" / "gan-cls-l1-fm.yaml"
PICTURES, BATCH, MATRIX = 512, 64, 1024
TOKENS = 20
"""Of a sentence that the exercise's text model reads."""

COLOURS = ("red", "blue", "yellow", "white", "purple", "pink", "orange", "violet")

app = typer.Typer(pretty_exceptions_enable=False)

Work = Callable[[], object]


@dataclass(frozen=True)
class Figures:
    """What was measured: seconds of a step, of a picture or a whole process, and so on."""

    step: Mapping[str, float]
    drawing: Mapping[str, float]
    flops_of_step: float
    flops_a_second: float
    process_seconds: float
    process_megabytes: int


@app.command()
def main(
    rounds: Annotated[int, typer.Option(min=1, help="Of which the median counts.")] = 5,
    bundle: Annotated[str, typer.Option(help="Bundle that draws.")] = "flowers",
) -> None:
    """Measure, and write docs/performance.md."""
    check_marks(PAGE)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "toy"
        write_toy_folder(data, PICTURES, 144, seed=0)
        config = load_config(PRESET, [f"training.batch_size={BATCH}"], str(data))
        step, flops = training_seconds(config, sorted(data.glob("*.png")), rounds)
    figures = Figures(
        step=step,
        drawing=drawing_seconds(load(bundle), rounds),
        flops_of_step=flops,
        flops_a_second=2 * MATRIX**3 / median_seconds({"": _matrix_product()}, 4 * rounds)[""],
        process_seconds=median_seconds({"": lambda: _draw_in_a_process(bundle)}, rounds)[""],
        process_megabytes=_megabytes_of_a_process(bundle),
    )
    write_measured(PAGE, in_words(figures, bundle))


def median_seconds(works: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """Time all works in turns, so many rounds after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in seconds.items()}


def training_seconds(
    config: RunConfig, files: Sequence[Path], rounds: int
) -> tuple[dict[str, float], float]:
    """Return the seconds of a step of the exercise and of ours, and the FLOPs of ours."""
    trainer = Trainer.prepare(config, Console(quiet=True))
    exercise = Exercise.of(config, trainer.encoder.dim)
    numbers, names = count(), cycle(files)

    def with_decoding() -> None:
        batch = trainer.data.batch(next(numbers))
        pictures = decoded([next(names) for _ in range(BATCH)], config.data.resolution)
        exercise.step(batch._replace(pictures=pictures))

    works: dict[str, Work] = {
        "exercise, with decoding": with_decoding,
        "exercise": lambda: exercise.step(_contiguous(trainer, next(numbers))),
        "ours": trainer.take_step,
    }
    seconds = median_seconds(works, rounds)
    with FlopCounterMode(display=False) as counter:
        training_step(trainer.game, trainer.data.batch(0), config.losses)
    return seconds, float(counter.get_total_flops())


def _contiguous(trainer: Trainer, number: int) -> Batch:
    batch = trainer.data.batch(number)
    return batch._replace(pictures=batch.pictures.contiguous())


def drawing_seconds(pipeline: Pipeline, rounds: int) -> dict[str, float]:
    """Return the seconds of one new sentence, by the demo and by us, and of 64 pictures."""
    sentences = _sentences()
    works: dict[str, Work] = {
        "demo": _demo(),
        "one": lambda: pipeline.generate(next(sentences)),
        "many": lambda: pipeline.generate("a red flower", n=BATCH),
    }
    return median_seconds(works, 4 * rounds)


def _sentences() -> Iterator[str]:
    """Yield sentences of which no two in a row of sixty-four are the same."""
    pairs = [(one, other) for one in COLOURS for other in COLOURS]
    return (f"this flower has {one} petals and a {other} centre" for one, other in cycle(pairs))


def _demo() -> Work:
    """Return the exercise's demo: its text model, with random weights, and its generator."""
    text = MPNetModel(MPNetConfig()).eval()
    generator = CourseGenerator(64, 128, 100, 768, 256).eval()
    ids = torch.randint(5, 1000, (1, TOKENS))

    def draw() -> Tensor:
        with torch.inference_mode():
            embedding = text(ids).last_hidden_state.mean(dim=1)
            picture: Tensor = generator(torch.randn(1, 100), embedding)
        return picture

    return draw


def _matrix_product() -> Work:
    one, other = torch.rand(2, MATRIX, MATRIX)
    return lambda: one @ other


def _draw_in_a_process(bundle: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(_generate(bundle, folder), check=True, capture_output=True)


def _megabytes_of_a_process(bundle: str) -> int:
    """Return the most memory that drawing takes, as a small parent sees it.

    A child of this process would count what is in memory here.
    """
    parent = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", parent, *_generate(bundle, folder)]
        return int(subprocess.run(command, check=True, capture_output=True).stdout)


def _generate(bundle: str, folder: str) -> list[str]:
    asked = ["generate", "a red flower", "--bundle", bundle, "-o", f"{folder}/a.png"]
    return [sys.executable, "-m", "captiongan", *asked]


def in_words(figures: Figures, bundle: str) -> str:
    """Put the figures into Markdown."""
    cores = len(os.sched_getaffinity(0))
    ceiling = figures.flops_a_second / 1e9
    share = figures.flops_of_step / figures.step["ours"] / figures.flops_a_second
    parts = [
        f"{cores} cores, {platform.machine()}, {torch.get_num_threads()} threads; a product of "
        f"matrices of {MATRIX} x {MATRIX} in single precision runs at {ceiling:.0f} GFLOP/s.",
        f"Training, `configs/gan-cls-l1-fm.yaml` at batch {BATCH}:",
        _table("| | images a second | times the exercise |", _training_rows(figures.step)),
        f"A step of ours counts {figures.flops_of_step / 1e9:.0f} GFLOP in convolutions and "
        f"products, and runs at {100 * share:.0f} % of what products of matrices reach here.",
        f"Drawing, bundle `{bundle}`:",
        _table("| | |", _drawing_rows(figures)),
    ]
    return "\n\n".join(parts) + "\n"


def _training_rows(step: Mapping[str, float]) -> list[str]:
    decoding, exercise, ours = (
        step[name] for name in ("exercise, with decoding", "exercise", "ours")
    )
    return [
        f"| the exercise, decoding each picture when it is asked for | {BATCH / decoding:.1f} | |",
        f"| the exercise, without decoding | {BATCH / exercise:.1f} | 1 |",
        f"| ours | {BATCH / ours:.1f} | {exercise / ours:.2f} |",
        f"| ours against the exercise with decoding | | {decoding / ours:.2f} |",
    ]


def _drawing_rows(figures: Figures) -> list[str]:
    one, demo, many = (figures.drawing[name] for name in ("one", "demo", "many"))
    return [
        f"| one picture of a new sentence, text included | {1000 * one:.1f} ms |",
        "| the exercise's demo: its text model, with random weights, and its generator | "
        f"{1000 * demo:.0f} ms, {demo / one:.1f} times ours |",
        f"| {BATCH} pictures | {1000 * many:.0f} ms, {BATCH / many:.0f} a second |",
        f"| `captiongan generate` as a whole process | {figures.process_seconds:.2f} s, "
        f"{figures.process_megabytes} MB |",
    ]


def _table(head: str, rows: Sequence[str]) -> str:
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows])


if __name__ == "__main__":
    run(app)
