"""Ctrl-C as a request: the current step is finished and saved before the run stops."""

import signal
import threading
from types import FrameType


class StopRequest:
    """While it is entered, the first SIGINT or SIGTERM sets `requested`; a second one acts at once.

    Python delivers signals to the main thread only, so in other threads nothing is requested.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "StopRequest":
        here = threading.current_thread() is threading.main_thread()
        self._before = {number: signal.getsignal(number) for number in self.SIGNALS if here}
        for number in self._before:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
