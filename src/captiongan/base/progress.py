"""How far long work has come: a live line at a terminal, plain lines elsewhere."""

from datetime import timedelta
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

WIDE_ENOUGH_FOR_A_BAR = 110


class LiveLine:
    """One line that changes at a terminal, with a bar where there is room; a line each elsewhere.

    `total` and `done` are of the work, in any unit; the words say which.
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
        """Say how far it is."""
        self._line.update(self._task, completed=done, words=words)
        if not self._console.is_terminal:
            self.say(words)

    def say(self, text: str) -> None:
        """Print a line that stays, above the live one."""
        say(self._console, text)


def say(console: Console, text: str) -> None:
    """Print a line as it is: no colours guessed, no wrapping."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def time_left(work: float, speed: float) -> str:
    """Say how long so much work takes at a speed per second, such as `1:02:05 left`."""
    return f"{timedelta(seconds=round(max(work, 0) / speed))} left"
