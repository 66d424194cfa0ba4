"""What docs/performance.md shows of the cost curves: tables in Markdown, and one picture."""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.marked_page import check_marks, write_measured
from benchmarks.performance_page import PAGE, table

PART = "cost curves"
PICTURE = PAGE.parent / "images" / "cost-curves.svg"


@dataclass(frozen=True)
class Opening:
    """Seconds: to prepare a data set, once; then, at each start, to open each of these."""

    prepared: float
    store: float
    pairs: float
    embeddings: float


@dataclass(frozen=True)
class Costs:
    """What was measured: images a second by batch size and by width, and so on."""

    of_batches: Mapping[int, float]
    of_widths: Mapping[int, float]
    megabytes: Mapping[int, int]
    openings: Mapping[int, Opening]


def check_page() -> None:
    """Make sure that there is a page to write into; raises OutputError."""
    check_marks(PAGE, PART)


def write_page(costs: Costs) -> None:
    """Write the measured part, and the picture."""
    mpl.rcParams["svg.hashsalt"] = PART  # the same drawing is the same file
    curves(costs).savefig(PICTURE, metadata={"Date": None})
    write_measured(PAGE, measured(costs), PART)


def measured(costs: Costs) -> str:
    """Put the figures into Markdown."""
    by_batch = [
        f"| {size} | {costs.of_batches[size]:.1f} | {costs.megabytes[size]:,} MB |"
        for size in costs.of_batches
    ]
    by_width = [f"| {width} | {speed:.1f} |" for width, speed in costs.of_widths.items()]
    by_pictures = [
        f"| {size:,} | {each.prepared:.1f} s | {1000 * each.store:.0f} ms "
        f"| {1000 * each.pairs:.0f} ms | {1000 * each.embeddings:.0f} ms |"
        for size, each in costs.openings.items()
    ]
    parts = [
        f"Threads: {torch.get_num_threads()}.",
        table("| batch | images a second | most memory |", by_batch),
        table("| features of G and D | images a second |", by_width),
        table("| pictures | prepared, once | opened: store | pairs | embeddings |", by_pictures),
        f"![Cost curves](images/{PICTURE.name})",
    ]
    return "\n\n".join(parts) + "\n"


def curves(costs: Costs) -> Figure:
    """Draw all curves side by side."""
    figure = Figure(figsize=(11, 2.8), layout="constrained")
    batches, widths, memory, start = figure.subplots(1, 4)
    _draw(batches, costs.of_batches, "images a second", "batch size")
    _draw(widths, costs.of_widths, "images a second", "features of G and D")
    _draw(memory, costs.megabytes, "most memory, MB", "batch size")
    for name in ("store", "pairs", "embeddings"):
        seconds = {size: getattr(each, name) for size, each in costs.openings.items()}
        _draw(start, seconds, "seconds to open", "pictures", name)
    start.set(xscale="log", yscale="log")
    start.legend(frameon=False, fontsize="small")
    for axes in (batches, widths, memory):
        axes.set_ylim(0, None)
    return figure


def _draw(
    axes: Axes, points: Mapping[int, float], title: str, along: str, label: str | None = None
) -> None:
    axes.plot(list(points), list(points.values()), marker=".", label=label)
    axes.set_title(title, fontsize="medium")
    axes.set_xlabel(along)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
