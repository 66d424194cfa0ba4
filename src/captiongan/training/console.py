"""What a run prints while it trains: the means of its metrics, in words."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from captiongan.base.progress import LiveLine
from captiongan.training.step import Metrics


class Averages:
    """Means of the steps' metrics since the last `take`, summed without waiting for the device."""

    def __init__(self) -> None:
        self._sums: Metrics = {}
        self._count = 0
        self._since = time.perf_counter()

    def add(self, metrics: Metrics) -> None:
        """Add one step's metrics."""
        for name, value in metrics.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._count += 1

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude the time of the block from the speed."""
        before = time.perf_counter()
        yield
        self._since += time.perf_counter() - before

    def take(self, batch_size: int) -> dict[str, float]:
        """Return the means and the images per second since the last call, and reset them."""
        means = {name: float(total) / self._count for name, total in self._sums.items()}
        now = time.perf_counter()
        means["images_per_second"] = self._count * batch_size / (now - self._since)
        self._sums, self._count, self._since = {}, 0, now
        return means


class LiveReport(LiveLine):
    """The progress of a run in thousands of pictures, with the latest metrics."""

    def show_metrics(self, kimg: float, metrics: dict[str, float]) -> None:
        """Show what `Averages.take` returned."""
        words = metrics_in_words(metrics, self.time_left(kimg))
        self.show(kimg, f"{kimg:.1f}/{self.total:g} kimg  {words}")


def metrics_in_words(metrics: dict[str, float], time_left: str) -> str:
    """Return metrics as one line: speed, time left, losses, accuracies of the discriminator.

    The accuracies are those of the real, the mismatching (if any) and the generated pairs.
    """
    speed = metrics["images_per_second"]
    names = (f"accuracy_{pair}" for pair in ("real", "mismatching", "generated"))
    right = "/".join(f"{100 * metrics[name]:.0f}" for name in names if name in metrics)
    return (
        f"{speed:.0f} images/s, {time_left}, "
        f"loss D {metrics['loss_d']:.2f} G {metrics['loss_g']:.2f}, D right {right} %"
    )


def scores_in_words(metrics: dict[str, float]) -> str:
    """Return what `RunScores.measure` returned as one line."""
    words = [f"KID {metrics['score_kid']:.4f} +- {metrics['score_kid_standard_error']:.4f}"]
    others = {"R@1": ("score_r_at_1", 3), "novelty": ("score_novelty", 2)}
    words += [
        f"{name} {metrics[key]:.{digits}f}"
        for name, (key, digits) in others.items()
        if key in metrics
    ]
    if "score_like_kimg" in metrics:
        words.append(f"about as good as {metrics['score_like_kimg']:.0f} kimg from scratch")
    return ", ".join(words)
