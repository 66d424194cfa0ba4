"""Where words change a toy flower, against where they should: a part of docs/look-inside.md.

    captiongan train --config toy --data toy --into runs/toy
    python -m benchmarks word_heat runs/toy

The toy set knows the truth: drawn again with another colour of its petals, a flower changes exactly
where its petals are. Averaged over flowers, that is the mask of the petals, and so for the centre
and the background.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.marked_page import check_marks, write_measured
from captiongan.data.toy import (
    BACKGROUNDS,
    CENTRE_COLOURS,
    PETAL_COLOURS,
    PETAL_COUNTS,
    SYNONYMS,
    ToyFlower,
    draw,
    toy_flower,
)
from captiongan.draw.explanation import Explanation
from captiongan.loading import load

ROOT = Path(__file__).parents[1]
PAGE, PART = "look-inside.md", "toy heat"

Masks = dict[str, npt.NDArray[np.float64]]
"""The chance that a place belongs to a part, by the names of the parts: (H, W)."""

PARTS = {
    "petals": ("petal_colour", PETAL_COLOURS),
    "centre": ("centre_colour", CENTRE_COLOURS),
    "background": ("background", BACKGROUNDS),
}
"""The attribute of each part, and its values."""

FLOWERS = 200
"""Toy flowers over which a mask is averaged, with a seed that no training uses."""

SEED = 1

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    model: Annotated[str, typer.Argument(help="Run or bundle that was trained on the toy set.")],
    prompts: Annotated[int, typer.Option(min=2, help="Flowers to describe.")] = 200,
    docs: Annotated[Path, typer.Option(help="Folder of look-inside.md.")] = ROOT / "docs",
) -> None:
    """Explain the descriptions of toy flowers; write where the words for each part lit up."""
    check_marks(docs / PAGE, PART)
    pipeline = load(model)
    masks = part_masks(pipeline.manifest.resolution)
    found = {part: np.zeros((0, len(PARTS))) for part in PARTS}
    for number in range(prompts):
        flower = toy_flower(SEED, number)
        explanation = pipeline.explain(described(flower), number)
        for part, word in words_of_parts(flower):
            row = densities(explanation, word, masks)
            found[part] = np.concatenate([found[part], row[None]])
    write_measured(docs / PAGE, table(found, prompts), PART)


def part_masks(side: int) -> Masks:
    """Return where each part is, on the average of toy flowers."""
    flowers = [toy_flower(SEED, number) for number in range(FLOWERS)]
    return {part: np.mean([_mask(each, part, side) for each in flowers], axis=0) for part in PARTS}


def _mask(flower: ToyFlower, part: str, side: int) -> npt.NDArray[np.bool_]:
    attribute, values = PARTS[part]
    other = next(value for value in values if value != getattr(flower, attribute))
    elsewhere: dict[str, Any] = {attribute: other}
    one, two = (
        np.asarray(draw(each, side), dtype=int) for each in (flower, replace(flower, **elsewhere))
    )
    changed: npt.NDArray[np.bool_] = (np.abs(one - two) > 8).any(axis=-1)
    return changed


def described(flower: ToyFlower) -> str:
    """Return a caption in which each part has one word for its colour."""
    return (
        f"a {flower.petal_colour} flower with {PETAL_COUNTS[flower.petals]} {flower.petal_shape} "
        f"petals and a {flower.centre_colour} {SYNONYMS['centre'][0]} in front of a "
        f"{flower.background} background"
    )


def words_of_parts(flower: ToyFlower) -> Iterator[tuple[str, int]]:
    """Yield each part with the position of its colour in `described`."""
    words = described(flower).split()
    yield "petals", words.index(flower.petal_colour)
    yield "centre", words.index("centre") - 1
    yield "background", len(words) - 2


def densities(explanation: Explanation, word: int, masks: Masks) -> npt.NDArray[np.float64]:
    """Return how many times as much of a word's heat each part has as chance would give it.

    Chance gives a part the share of its area. NaN if the word changes nothing.
    """
    heat = explanation.changes[word].astype(float)
    if not heat.any():
        return np.full(len(masks), np.nan)
    return np.array([(heat * mask).sum() / heat.sum() / mask.mean() for mask in masks.values()])


def table(found: Masks, prompts: int) -> str:
    """Return the table in Markdown: a line for each part's word."""
    lines = [
        f"{prompts} descriptions of toy flowers, one picture each.\n",
        "| colour word of | heat on the part, times chance | its part is the hottest | chance |",
        "|---|---|---|---|",
    ]
    for own, (part, rows) in enumerate(found.items()):
        seen = rows[np.isfinite(rows).all(axis=1)]
        hottest = (seen.argmax(axis=1) == own).mean()
        error = seen[:, own].std() / len(seen) ** 0.5
        lines.append(
            f"| {part} | {seen[:, own].mean():.2f} ± {error:.2f} | {100 * hottest:.0f} % | 33 % |"
        )
    return "\n".join(lines) + "\n"
