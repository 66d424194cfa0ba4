"""Progress of long work: a live line at a terminal, plain lines now and then elsewhere."""

import time
from datetime import timedelta
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

WIDE_ENOUGH_FOR_A_BAR = 110


class Pace:
    """Times work, and tells when its next line of progress is due.

    Args:
        seconds_between: at least so many seconds lie between two lines.
    """

    def __init__(self, seconds_between: float) -> None:
        self._between = seconds_between
        self._started = self._told = self._now = time.monotonic()

    def due(self) -> bool:
        """Return whether the time has come for another line, and note the time."""
        self._now = time.monotonic()
        if self._now - self._told < self._between:
            return False
        self._told = self._now
        return True

    @property
    def seconds(self) -> float:
        """Seconds from the start to the last call of `due`."""
        return self._now - self._started

    def per_second(self, done: float) -> float:
        """Return the mean speed of so much work in `seconds`."""
        return done / max(self.seconds, 1e-3)


class LiveLine:
    """One line that changes at a terminal, with a bar if there is room; elsewhere a line each time.

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
        self._task = self._line.add_task("", total=total, words="")
        self._line.update(self._task, completed=done)

    def __enter__(self) -> Self:
        self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.stop()

    def show(self, done: float, words: str) -> None:
        """Show the progress: the work done, and words that describe it."""
        self._line.update(self._task, completed=done, words=words)
        if not self._console.is_terminal:
            self.say(words)

    def say(self, text: str) -> None:
        """Print a line that stays, above the live one."""
        say(self._console, text)


def say(console: Console, text: str) -> None:
    """Print a line as it is, without highlighting or wrapping."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def time_left(work: float, speed: float) -> str:
    """Return how long the rest of the work takes at a speed per second, as `1:02:05 left`."""
    return f"{timedelta(seconds=round(max(work, 0) / speed))} left"
