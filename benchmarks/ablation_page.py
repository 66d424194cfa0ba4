"""What docs/ablation.md shows: the table, the learning curves, a sheet of pictures per preset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.marked_page import check_marks, write_measured
from benchmarks.score_table import ceilings, floors, titles, values
from captiongan.draw.sheet import grid
from captiongan.evaluation.evaluate import ModelResult

PAGE = "ablation.md"

COLUMNS = 8
"""Pictures of a prompt on a sheet, of the seeds 0, 1, 2, ..."""

SHOWN = {"kid": 3, "coverage": 3, "diversity": 2, "r_at_1": 3, "top_1": 3, "colours": 3}
"""The scores in the table, with their decimals."""

CURVES = {"score_kid": "KID, lower is better", "score_r_at_1": "R@1 of 100, higher is better"}


@dataclass(frozen=True)
class Row:
    """One preset: its scores, its curve, its sizes and its speed."""

    preset: str
    result: ModelResult
    curve: Sequence[Mapping[str, float]]
    generator: int
    discriminator: int
    images_per_second: float

    @property
    def kimg(self) -> float:
        """How many thousand pictures it was shown."""
        kimg: float = self.result.candidate.facts["kimg"]
        return kimg


def check_page(docs: Path) -> None:
    """Make sure that there is a page to write into; raises OutputError."""
    check_marks(docs / PAGE)


def write_page(docs: Path, rows: Sequence[Row], prompts: Sequence[str]) -> None:
    """Write the measured part of `ablation.md`, and its images."""
    images = docs / "images" / "ablation"
    images.mkdir(parents=True, exist_ok=True)
    for row in rows:
        sheet(row, prompts).save(images / f"{row.preset}.png")
    one_row_each(rows, prompts).save(images / "all.png")
    curves(rows).savefig(images / "curves.svg", metadata={"Date": None})
    write_measured(docs / PAGE, measured(rows))


def measured(rows: Sequence[Row]) -> str:
    """Return the table in Markdown: a line for each preset, then ceiling and floor."""
    last = rows[-1].result.scores
    names = titles(last, SHOWN)
    lines = [
        f"| preset | kimg | {' | '.join(names)} | parameters G + D | images/s |",
        f"|---|---|{'---|' * len(names)}---|---|",
    ]
    for row in rows:
        sizes = f"{row.generator / 1e6:.1f} M + {row.discriminator / 1e6:.1f} M"
        lines.append(
            f"| `{row.preset}` | {row.kimg:.0f} | {' | '.join(values(row.result.scores, SHOWN))} "
            f"| {sizes} | {row.images_per_second:.0f} |"
        )
    lines.append(f"| *ceiling* | | {' | '.join(ceilings(last, SHOWN))} | | |")
    lines.append(f"| *floor* | | {' | '.join(floors(last, SHOWN))} | | |")
    return "\n".join(lines) + "\n"


def sheet(row: Row, prompts: Sequence[str]) -> Image.Image:
    """Draw prompts in rows, the same noise in each column."""
    captions = [prompt for prompt in prompts for _ in range(COLUMNS)]
    pictures = row.result.candidate.pictures_of(captions, [*range(COLUMNS)] * len(prompts))
    images = [Image.fromarray(picture) for picture in pictures]
    return grid([images[start : start + COLUMNS] for start in range(0, len(images), COLUMNS)])


def one_row_each(rows: Sequence[Row], prompts: Sequence[str]) -> Image.Image:
    """Draw presets in rows; two pictures of each prompt, of the same noise in each row."""
    captions = [prompt for prompt in prompts for _ in range(2)]
    seeds = [0, 1] * len(prompts)
    return grid(
        [
            [Image.fromarray(each) for each in row.result.candidate.pictures_of(captions, seeds)]
            for row in rows
        ]
    )


def curves(rows: Sequence[Row]) -> Figure:
    """Draw the scores that each run gave itself while it trained."""
    mpl.rcParams["svg.hashsalt"] = "ablation"  # the same drawing is the same file
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, (key, title) in zip(figure.subplots(1, len(CURVES)), CURVES.items(), strict=True):
        for row in rows:
            points = [(line["kimg"], line[key]) for line in row.curve if key in line]
            axes.plot(*np.transpose(points), marker=".", label=row.preset)
        axes.set(title=title, xlabel="kimg", ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure
