"""The cores that this process may use, and parallel work on them."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

AHEAD = 2
"""Items in progress per core: one that the core works on, and one that waits."""

QUOTAS = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
"""Files that hold a container's share of the processor: microseconds granted, and in how many."""

MOST = 2**16
"""More cores than any machine has."""

Given = TypeVar("Given")
Made = TypeVar("Made")


def threads() -> int:
    """Return `OMP_NUM_THREADS` if it is a whole number, else how many cores this process may use.

    The machine may have more cores, reserved for others, and a container a quota of their time.
    """
    if wanted := threads_wanted():
        return wanted
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, int(_quota())))


def threads_wanted() -> int:
    """Return `OMP_NUM_THREADS`, or 0 if it is not a whole number above 0."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() else 0


def _quota() -> float:
    """Return how many cores' time the control group of a container grants; `MOST` if no limit."""
    for files in QUOTAS:
        try:
            granted, period = " ".join(Path(file).read_text() for file in files).split()
            if float(granted) > 0:  # -1 or "max" is no limit
                return float(granted) / float(period)
        except (OSError, ValueError):
            continue
    return MOST


def on_cores(
    function: Callable[[Given], Made], items: Iterable[Given]
) -> Generator[Made, None, None]:
    """Yield `function(item)` for each item in order, computed by `threads()` threads.

    This is faster for functions that release Python's lock, such as decoding a picture. Only a few
    items are in progress at a time. An error of the function is raised here. After an error, and
    when the generator is closed, items that have not started are dropped.
    """
    count = threads()
    running: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for item in items:
                running.append(pool.submit(function, item))
                if len(running) == AHEAD * count:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
