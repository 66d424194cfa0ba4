import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


HUNG_UP = """
import os, signal, sys
from captiongan.training.interrupt import StopRequest

if "ignored" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
with StopRequest() as stop:
    print("begun", flush=True)
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGHUP)
    print("nobody reads this", flush=True)
    with open(sys.argv[1], "w") as told:
        told.write(str(stop.requested))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_terminal_that_hangs_up_asks_to_stop_and_takes_no_more_words(tmp_path: Path) -> None:
    """It signals twice, and writing to it would be an error from then on."""
    reading, writing = os.pipe()
    command = [sys.executable, "-c", HUNG_UP, str(tmp_path / "told")]
    child = subprocess.Popen(command, stdout=writing, stderr=writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        assert told.readline() == b"begun\n"
    assert child.wait(60) == 0
    assert (tmp_path / "told").read_text() == "True"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_what_ignores_hang_ups_goes_on_ignoring_them(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HUNG_UP, str(tmp_path / "told"), "ignored"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "begun\nnobody reads this\n"
    assert (tmp_path / "told").read_text() == "False"
