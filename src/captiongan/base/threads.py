"""The cores that this process may use, and parallel work on them."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 2
"""Items in progress per core: one that the core works on, and one that waits."""

Given = TypeVar("Given")
Made = TypeVar("Made")


def threads() -> int:
    """Return `OMP_NUM_THREADS` if it is a whole number, else how many cores this process may use.

    The machine may have more cores, reserved for others.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
