"""A training killed at random, again and again, resumed, and held against one that never was.

Every second one starts from a bundle.
"""

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
from captiongan.export.export import export_run
from captiongan.runs.checkpoint import checkpoints, latest_checkpoint
from captiongan.runs.load_trained import load_trained
from captiongan.runs.run_folder import RunFolder
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
BUNDLE = (*TINY, "network=fusion", f"training.kimg={BATCH_SIZE / 100}")
"""The run of which the bundle is made that others start from."""


@dataclass(frozen=True)
class Kills:
    """What became of trainings that were killed.

    `during_saves` of the `kills` left a checkpoint behind that was half written or half removed;
    `torn` left one that does not count among those that do; `most_lost` steps, at most, had to be
    taken again; `different` runs did not end like the unbroken one. `started` of the `runs` began
    with the weights of a bundle.
    """

    kills: int
    during_saves: int
    runs: int
    most_lost: int
    different: int
    torn: int = 0
    started: int = 0


def survive_kills(folder: Path, kills: int, seed: int) -> Kills:
    """Kill trainings so many times at moments that `seed` draws, and resume each to its end.

    Children are forked from this process, so that a kill costs a second, not ten.
    """
    moments = random.Random(seed)
    _train(None, folder / "warm-up")  # children inherit what is imported by now
    starts = None, _a_bundle(folder)
    seconds, unbroken = zip(
        *(_unbroken(folder / f"unbroken-{number}", each) for number, each in enumerate(starts)),
        strict=True,
    )
    killed = during_saves = most_lost = different = torn = runs = 0
    while killed < kills or runs < len(starts):
        kind = runs % len(starts)
        out, run = folder / f"run-{runs}", None
        while run is None or latest_step(run) < STEPS:
            child = _child(run, out, starts[kind])
            child.join(moments.uniform(0, seconds[kind]))
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
        different += outcome(run) != unbroken[kind]
        runs += 1
    return Kills(killed, during_saves, runs, most_lost, different, torn, started=runs // 2)


def _a_bundle(folder: Path) -> Path:
    """Write the bundle that runs start from."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        start(None, DATA, folder / "before", None, BUNDLE, dry_run=False)
    (run,) = _runs(folder / "before")
    return export_run(load_trained(run), folder / "bundle", "bundle", "1", ["a red flower"]).folder


def _unbroken(out: Path, bundle: Path | None) -> tuple[float, dict[str, object]]:
    """Train without a kill; return the seconds it took, and the outcome."""
    started = time.perf_counter()
    _end(_child(None, out, bundle))
    return time.perf_counter() - started, outcome(_runs(out)[0])


def _child(run: RunFolder | None, out: Path, bundle: Path | None) -> BaseProcess:
    child = multiprocessing.get_context("fork").Process(target=_train, args=(run, out, bundle))
    child.start()
    return child


def _train(run: RunFolder | None, out: Path, bundle: Path | None = None) -> None:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        if run is None:
            begin = None if bundle is None else str(bundle)
            start(None, DATA, out, None, TINY, dry_run=False, bundle=begin)
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
