"""A shard is the unit of work: some rows in, one file or folder of pictures out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from captiongan.base.files import remove
from captiongan.bulk.job import Job
from captiongan.bulk.journal import Entry, write_entry
from captiongan.bulk.layouts import LAYOUTS, Facts
from captiongan.bulk.prompt_file import Reject, Row
from captiongan.bundle.text_encoder import Reading
from captiongan.draw.picture import Picture, mirrored
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import seeds_of
from captiongan.draw.sessions import MAX_BATCH
from captiongan.errors import PromptError


@dataclass(frozen=True)
class Shard:
    """Consecutive rows of a job; `first` is the number, from 0, of their first picture."""

    number: int
    first: int
    rows: Sequence[Row | Reject]


@dataclass(frozen=True)
class Order:
    """One picture to draw, with its `number` in the job and the line of its prompt."""

    number: int
    line: int
    reading: Reading
    seed: int


def cut(rows: Iterable[Row | Reject], job: Job) -> Iterator[Shard]:
    """Cut the rows of a job into shards, with one in memory at a time."""
    rows, size = iter(rows), job.rows_per_shard
    for number in range(job.shards):
        yield Shard(number, number * size * job.n, list(islice(rows, size)))


def draw_shard(pipeline: Pipeline, job: Job, shard: Shard, out: Path) -> Iterator[int]:
    """Draw a shard into the folder `out`; yield the number of pictures of each batch.

    The numbers add up to n for each row, including the rejected rows, which are not drawn. The
    files depend on the job and the rows alone: a shard drawn again is the same. Raises OSError.
    """
    orders, entry = _orders(pipeline, job, shard)
    if entry.rejects:
        yield len(entry.rejects) * job.n
    final = job.shard_path(out, shard.number)
    if final.exists():  # without its entry in the journal
        remove(final)
    with LAYOUTS[job.layout].writing(final) as add:
        for start in range(0, len(orders), MAX_BATCH):
            batch = orders[start : start + MAX_BATCH]
            for order, picture in zip(batch, _draw(pipeline, job, batch), strict=True):
                numbers = {"seed": order.seed, "truncation": job.truncation, "line": order.line}
                facts: Facts = {**picture.metadata, **numbers}
                add(f"{order.number:010d}", picture.png(), facts)
            yield len(batch)
        # Before the shard appears, so that each one in the folder is also in the journal.
        write_entry(out, shard.number, entry)


def _orders(pipeline: Pipeline, job: Job, shard: Shard) -> tuple[list[Order], Entry]:
    orders: list[Order] = []
    rejects: list[Reject] = []
    doubtful = 0
    for place, row in enumerate(shard.rows):
        first = shard.first + place * job.n
        if isinstance(row, Reject):
            rejects.append(row)
            continue
        try:
            reading = pipeline.read(row.prompt)
            seeds = seeds_of(job.seed + first if row.seed is None else row.seed, job.n)
        except PromptError as error:
            rejects.append(Reject(row.line, str(error)))
            continue
        doubtful += bool(reading.unknown_words or reading.weak_words or reading.off_topic)
        orders += [Order(first + k, row.line, reading, seed) for k, seed in enumerate(seeds)]
    return orders, Entry(len(orders), doubtful, rejects)


def _draw(pipeline: Pipeline, job: Job, batch: Sequence[Order]) -> Iterator[Picture]:
    """Draw the pictures that `Pipeline.generate` draws from the same texts and seeds."""
    embedding = np.stack([order.reading.embedding for order in batch])
    noise = pipeline.noise([order.seed for order in batch], job.truncation)
    mirrors = [pipeline.mirrors(order.seed) for order in batch]
    drawn = mirrored(pipeline.draw(noise, embedding), mirrors)
    for order, mirror, pixels in zip(batch, mirrors, drawn, strict=True):
        yield Picture(
            Image.fromarray(pixels),
            order.reading.text,
            order.seed,
            job.bundle,
            job.bundle_version,
            job.truncation,
            mirrored=mirror,
        )
