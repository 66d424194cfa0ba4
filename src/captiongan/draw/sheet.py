"""Sheets of pictures: squares, grids and strips, saved as one file."""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from captiongan.draw.picture import Picture, check_output, png, write_picture

GAP = 2
"""Pixels between the pictures of a sheet, and around it."""


def in_a_square(pictures: Sequence[Picture]) -> list[Sequence[Picture]]:
    """Arrange `pictures` in rows, as square as possible; the last row may be shorter."""
    columns = math.ceil(math.sqrt(len(pictures)))
    return [pictures[start : start + columns] for start in range(0, len(pictures), columns)]


def grid(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Lay out rows of images, all of the same size, on a white sheet, `GAP` pixels apart."""
    width, height = (side + GAP for side in rows[0][0].size)
    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (columns * width + GAP, len(rows) * height + GAP), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            sheet.paste(image, (x * width + GAP, y * height + GAP))
    return sheet


def sheet_of(
    rows: Sequence[Sequence[Picture]], before: Sequence[Image.Image] = ()
) -> tuple[Image.Image, dict[str, str]]:
    """Return the `grid` of `rows`, the first of which starts with `before`, and its metadata.

    The metadata is that of the first picture, with all prompts (one per line) and the number of
    pictures, "n". If the pictures are the best of several, their seeds are not consecutive, so all
    seeds and scores are listed, one per line.
    """
    pictures = [picture for row in rows for picture in row]
    prompts = "\n".join(dict.fromkeys(picture.prompt for picture in pictures))
    metadata = pictures[0].metadata | {"prompt": prompts, "n": str(len(pictures))}
    if pictures[0].score is not None:
        for name in ("seed", "score"):
            metadata[name] = "\n".join(picture.metadata[name] for picture in pictures)
    first, *others = [[picture.image for picture in row] for row in rows]
    return grid([[*before, *first], *others]), metadata


def save_grid(
    rows: Sequence[Sequence[Picture]], path: str | Path, before: Sequence[Image.Image] = ()
) -> None:
    """Write the sheet of `sheet_of` as a PNG, as `Picture.save` does."""
    path = Path(path)
    check_output(path)
    write_picture(path, png(*sheet_of(rows, before)))
