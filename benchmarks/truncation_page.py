"""What docs/truncation.md shows of a bundle: on what it was measured, the table, the curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.marked_page import check_marks, write_measured
from benchmarks.score_table import ceilings, floors, titles, values
from captiongan.evaluation.evaluate import Evaluation
from captiongan.evaluation.scorer import ScoreResult
from captiongan.evaluation.table import BEST
from captiongan.version import __version__

PAGE = "truncation.md"

SHOWN = {"kid": 4, "coverage": 3, "diversity": 3, "r_at_1": 3, "colours": 3}
"""The scores in the table, with their decimals."""

ScoresAt = Mapping[float, Sequence[ScoreResult]]
"""The scores at each truncation."""


def check_page(docs: Path, bundle: str) -> None:
    """Make sure that the page has a part for the bundle; raises OutputError."""
    check_marks(docs / PAGE, bundle)


def write_page(docs: Path, evaluation: Evaluation, scores: ScoresAt) -> None:
    """Write a bundle's part of `truncation.md`, and its curves."""
    bundle = evaluation.results[0].candidate.name
    drawing = Path("images") / "truncation" / f"{bundle}.svg"
    (docs / drawing).parent.mkdir(parents=True, exist_ok=True)
    curves(scores).savefig(docs / drawing, metadata={"Date": None})
    image = f"![Scores of {bundle} over truncation]({drawing.as_posix()})\n"
    parts = [measured_on(evaluation), table(scores), image]
    write_measured(docs / PAGE, "\n".join(parts), bundle)


def measured_on(evaluation: Evaluation) -> str:
    """Say in a sentence what was drawn, on what, and by what it was judged."""
    (result,), benchmark = evaluation.results, evaluation.benchmark
    facts, extractor = result.candidate.facts, benchmark.extractor.identity
    sides = ", ".join(str(each.side) for each in evaluation.benchmarks)
    return (
        f"`{result.candidate.name}` ({facts['kind']} {facts['sha256'][:8]}): at each truncation "
        f"{benchmark.captions.size:,} pictures of the captions of "
        f"{evaluation.data}/{evaluation.split}, "
        f"compared with its {len(benchmark.real):,} by {extractor.name} at {sides} px; "
        f"seed {benchmark.seed}, captiongan {__version__}.\n"
    )


def table(scores: ScoresAt) -> str:
    """Return the table in Markdown: a line for each truncation, then ceiling and floor."""
    first = next(iter(scores.values()))
    lines = [
        ["truncation", *titles(first, SHOWN)],
        ["---"] * (1 + len(SHOWN)),
        *([f"{truncation:g}", *values(each, SHOWN)] for truncation, each in scores.items()),
        ["*ceiling*", *ceilings(first, SHOWN)],
        ["*floor*", *floors(first, SHOWN)],
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def curves(scores: ScoresAt) -> Figure:
    """Draw each score over truncation, with its standard error."""
    mpl.rcParams["svg.hashsalt"] = "truncation"  # the same drawing is the same file
    figure = Figure(figsize=(11, 2.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(SHOWN)), SHOWN, strict=True):
        results = {
            truncation: next(result for result in each if result.score.name == name)
            for truncation, each in sorted(scores.items())
        }
        points = [
            (truncation, result.measured.value, result.measured.standard_error or 0.0)
            for truncation, result in results.items()
            if result.measured
        ]
        if points:
            x, y, error = np.transpose(points)
            axes.errorbar(x, y, error, marker=".", capsize=2)
        score = next(iter(results.values())).score
        axes.set(xlabel="truncation")
        axes.set_title(f"{score.title}\n{BEST[score.best]}", fontsize="medium")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
