"""The layout of charts: lines, ticks and edges, which `page_parts.html.jinja` draws as SVG."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from captiongan.evaluation.candidate import Candidate
from captiongan.evaluation.distances import Floats

Point = tuple[float, float]

LEFT, RIGHT, TOP, BOTTOM = 40, 344, 8, 132
"""Edges of the plot area, in pixels of a drawing of 360 x 164."""

MOST_POINTS = 300
BINS = 30

CURVES = {
    "Middle logit of each kind of pair, above 0 for real": {
        "logit_matching_50": "real",
        "logit_mismatching_50": "mismatching",
        "logit_generated_50": "drawn",
    },
    "KID, lower is better": {"score_kid": "KID"},
    "R@1, higher is better": {"score_r_at_1": "R@1"},
    "Losses": {"loss_d": "discriminator", "loss_g": "generator"},
    "Share of pairs classified correctly": {
        "accuracy_real": "real",
        "accuracy_mismatching": "mismatching",
        "accuracy_generated": "drawn",
    },
}
"""The charts of a run: titles, and the keys of `metrics.jsonl` with their names."""

MIDDLE = "_50"
HALF = ("_25", "_75")
"""Ends of the keys of medians, and of the quantiles that hold half of the values."""


def curve(candidate: Candidate) -> list[dict[str, Any]]:
    """Return charts of a run's metrics over its length, in kimg; none for a bundle."""
    charts = []
    for title, names in CURVES.items():
        lines = {name: _series(candidate.curve, key) for key, name in names.items()}
        halves = {
            name: [_series(candidate.curve, key.removesuffix(MIDDLE) + end) for end in HALF]
            for key, name in names.items()
            if key.endswith(MIDDLE)
        }
        if any(lines.values()):
            charts.append(_chart(title, "kimg", lines, candidate.facts.get("kimg"), halves))
    return charts


def histogram(title: str, across: str, samples: Mapping[str, Floats]) -> dict[str, Any]:
    """Return a chart of the shares of samples, each of values from 0, in steps."""
    most = max(float(values.max()) for values in samples.values()) or 1.0
    edges = np.linspace(0, most, BINS + 1)
    lines = {}
    for name, values in samples.items():
        shares = np.repeat(np.histogram(values, edges)[0] / len(values), 2)
        heights = [0.0, *shares.tolist(), 0.0]
        lines[name] = list(zip(np.repeat(edges, 2).tolist(), heights, strict=True))
    return _chart(title, across, lines, mark=None)


def _series(metrics: Sequence[Mapping[str, float]], key: str) -> list[Point]:
    """Return one metric over kimg, thinned out if there are very many points."""
    points = [(line["kimg"], line[key]) for line in metrics if key in line]
    finite = [point for point in points if all(map(math.isfinite, point))]
    return finite[:: 1 + len(finite) // MOST_POINTS]


def _chart(
    title: str,
    across: str,
    lines: Mapping[str, Sequence[Point]],
    mark: float | None,
    bands: Mapping[str, Sequence[Sequence[Point]]] | None = None,
) -> dict[str, Any]:
    """Lay out lines, with at least one point in all, and a mark on the horizontal axis.

    A band lies between two lines, and has the name of the line inside it.
    """
    around = {name: [*low, *reversed(high)] for name, (low, high) in (bands or {}).items()}
    drawn = [*lines.values(), *around.values()]
    xs, ys = zip(*(point for line in drawn for point in line), strict=True)
    columns, rows = _ticks(min(0, *xs), max(xs)), _ticks(min(0, *ys), max(ys))

    def x_of(value: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * _share(value, columns), 1)

    def y_of(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * _share(value, rows), 1)

    return {
        "title": title,
        "across": across,
        "edges": {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
        "columns": [(x_of(value), f"{value:,g}") for value in columns],
        "rows": [(y_of(value), f"{value:,g}") for value in rows],
        "lines": {name: [(x_of(x), y_of(y)) for x, y in line] for name, line in lines.items()},
        "bands": {name: [(x_of(x), y_of(y)) for x, y in line] for name, line in around.items()},
        "mark": None if mark is None else x_of(mark),
    }


def _share(value: float, ticks: Sequence[float]) -> float:
    return (value - ticks[0]) / (ticks[-1] - ticks[0])


def _ticks(low: float, high: float) -> list[float]:
    """Return a few round numbers, from `low` or below to `high` or above."""
    rough = (high - low or 1) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 2.5, 5, 10) if times * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * number, 12) for number in range(first, max(last, first + 1) + 1)]
