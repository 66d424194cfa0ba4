"""A whole job of bulk generation, new or resumed."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console

from captiongan.base.files import os_errors_as, remove_leftovers
from captiongan.base.progress import LiveLine, Pace
from captiongan.bulk.job import Job
from captiongan.bulk.journal import JOURNAL, Account, close_journal, read_entry
from captiongan.bulk.layouts import LAYOUTS
from captiongan.bulk.prompt_file import open_prompts
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
        prompts: a file for `open_prompts`; never held in memory. What becomes of it during the
            job does not matter.
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
        BulkError: the prompts cannot be read, `out` holds something else, or `layout` or
            `shard_size` breaks its rule.
        BundleError: the bundle is missing, damaged, foreign or from a newer captiongan.
        PromptError: `n`, `seed` or `truncation` breaks its rule.
        OutputError: `out` cannot be written to.
    """
    opened = bundle if isinstance(bundle, Bundle) else read_bundle(find_bundle(bundle))
    what = f"output folder '{out}' cannot be written to"
    fix = "fix that, and the same command resumes the job"
    with open_prompts(prompts) as read, os_errors_as(OutputError, what, fix):
        job = Job.of(read, opened, n, seed, truncation, layout, shard_size)
        job.claim(out)
        there = {number for number in range(job.shards) if _is_drawn(job, number, out)}
        missing = (each for each in cut(read.rows(), job) if each.number not in there)
        if ray is None:
            steps = _draw_here(Pipeline(opened), job, missing, out)
        else:
            from captiongan.bulk.on_ray import draw_on_ray

            steps = draw_on_ray(ray, opened, job, missing, out)
        done = job.n * sum(job.rows_in(number) for number in there)
        _watch(steps, done, job.pictures, console or Console(quiet=True))
        for folder in (out, out / JOURNAL):  # all shards are there
            remove_leftovers(folder)
        LAYOUTS[layout].finish(out)
        return close_journal(out, job.shards)


def _is_drawn(job: Job, shard: int, out: Path) -> bool:
    """Whether a shard is there, and the journal says what became of its rows."""
    return job.shard_path(out, shard).exists() and read_entry(out, shard) is not None


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
                    f"{line.time_left(done + drawn)}",
                )
