"""What training costs as batches, networks and data sets grow: time, memory, and the start.

    python -m benchmarks cost_curves
    python -m benchmarks cost_curves --largest 100000

All points of a curve take turns, and medians count. Data is the toy set; of a large one only the
first pictures are drawn, and the other names are links to these. Writes the part "cost curves" of
docs/performance.md, and its picture.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from benchmarks.cost_curves_page import Costs, Opening, check_page, write_page
from benchmarks.performance import PRESET, Work, median_seconds, peak_megabytes
from captiongan.base.cache import CACHE_VARIABLE
from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity
from captiongan.data.folder import METADATA
from captiongan.data.pairs import PairSampler
from captiongan.data.store import PictureStore, open_store
from captiongan.data.toy import captions, toy_flower, write_toy_folder
from captiongan.runs.load_config import load_config
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.training.trainer import Trainer

BATCHES, BATCH = (8, 16, 32, 64, 128), 32
WIDTHS, WIDTH = (16, 32, 64, 128), 64
"""What is varied, and what is usual while the other is varied."""

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SIDE, STORED_SIDE = 64, 76
DRAWN = 128
"""Pictures of a large data set that are no links."""

app = typer.Typer(pretty_exceptions_enable=False)


class Zeros:
    """A text encoder that costs nothing, so that looking up what is known can be measured alone."""

    identity, dim = EncoderIdentity("zeros", "0" * 64), 384

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return (N, dim) zeros."""
        return np.zeros((len(texts), self.dim), dtype=np.float32)


@app.command()
def main(
    rounds: Annotated[int, typer.Option(min=1, help="Of which the median counts.")] = 3,
    largest: Annotated[int, typer.Option(help="Pictures of the largest data set.")] = 10_000,
) -> None:
    """Measure, and write docs/performance.md."""
    check_page()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ[CACHE_VARIABLE] = str(folder / "cache")
        toy = folder / "toy"
        write_toy_folder(toy, max(BATCHES), SIDE)
        batches = {size: options(batch=size) for size in BATCHES}
        costs = Costs(
            of_batches=images_per_second(toy, batches, rounds),
            of_widths=images_per_second(
                toy, {width: options(width=width) for width in WIDTHS}, rounds
            ),
            megabytes={size: peak_megabytes(_dry_run(toy, batches[size])) for size in BATCHES},
            openings={
                size: opening(folder / str(size), size, rounds)
                for size in takewhile(lambda size: size <= largest, SIZES)
            },
        )
    write_page(costs)


def options(batch: int = BATCH, width: int = WIDTH) -> list[str]:
    """Return the overrides of the preset for a batch size and features of both players."""
    return [
        f"training.batch_size={batch}",
        f"generator.features={width}",
        f"discriminator.features={width}",
    ]


def images_per_second(data: Path, points: dict[int, list[str]], rounds: int) -> dict[int, float]:
    """Time a training step at each point of a curve, in turns."""
    trainers = {
        point: Trainer.prepare(load_config(PRESET, overrides, str(data)), Console(quiet=True))
        for point, overrides in points.items()
    }
    steps: dict[str, Work] = {str(point): trainer.take_step for point, trainer in trainers.items()}
    seconds = median_seconds(steps, rounds)
    return {
        point: trainer.config.training.batch_size / seconds[str(point)]
        for point, trainer in trainers.items()
    }


def _dry_run(data: Path, overrides: Sequence[str]) -> list[str]:
    asked = ["train", "--dry-run", "--config", PRESET, "--data", str(data)]
    changes = [part for override in overrides for part in ("--set", override)]
    return [sys.executable, "-m", "captiongan", *asked, *changes]


def opening(data: Path, size: int, rounds: int) -> Opening:
    """Time what a training does before its first step, with a data set of some size."""
    write_linked_folder(data, size)

    def opened() -> PictureStore:
        return open_store(str(data), STORED_SIDE, SIDE)

    started = time.perf_counter()
    store = opened()
    prepared = time.perf_counter() - started
    encoder = CachedTextEncoder(Zeros())
    encoder.encode(store.captions)
    seconds = median_seconds(
        {
            "store": opened,
            "pairs": lambda: PairSampler(store.examples, BATCH, seed=0),
            "embeddings": lambda: encoder.encode(store.captions),
        },
        rounds,
    )
    return Opening(prepared, **seconds)


def write_linked_folder(out: Path, size: int) -> None:
    """Write a captioned folder of `size` pictures with the captions of the toy set."""
    drawn = min(size, DRAWN)
    write_toy_folder(out, drawn, SIDE)
    with (out / METADATA).open("a", encoding="utf-8") as metadata:
        for number in range(drawn, size):
            flower, name = toy_flower(0, number), f"link-{number}.png"
            (out / name).hardlink_to(out / f"toy_{number % drawn:06d}.png")
            line = {"file_name": name, "text": captions(flower), "class": flower.label}
            metadata.write(json.dumps(line) + "\n")
