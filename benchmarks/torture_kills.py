"""A training killed at random, again and again, resumed, and held against one that never was."""

import contextlib
import multiprocessing
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from captiongan.errors import CaptionganError
from captiongan.training.checkpoint import checkpoints, latest_checkpoint
from captiongan.training.run_folder import RunFolder
from captiongan.training.start import start

STEPS, STEPS_A_SAVE, BATCH_SIZE = 120, 3, 4
TINY = (
    *("data.resolution=16", "data.margin=2", "generator.features=2", "discriminator.features=2"),
    *(f"training.batch_size={BATCH_SIZE}", "training.precision=32-true", "scores.every_kimg=0"),
    f"training.kimg={STEPS * BATCH_SIZE / 1000}",
    f"training.log_every_kimg={BATCH_SIZE / 1000}",
    f"training.grid_every_kimg={40 * BATCH_SIZE / 1000}",
    f"training.checkpoint_every_kimg={STEPS_A_SAVE * BATCH_SIZE / 1000}",
)
DATA = "toy:24"


@dataclass(frozen=True)
class Kills:
    """What became of trainings that were killed.

    `during_saves` of the `kills` left a checkpoint behind that was half written or half removed;
    `torn` left one that does not count among those that do; `most_lost` steps, at most, had to be
    taken again; `different` runs did not end like the unbroken one.
    """

    kills: int
    during_saves: int
    runs: int
    most_lost: int
    different: int
    torn: int = 0


def survive_kills(folder: Path, kills: int, seed: int) -> Kills:
    """Kill trainings so many times at moments that `seed` draws, and resume each to its end.

    Children are forked from this process, so that a kill costs a second, not ten.
    """
    moments = random.Random(seed)
    _train(None, folder / "warm-up")  # children inherit what is imported by now
    started = time.perf_counter()
    _end(_child(None, folder / "unbroken"))
    seconds = time.perf_counter() - started
    unbroken = outcome(_runs(folder / "unbroken")[0])
    killed = during_saves = most_lost = different = torn = runs = 0
    while killed < kills:
        out, run = folder / f"run-{runs}", None
        while run is None or latest_step(run) < STEPS:
            child = _child(run, out)
            child.join(moments.uniform(0, seconds))
            was_alive = child.exitcode is None
            child.kill()
            _end(child, allowed=(0, -9))
            run = next(iter(_runs(out)), None)
            run = run if run and latest_step(run) else None
            if was_alive:
                killed += 1
                if run:
                    during_saves += any(run.checkpoints.glob(".step-*"))
                    shown = len(list(run.checkpoints.glob("step-*")))
                    torn += len(checkpoints(run.checkpoints)) < shown
                    most_lost = max(most_lost, _newest_figures(run) - latest_step(run))
                else:
                    out = folder / f"run-{runs}-{killed}"  # nothing was saved: begin anew
        different += outcome(run) != unbroken
        runs += 1
    return Kills(killed, during_saves, runs, most_lost, different, torn)


def _child(run: RunFolder | None, out: Path) -> BaseProcess:
    child = multiprocessing.get_context("fork").Process(target=_train, args=(run, out))
    child.start()
    return child


def _train(run: RunFolder | None, out: Path) -> None:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        if run is None:
            start(None, DATA, out, None, TINY, dry_run=False)
        else:
            start(None, None, out, run.path, [], dry_run=False)


def _end(child: BaseProcess, allowed: Sequence[int] = (0,)) -> None:
    child.join()
    if child.exitcode not in allowed:
        raise CaptionganError(f"a training ended with code {child.exitcode}; see above")


def _runs(out: Path) -> list[RunFolder]:
    return [RunFolder(path) for path in sorted(out.glob("0*")) if (path / "data.json").is_file()]


def latest_step(run: RunFolder) -> int:
    """Return the step of the newest complete checkpoint, 0 without one."""
    return max((saved.step for saved in checkpoints(run.checkpoints)), default=0)


def _newest_figures(run: RunFolder) -> int:
    return int(max((line["step"] for line in run.metrics()), default=0))


def outcome(run: RunFolder) -> dict[str, object]:
    """Return all that a run leaves, but for times: weights, moments, figures, grids."""
    saved = latest_checkpoint(run.checkpoints).path
    files = [*saved.iterdir(), *(run.path / "grids").iterdir()]
    untimed = [
        {name: value for name, value in line.items() if name not in ("time", "images_per_second")}
        for line in run.metrics()
    ]
    return {file.name: file.read_bytes() for file in files} | {"metrics": untimed}
