"""When progress is reported, and how fast work goes."""

import pytest

from captiongan.base.progress import Pace


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
