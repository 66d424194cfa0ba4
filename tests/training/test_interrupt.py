import signal
from collections.abc import Iterator

import pytest

from captiongan.training.interrupt import StopRequest

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def struck() -> Iterator[list[int]]:
    """The signals that reach the handlers that were there before."""
    reached: list[int] = []
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, lambda received, _: reached.append(received))
    yield reached
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_strikes_nobody(number: signal.Signals, struck: list[int]) -> None:
    with StopRequest() as stop:
        signal.raise_signal(number)
        assert stop.requested
    assert struck == []


def test_without_a_signal_nothing_is_requested() -> None:
    with StopRequest() as stop:
        pass
    assert not stop.requested


@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_strikes_at_once(second: signal.Signals, struck: list[int]) -> None:
    with StopRequest():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(second)
        assert struck == [second]


def test_the_former_handlers_come_back_afterwards() -> None:
    before = handlers()
    with StopRequest():
        assert all(now != then for now, then in zip(handlers(), before, strict=True))
    assert handlers() == before
    with StopRequest():
        signal.raise_signal(signal.SIGINT)
    assert handlers() == before


def test_the_former_handlers_come_back_after_an_error() -> None:
    before = handlers()
    with pytest.raises(ValueError, match="boom"), StopRequest():
        raise ValueError("boom")
    assert handlers() == before
