"""How fast: training and drawing beside the straightforward way, measured in one run.

    python -m benchmarks performance

Each figure is the median of several rounds in which all candidates take turns, so that what
disturbs one disturbs all. Writes docs/performance.md.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, cycle
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import MPNetConfig, MPNetModel

from benchmarks.exercise import Exercise, decoded
from benchmarks.marked_page import check_marks, write_measured
from benchmarks.onnx_flops import flops_of
from benchmarks.performance_page import BATCH, MATRIX, PAGE, Figures, in_words
from benchmarks.step_profile import Part, parts_of
from captiongan.bundle.manifest import GENERATOR_FILE
from captiongan.data.toy import write_toy_folder
from captiongan.draw.pipeline import Pipeline
from captiongan.loading import load
from captiongan.networks.course import Generator as CourseGenerator
from captiongan.runs.build import build_generator
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import load_config
from captiongan.training.starting_config import trained_config
from captiongan.training.step import Batch
from captiongan.training.trainer import Trainer

ROOT = Path(__file__).parents[1]
PRESET = "gan-cls-l1-fm"
PICTURES = 512
TOKENS = 20
"""Of a sentence that the exercise's text model reads."""

PAUSE = 0.05
"""Seconds before each work, until the threads of the last one no longer spin for more."""

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"

COLOURS = ("red", "blue", "yellow", "white", "purple", "pink", "orange", "violet")

app = typer.Typer(pretty_exceptions_enable=False)

Work = Callable[[], object]


@app.command()
def main(
    rounds: Annotated[int, typer.Option(min=1, help="Of which the median counts.")] = 5,
    bundle: Annotated[str, typer.Option(help="Bundle that draws.")] = "flowers",
) -> None:
    """Measure, and write docs/performance.md."""
    check_marks(PAGE)
    pipeline = load(bundle)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "toy"
        write_toy_folder(data, PICTURES, 144, seed=0)
        config = load_config(PRESET, [f"training.batch_size={BATCH}"], str(data))
        step, parts = training_figures(config, sorted(data.glob("*.png")), rounds)
    figures = Figures(
        step=step,
        parts=parts,
        drawing=drawing_seconds(pipeline, rounds),
        flops_of_picture={
            "trained": flops_as_trained(pipeline),
            "drawn": flops_of(pipeline.bundle.folder / GENERATOR_FILE),
        },
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
            time.sleep(PAUSE)
            started = time.perf_counter()
            work()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in seconds.items()}


def training_figures(
    config: RunConfig, files: Sequence[Path], rounds: int
) -> tuple[dict[str, float], dict[str, list[Part]]]:
    """Return the seconds of a step of the exercise and of ours, and the parts of both."""
    trainer = Trainer.prepare(config, Console(quiet=True))
    exercise = Exercise.of(config, trainer.encoder.dim)
    numbers, names = count(), cycle(files)

    def with_decoding() -> None:
        batch = trainer.data.batch(next(numbers))
        pictures = decoded([next(names) for _ in range(BATCH)], config.data.resolution)
        exercise.step(batch._replace(pictures=pictures))

    steps: dict[str, Work] = {
        "exercise": lambda: exercise.step(_contiguous(trainer, next(numbers))),
        "ours": trainer.take_step,
    }
    seconds = median_seconds({"exercise, with decoding": with_decoding} | steps, rounds)
    return seconds, {name: parts_of(step, rounds) for name, step in steps.items()}


def _contiguous(trainer: Trainer, number: int) -> Batch:
    batch = trainer.data.batch(number)
    return batch._replace(pictures=batch.pictures.contiguous())


def drawing_seconds(pipeline: Pipeline, rounds: int) -> dict[str, float]:
    """Return the seconds of one new sentence and of its parts, by the demo, and of 64 pictures."""
    new, more = sentences(), sentences()
    plan = pipeline.plan(["a red flower"], n=BATCH)
    works: dict[str, Work] = {
        "demo": _demo(),
        "one": lambda: pipeline.generate(next(new)),
        "text": lambda: pipeline.encode([next(more)]),
        "one drawn": lambda: pipeline.draw(plan.noise[:1], plan.embedding[:1]),
        "many": lambda: pipeline.generate("a red flower", n=BATCH),
        "many drawn": lambda: pipeline.draw(plan.noise, plan.embedding),
    }
    return median_seconds(works, 4 * rounds)


def flops_as_trained(pipeline: Pipeline) -> int:
    """Count the FLOPs of a picture in the generator's own layers."""
    manifest = pipeline.manifest
    config = trained_config(pipeline.bundle)
    generator = build_generator(config, manifest.embedding_dim).eval()
    inputs = torch.zeros(1, manifest.noise_dim), torch.zeros(1, manifest.embedding_dim)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        generator(*inputs)
    flops: int = counter.get_total_flops()
    return flops


def sentences() -> Iterator[str]:
    """Yield sentences of which no two in a row of sixty-four are the same."""
    pairs = [(one, other) for one in COLOURS for other in COLOURS]
    return (f"this flower has {one} petals and a {other} centre" for one, other in cycle(pairs))


def _demo() -> Work:
    """Return the exercise's demo: its text model, with random weights, and its generator."""
    text = MPNetModel(MPNetConfig()).eval()
    generator = CourseGenerator(
        resolution=64, features=128, noise_dim=100, embedding_dim=768, projected_dim=256
    ).eval()
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
        command = _generate(bundle, folder)
        subprocess.run(command, check=True, capture_output=True, env=_with_bytecode())


def _with_bytecode() -> dict[str, str]:
    """Return the environment of a user, whose Python keeps what it has compiled."""
    return {name: value for name, value in os.environ.items() if name != NO_BYTECODE}


def _megabytes_of_a_process(bundle: str) -> int:
    """Return the most memory that drawing takes."""
    with tempfile.TemporaryDirectory() as folder:
        return peak_megabytes(_generate(bundle, folder))


def peak_megabytes(command: Sequence[str]) -> int:
    """Return the most memory that a command takes, as a small parent sees it.

    A child of this process would count what is in memory here.
    """
    parent = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, capture_output=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    )
    parent_and_child = [sys.executable, "-c", parent, *command]
    return int(subprocess.run(parent_and_child, check=True, capture_output=True).stdout)


def _generate(bundle: str, folder: str) -> list[str]:
    asked = ["generate", "a red flower", "--bundle", bundle, "-o", f"{folder}/a.png"]
    return [sys.executable, "-m", "captiongan", *asked]
