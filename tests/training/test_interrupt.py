import signal

import pytest

from captiongan.training.interrupt import StopRequest


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in StopRequest.SIGNALS]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_strikes_nobody(number: signal.Signals) -> None:
    with StopRequest() as stop:
        assert not stop.requested
        signal.raise_signal(number)
        assert stop.requested


def test_a_second_ctrl_c_strikes_at_once() -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt), StopRequest():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert handlers() == before


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
