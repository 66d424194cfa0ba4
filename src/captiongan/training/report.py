"""What a run says while it trains: a live line at a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from captiongan.training.step import Figures

WIDE_ENOUGH_FOR_A_BAR = 110


class Averages:
    """Means of a step's figures since the last reading, summed without waiting for the device."""

    def __init__(self) -> None:
        self._sums: Figures = {}
        self._count = 0
        self._since = time.perf_counter()

    def add(self, figures: Figures) -> None:
        """Take in one step's figures."""
        for name, value in figures.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._count += 1

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out of the speed what is not training."""
        before = time.perf_counter()
        yield
        self._since += time.perf_counter() - before

    def take(self, batch_size: int) -> dict[str, float]:
        """Return the means and the images per second since the last call, and start anew."""
        means = {name: float(total) / self._count for name, total in self._sums.items()}
        now = time.perf_counter()
        means["images_per_second"] = self._count * batch_size / (now - self._since)
        self._sums, self._count, self._since = {}, 0, now
        return means


class LiveReport:
    """Progress of a run: a bar with figures at a terminal, a line per reading elsewhere."""

    def __init__(self, console: Console, total_kimg: float, kimg: float) -> None:
        self._console = console
        self._total = total_kimg
        bar = [BarColumn(bar_width=20)] if console.width >= WIDE_ENOUGH_FOR_A_BAR else []
        self._bar = Progress(
            TextColumn("{task.completed:.1f}/{task.total:g} kimg"),
            *bar,
            TextColumn("{task.fields[words]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total_kimg, words="")
        self._bar.update(self._task, completed=kimg)

    def __enter__(self) -> "LiveReport":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, kimg: float, figures: dict[str, float]) -> None:
        """Show one reading of `Averages.take`."""
        words = figures_in_words(figures, (self._total - kimg) * 1000)
        self._bar.update(self._task, completed=kimg, words=words)
        if not self._console.is_terminal:
            self.say(f"{kimg:.1f}/{self._total:g} kimg  {words}")

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        say(self._console, text)


def say(console: Console, text: str) -> None:
    """Print a line as it is: no colours guessed, no wrapping."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def figures_in_words(figures: dict[str, float], images_left: float) -> str:
    """Put a reading in one line: speed, time left, losses, what the discriminator gets right.

    The last figures are of the real, the mismatching if there are any, and the generated pairs.
    """
    left = timedelta(seconds=round(max(images_left, 0) / figures["images_per_second"]))
    names = (f"accuracy_{pair}" for pair in ("real", "mismatching", "generated"))
    right = "/".join(f"{100 * figures[name]:.0f}" for name in names if name in figures)
    return (
        f"{figures['images_per_second']:.0f} images/s, {left} left, "
        f"loss D {figures['loss_d']:.2f} G {figures['loss_g']:.2f}, D right {right} %"
    )


def scores_in_words(marks: dict[str, float]) -> str:
    """Put the figures of `RunScores.measure` in one line."""
    return (
        f"KID {marks['score_kid']:.4f} +- {marks['score_kid_standard_error']:.4f}, "
        f"R@1 {marks['score_r_at_1']:.3f}"
    )
