"""The cores that this process may use, and work spread over them."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

AHEAD = 2
"""Items in hand for each core: one is worked on, one waits, so that no core does."""

Given = TypeVar("Given")
Made = TypeVar("Made")


class Engine(Protocol):
    """What applies a function to items one after the other, here or elsewhere.

    Results come in the order of the items, of which only a few are in hand at a time. An error
    that the function raises is raised here; then, and when the generator is closed, what has not
    begun is dropped.
    """

    def __call__(
        self, function: Callable[[Given], Made], items: Iterable[Given]
    ) -> Generator[Made, None, None]:
        """Yield `function(item)` for each item."""
        ...


def threads() -> int:
    """Return `OMP_NUM_THREADS` if it is a whole number, else how many cores this process may use.

    The cores of the machine may be more: others have them.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_turn(
    function: Callable[[Given], Made], items: Iterable[Given]
) -> Generator[Made, None, None]:
    """Be the plainest `Engine`: one item at a time, in this thread."""
    yield from map(function, items)


def on_cores(
    function: Callable[[Given], Made], items: Iterable[Given]
) -> Generator[Made, None, None]:
    """Be the `Engine` of one machine, with `threads()` threads.

    It pays for functions that release Python's lock, as decoding a picture does.
    """
    count = threads()
    in_hand: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for item in items:
                in_hand.append(pool.submit(function, item))
                if len(in_hand) == AHEAD * count:
                    yield in_hand.popleft().result()
            while in_hand:
                yield in_hand.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
