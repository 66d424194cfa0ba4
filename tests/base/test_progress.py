"""When progress is reported, and how fast work goes."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from captiongan.base.progress import LiveLine, Pace


def test_a_line_is_due_now_and_then_and_the_speed_is_that_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([100.0, 104.0, 105.0, 109.0, 110.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    pace = Pace(5)
    assert [pace.due() for _ in range(4)] == [False, True, False, True]
    assert pace.seconds == 10
    assert pace.per_second(50) == 5


def test_work_that_takes_no_time_has_a_speed() -> None:
    assert Pace(5).per_second(1) > 0


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock."""
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    return lambda seconds: monkeypatch.setattr("time.monotonic", lambda: seconds)


def test_the_time_left_is_unknown_for_a_minute(at: Callable[[float], None]) -> None:
    line = LiveLine(Console(file=io.StringIO()), total=1000, done=100)
    assert line.time_left(100) == "time left unknown"
    at(59)
    assert line.time_left(159) == "time left unknown"
    at(100)
    assert line.time_left(200) == "0:13:20 left"
    assert line.time_left(1000) == "0:00:00 left"


@pytest.mark.usefixtures("at")
def test_work_that_ends_at_once_has_no_time_left() -> None:
    assert LiveLine(Console(file=io.StringIO()), total=9).time_left(9) == "0:00:00 left"


def test_a_pause_hardly_moves_the_time_left_and_a_lasting_change_does(
    at: Callable[[float], None],
) -> None:
    line = LiveLine(Console(file=io.StringIO()), total=10_000)

    def hours(seconds: float, done: float) -> float:
        at(seconds)
        hour, minute, second = map(int, line.time_left(done).removesuffix(" left").split(":"))
        return hour + minute / 60 + second / 3600

    for second in range(90, 3600, 30):
        before = hours(second, second)
    assert before == pytest.approx((10_000 - second) / 3600, rel=0.01)
    assert hours(second + 60, second) < 1.2 * before  # a minute in which nothing is done
    for slow in range(30, 3600, 30):
        after = hours(second + 60 + slow, second + slow / 4)
    left = 10_000 - second - slow / 4
    assert after == pytest.approx(4 * left / 3600, rel=0.1)
