"""A whole job of bulk generation, new or resumed."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console

from captiongan.base.files import os_errors_as, remove_leftovers
from captiongan.base.progress import LiveLine, Pace, time_left
from captiongan.bulk.job import Job
from captiongan.bulk.journal import JOURNAL, Account, close_journal
from captiongan.bulk.layouts import LAYOUTS
from captiongan.bulk.prompt_file import read_rows
from captiongan.bulk.shard import Shard, cut, draw_shard
from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import OutputError

SECONDS_BETWEEN_LINES = 10
"""How often progress is printed without a terminal."""


def generate_all(
    prompts: Path,
    out: Path,
    bundle: Bundle | str | Path = "flowers",
    n: int = 1,
    seed: int = 0,
    truncation: float = 1.0,
    layout: str = "webdataset",
    shard_size: int = 1000,
    ray: str | None = None,
    console: Console | None = None,
) -> Account:
    """Draw `n` pictures of each row of a file of prompts, except those that are already there.

    Picture i of the job, counted from 0 over all rows, has the seed `seed` + i; picture k of a row
    with a seed of its own has that seed + k. So `Pipeline.generate` draws any of them again. After
    a stop at any moment, a call with the same arguments resumes the job, and `out` becomes byte
    for byte what an uninterrupted job writes.

    Args:
        prompts: a file for `read_rows`; read twice, never held in memory.
        out: folder for the pictures; new, empty, or of the same job.
        bundle: an open one, the name of a shipped one, or the path of a folder.
        n: pictures of each row, as for `Pipeline.generate`.
        seed: seed of the first picture, from 0; the last one's must be below 2**32.
        truncation: as for `Pipeline.generate`.
        layout: one of `LAYOUTS`.
        shard_size: most pictures in a shard, at least `n`.
        ray: address of a Ray cluster, see `draw_on_ray`; None draws in this process.
        console: shows the progress; None shows nothing.

    Raises:
        BulkError: the prompts cannot be read or change during the job, `out` holds something else,
            or `layout` or `shard_size` breaks its rule.
        BundleError: the bundle is missing, damaged, foreign or from a newer captiongan.
        PromptError: `n`, `seed` or `truncation` breaks its rule.
        OutputError: `out` cannot be written to.
    """
    opened = bundle if isinstance(bundle, Bundle) else read_bundle(find_bundle(bundle))
    job = Job.of(prompts, opened, n, seed, truncation, layout, shard_size)
    what = f"output folder '{out}' cannot be written to"
    with os_errors_as(OutputError, what, "fix that, and the same command resumes the job"):
        job.claim(out)
        there = {number for number in range(job.shards) if job.shard_path(out, number).exists()}
        missing = (each for each in cut(read_rows(prompts), job) if each.number not in there)
        if ray is None:
            steps = _draw_here(Pipeline(opened), job, missing, out)
        else:
            from captiongan.bulk.on_ray import draw_on_ray

            steps = draw_on_ray(ray, opened, job, missing, out)
        done = job.n * sum(job.rows_in(number) for number in there)
        _watch(steps, done, job.pictures, console or Console(quiet=True))
        job.check_unchanged(prompts)
        for folder in (out, out / JOURNAL):  # all shards are there
            remove_leftovers(folder)
        LAYOUTS[layout].finish(out)
        return close_journal(out)


def _draw_here(pipeline: Pipeline, job: Job, shards: Iterable[Shard], out: Path) -> Iterator[int]:
    for shard in shards:
        yield from draw_shard(pipeline, job, shard, out)


def _watch(steps: Iterable[int], done: int, total: int, console: Console) -> None:
    """Do the steps of the work, and show the progress, the speed and the time left."""
    pace = Pace(SECONDS_BETWEEN_LINES)
    drawn = 0
    with LiveLine(console, total, done) as line:
        for step in steps:
            drawn += step
            left = total - done - drawn
            if pace.due() or console.is_terminal or not left:
                speed = pace.per_second(drawn)
                line.show(
                    done + drawn,
                    f"{done + drawn:,}/{total:,} pictures  {speed:.0f} pictures/s, "
                    f"{time_left(left, speed)}",
                )
