"""Ctrl-C as a request: the current step is finished and saved before the run stops."""

import os
import signal
import stat
import threading
from types import FrameType

HANG_UP = getattr(signal, "SIGHUP", None)
"""The terminal is gone, as when a connection breaks; None on Windows."""


class StopRequest:
    """While it is entered, the first SIGINT or SIGTERM sets `requested`; a second one acts at once.

    SIGHUP sets it, too, unless it is ignored (nohup). It comes twice, from the terminal and from
    the shell, so a second one is ignored. Python delivers signals to the main thread only, so in
    other threads nothing is requested.
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "StopRequest":
        numbers = [signal.SIGINT, signal.SIGTERM]
        if HANG_UP is not None and signal.getsignal(HANG_UP) != signal.SIG_IGN:
            numbers.append(HANG_UP)
        here = threading.current_thread() is threading.main_thread()
        self._before = {number: signal.getsignal(number) for number in numbers if here}
        for number in self._before:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.requested = True
        if number == HANG_UP:
            signal.signal(number, signal.SIG_IGN)
            _fall_silent()
        else:
            self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _fall_silent() -> None:
    """Write no more to a terminal or pipe, which fails once nobody is there."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        try:
            if not stat.S_ISREG(os.fstat(stream).st_mode):
                os.dup2(nowhere, stream)
        except OSError:  # it was closed before
            continue
    os.close(nowhere)
