"""The slide "Summary" as an experiment: the lecture's systems side by side, on the same budget.

    python -m benchmarks ablation train  --data FLOWERS --runs runs/ablation --kimg 80
    python -m benchmarks ablation report --data FLOWERS --runs runs/ablation

`train` goes on where it was stopped; `train gan reed ...` trains these presets only, so that
several machines, or cores, can share the work. `report` scores all runs and writes
docs/ablation.md.
"""

import io
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from benchmarks.ablation_page import Row, check_page, write_page
from captiongan.evaluation.evaluate import Evaluation, evaluate
from captiongan.evaluation.report import draw_public, write_report
from captiongan.runs.run_folder import RunFolder
from captiongan.training.start import start
from captiongan.training.trainer import Trainer

ROOT = Path(__file__).parents[1]

PRESETS = (
    "gan",
    "dcgan-unconditional",
    "gan-cls",
    "gan-cls-l1",
    "gan-cls-l1-fm",
    "gan-int-cls",
    "reed",
    "course",
)
"""What is compared, in the order of the slides."""

POINTS = 10
"""How often a run scores itself, for the learning curves."""

PROMPTS = (ROOT / "docs" / "flowers-prompts.txt").read_text(encoding="utf-8").splitlines()[:4]

EXTRACTOR, PER_PICTURE, SEED = "lite1", 10, 0

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

Data = Annotated[Path, typer.Option(help="Folder with a captioned folder `train`, and one `test`.")]
Runs = Annotated[Path, typer.Option(help="Where the runs are, a folder for each preset.")]


@app.command()
def train(
    data: Data,
    runs: Runs,
    kimg: Annotated[float, typer.Option(help="Thousand pictures to show to each.")],
    presets: Annotated[list[str] | None, typer.Argument(help="Some presets; else all.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="section.name=value, for all of them.")
    ] = None,
) -> None:
    """Train presets, each on as many pictures, with the same seed."""
    for preset in presets or PRESETS:
        train_preset(preset, data, runs, kimg, override or [])


@app.command()
def report(
    data: Data,
    runs: Runs,
    docs: Annotated[Path, typer.Option(help="Folder of ablation.md.")] = ROOT / "docs",
) -> None:
    """Score the newest checkpoint of every preset's run; write tables, curves and pictures."""
    check_page(docs)
    folders = {preset: newest_run(runs / preset) for preset in PRESETS}
    paths = [str(folder.path) for folder in folders.values()]
    evaluation = evaluate(
        paths, data, "test", EXTRACTOR, PER_PICTURE, SEED, "newest", lambda line: typer.echo(line)
    )
    shown = draw_public([result.candidate for result in evaluation.results], PROMPTS, SEED)
    write_report(docs / "reports" / "ablation", evaluation, shown)
    write_page(docs, rows_of(folders, evaluation), PROMPTS)


def train_preset(
    preset: str, data: Path, runs: Path, kimg: float, overrides: list[str] | None = None
) -> None:
    """Train one preset, or go on with it, until it has been shown `kimg` thousand pictures."""
    length = [f"training.kimg={kimg:g}", f"training.checkpoint_every_kimg={kimg / 4:g}"]
    if (runs / preset).is_dir():
        begun = newest_run(runs / preset)
        if reached(begun) < kimg:
            start(None, None, runs, begun.path, length, dry_run=False)
        return
    fresh = [*length, "training.seed=0", f"scores.every_kimg={kimg / POINTS:g}", *(overrides or [])]
    start(preset, str(data / "train"), runs / preset, None, fresh, dry_run=False)


def newest_run(runs: Path) -> RunFolder:
    """Open the newest run in a folder of runs."""
    return RunFolder.open(max(runs.glob("*-*"), default=runs))


def reached(folder: RunFolder) -> float:
    """How many kimg a run has been shown, up to the last batch."""
    kimg = max((line["kimg"] for line in folder.metrics()), default=0.0)
    return kimg + folder.config().training.batch_size / 1000


def rows_of(runs: Mapping[str, RunFolder], evaluation: Evaluation) -> list[Row]:
    """Gather what the page tells of each preset."""
    trainers = {
        preset: Trainer.prepare(folder.config(), Console(file=io.StringIO()))
        for preset, folder in runs.items()
    }
    speeds = images_per_second(trainers)
    return [
        Row(
            preset=preset,
            result=result,
            curve=runs[preset].metrics(),
            generator=_size(trainers[preset].state.generator),
            discriminator=_size(trainers[preset].state.discriminator),
            images_per_second=speeds[preset],
        )
        for preset, result in zip(runs, evaluation.results, strict=True)
    ]


def images_per_second(trainers: Mapping[str, Trainer], rounds: int = 5) -> dict[str, float]:
    """Time training steps, in turns, so that whatever else the machine does hits all alike."""
    seconds: dict[str, list[float]] = {preset: [] for preset in trainers}
    for _ in range(1 + rounds):
        for preset, trainer in trainers.items():
            started = time.perf_counter()
            trainer.take_step()
            seconds[preset].append(time.perf_counter() - started)
    return {
        preset: trainer.config.training.batch_size / statistics.median(seconds[preset][1:])
        for preset, trainer in trainers.items()
    }


def _size(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())
