"""Bulk generation on many machines: each Ray task draws one shard."""

import platform
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path

from captiongan.bulk.job import Job
from captiongan.bulk.ray_cluster import Cluster
from captiongan.bulk.shard import Shard, draw_shard
from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BulkError


def draw_on_ray(
    address: str, bundle: Bundle, job: Job, shards: Iterable[Shard], out: Path
) -> Iterator[int]:
    """Draw shards on the cores of a cluster; yield the number of pictures of each.

    `address` is as for `Cluster.connect`. `out`, and a bundle that is not shipped, must be on a
    file system that all machines share. The bundle of a run is in the cache.

    Raises:
        BulkError: Ray is not installed or not running, or a machine has another bundle or another
            captiongan.
        OSError: `out` cannot be written to.
    """
    cluster = Cluster.connect(address)
    where = bundle.folder.name if bundle.is_shipped else str(bundle.folder.resolve())
    yield from cluster.as_they_end(partial(_draw, where, job, out.resolve()), shards)


def _draw(bundle: str, job: Job, out: Path, shard: Shard) -> int:
    return sum(draw_shard(_pipeline(bundle, job), job, shard, out))


@lru_cache(maxsize=1)
def _pipeline(bundle: str, job: Job) -> Pipeline:
    """Open the bundle once in each process, and check that it is the job's."""
    found = read_bundle(find_bundle(bundle))
    if differences := job.misfits(found):
        raise BulkError(
            f"machine '{platform.node()}' cannot draw this job: {'; '.join(differences)}; "
            "install the same captiongan and bundle on each machine"
        )
    return Pipeline(found)
