"""Work spread over the cores of this machine."""

import threading
import time
from collections.abc import Iterator

import pytest

from captiongan.base.threads import AHEAD, on_cores

CORES = 3


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(CORES))


class Items:
    """The numbers below a limit, and how many of them have been taken."""

    def __init__(self, limit: int = 40) -> None:
        self.limit = limit
        self.taken = 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.limit):
            self.taken += 1
            yield number


def test_results_come_in_order_though_the_first_take_longest() -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.02 if number % CORES == 0 else 0)
        return -number

    assert list(on_cores(slow_at_first, range(20))) == [-number for number in range(20)]


def test_all_cores_work_at_the_same_time() -> None:
    together = threading.Barrier(CORES, timeout=30)
    assert len(list(on_cores(lambda _: together.wait(), range(CORES)))) == CORES


def test_only_a_few_items_are_in_hand_at_a_time() -> None:
    items = Items()
    for given_back, number in enumerate(on_cores(lambda number: number, items)):
        assert number == given_back
        assert items.taken - given_back <= AHEAD * CORES
    assert items.taken == items.limit


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_nothing_more_is_begun(error: type[BaseException]) -> None:
    items, begun, threads = Items(), [], threading.active_count()

    def fail_at_five(number: int) -> int:
        begun.append(number)
        if number == 5:
            raise error
        return number

    with pytest.raises(error):
        list(on_cores(fail_at_five, items))
    assert items.taken <= 5 + AHEAD * CORES
    assert len(begun) <= items.taken
    assert threading.active_count() == threads


def test_closed_before_its_end_it_drops_what_has_not_begun() -> None:
    gate, begun = threading.Event(), []

    def wait(number: int) -> None:
        begun.append(number)
        if number:
            gate.wait(30)

    results = on_cores(wait, Items())
    next(results)
    threading.Timer(0.1, gate.set).start()
    results.close()
    assert len(begun) <= 1 + CORES < AHEAD * CORES
