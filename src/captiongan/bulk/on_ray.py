"""Bulk generation on many machines: each Ray task draws one shard, with the same function."""

import os
import platform
import socket
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from captiongan.bulk.job import Job
from captiongan.bulk.shard import Shard, draw_shard
from captiongan.bundle import find_bundle, read_bundle, shipped_bundles
from captiongan.errors import BulkError
from captiongan.pipeline import Pipeline

TASKS_PER_CORE = 2
"""One runs, one waits, so that no core does; the rows of no more shards are in memory."""

SECONDS_TO_ANSWER = 10
"""How long an address is waited for; Ray itself would try for many minutes."""


def draw_on_ray(
    address: str, bundle: str | Path, job: Job, shards: Iterable[Shard], out: Path
) -> Iterator[int]:
    """Draw shards on the cores of a cluster; yield how many pictures are done after each.

    `address` is that of the cluster, `auto` for the one that this machine is part of, `local` for
    one of its own on this machine; a program that has called `ray.init` stays with its cluster.
    `out`, and a bundle that is not a shipped one, are on a file system that all machines share.

    Raises:
        BulkError: Ray is missing or not there, or a machine has another bundle or captiongan.
        OSError: `out` cannot be written to.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise BulkError(
            f"drawing on Ray needs the package '{error.name}', which is not installed; "
            "pip install 'captiongan[ray]'"
        ) from error
    _connect(address)
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    at_once = TASKS_PER_CORE * int(resources["CPU"])
    draw = ray.remote(num_cpus=1)(_draw)
    where = str(bundle) if bundle in shipped_bundles() else str(Path(bundle).resolve())
    running: list[Any] = []
    try:
        for shard in shards:
            running.append(draw.remote(where, job, shard, out.resolve()))
            if len(running) == at_once:
                yield _next_of(running)
        while running:
            yield _next_of(running)
    except ray.exceptions.RayTaskError as failed:
        raise failed.cause from failed
    finally:
        for task in running:
            ray.cancel(task, force=True)


def _connect(address: str) -> None:
    import ray

    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        if "://" not in address and ":" in address:
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
        ray.init(address, include_dashboard=False, log_to_driver=False)
    except (OSError, ValueError) as error:
        raise BulkError(
            f"no Ray cluster at '{address}' ({error}); give the address of one, or 'local'"
        ) from error


def _next_of(running: list[Any]) -> int:
    """Wait for one of the tasks, take it off the list, and return what it drew."""
    import ray

    (ready,), running[:] = ray.wait(running)
    return int(ray.get(ready))


def _draw(bundle: str, job: Job, shard: Shard, out: Path) -> int:
    return sum(draw_shard(_pipeline(bundle, job), job, shard, out))


@lru_cache(maxsize=1)
def _pipeline(bundle: str, job: Job) -> Pipeline:
    """Open the bundle once in each process, and make sure that it is the job's."""
    found = read_bundle(find_bundle(bundle))
    if differences := job.misfits(found):
        raise BulkError(
            f"machine '{platform.node()}' cannot draw this job: {'; '.join(differences)}; "
            "install the same captiongan and bundle on each"
        )
    return Pipeline(found)
