"""Progress of long work: a live line at a terminal, otherwise a plain line now and then."""

import math
import time
from datetime import timedelta
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

WIDE_ENOUGH_FOR_A_BAR = 110

TOO_SOON = 60
"""Seconds for which nobody can tell how long work takes."""

REMEMBERED = 600
"""Seconds after which an earlier speed counts a third."""


class Pace:
    """Times work, and says when its next line of progress is due.

    Args:
        seconds_between: the shortest time between two lines.
    """

    def __init__(self, seconds_between: float) -> None:
        self._between = seconds_between
        self._started = self._printed = self._now = time.monotonic()

    def due(self) -> bool:
        """Return whether another line is due, and note the time."""
        self._now = time.monotonic()
        if self._now - self._printed < self._between:
            return False
        self._printed = self._now
        return True

    @property
    def seconds(self) -> float:
        """Seconds from the start to the last call of `due`."""
        return self._now - self._started

    def per_second(self, done: float) -> float:
        """Return the mean speed: `done` divided by `seconds`."""
        return done / max(self.seconds, 1e-3)


class LiveLine:
    """A line that is updated at a terminal, with a bar if there is room; otherwise plain lines.

    `total` and `done` measure the work in any unit.
    """

    def __init__(self, console: Console, total: float, done: float = 0) -> None:
        self._console = console
        self.total = total
        bar = [BarColumn(bar_width=20)] if console.width >= WIDE_ENOUGH_FOR_A_BAR else []
        self._line = Progress(
            *bar,
            TextColumn("{task.fields[words]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._done, self._speed = done, 0.0
        self._started = self._now = time.monotonic()
        self._task = self._line.add_task("", total=total, words="")
        self._line.update(self._task, completed=done)

    def __enter__(self) -> Self:
        self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.stop()

    def time_left(self, done: float) -> str:
        """Return how long the rest takes at a smoothed speed, as `1:02:05 left`."""
        now = time.monotonic()
        took, so_far = now - self._now, now - self._started
        if took > 0:
            fresh = max(1 - math.exp(-took / REMEMBERED), took / so_far)
            self._speed += fresh * ((done - self._done) / took - self._speed)
            self._done, self._now = done, now
        left = max(self.total - done, 0)
        if left and (so_far < TOO_SOON or self._speed <= 0):
            return "time left unknown"
        return f"{timedelta(seconds=round(left / self._speed) if left else 0)} left"

    def show(self, done: float, words: str) -> None:
        """Show the progress: the work done, and words that describe it."""
        self._line.update(self._task, completed=done, words=words)
        if not self._console.is_terminal:
            self.say(words)

    def say(self, text: str) -> None:
        """Print a permanent line above the live one."""
        say(self._console, text)


def say(console: Console, text: str) -> None:
    """Print a line without highlighting or wrapping."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)
