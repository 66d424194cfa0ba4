"""The built-in toy set: drawn flowers with captions that name their attributes.

It needs no download, and its captions are true by construction. So it serves a first training run,
and tests that must know what a caption means. A seed and an index decide each flower.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from captiongan.base.files import os_errors_as, whole_folder
from captiongan.data.folder import METADATA, Example, LoadedExample
from captiongan.data.toy_drawing import draw
from captiongan.data.toy_flower import (
    BACKGROUNDS,
    CENTRE_COLOURS,
    PETAL_COLOURS,
    PETAL_COUNTS,
    PETAL_SHAPES,
    SYNONYMS,
    ToyFlower,
    captions,
    toy_flower,
)
from captiongan.data.toy_vietnamese import vietnamese_captions
from captiongan.errors import DataError, OutputError

__all__ = [
    "BACKGROUNDS",
    "CENTRE_COLOURS",
    "PETAL_COLOURS",
    "PETAL_COUNTS",
    "PETAL_SHAPES",
    "SYNONYMS",
    "ToyFlower",
    "captions",
    "draw",
    "toy_examples",
    "toy_flower",
    "write_toy_folder",
]


CAPTIONS = {"en": captions, "vi": vietnamese_captions}
"""What makes the captions of a flower, by language."""


def toy_examples(
    size: int, side: int, seed: int = 0, language: str = "en"
) -> Iterator[LoadedExample]:
    """Stream the first `size` flowers of a seed as pictures of `side` x `side` pixels.

    `language` of the captions is one of `CAPTIONS`.

    Raises:
        DataError: at the call, if `size` or `side` is below 1.
    """
    for name, value in (("size", size), ("side", side)):
        if value < 1:
            raise DataError(f"toy set's {name} {value} is below 1; give a whole number from 1 up")
    return (_example(index, side, seed, language) for index in range(size))


def write_toy_folder(out: Path, size: int, side: int, seed: int = 0, language: str = "en") -> None:
    """Write the toy set as a captioned folder of PNG files, which appears whole or not at all.

    Raises:
        OutputError: `out` is a file or a folder with content, or cannot be written to.
        DataError: `size` or `side` is below 1.
    """
    examples = toy_examples(size, side, seed, language)
    what = f"out '{out}' cannot be written to"
    with os_errors_as(OutputError, what, "make room, or choose another folder"):
        if out.exists() and any(out.iterdir()):
            raise OutputError(f"out '{out}' is not empty; choose a new or an empty folder")
        with whole_folder(out.resolve()) as folder:
            lines = [_write(folder, loaded) for loaded in examples]
            (folder / METADATA).write_text("".join(lines), encoding="utf-8")


def _example(index: int, side: int, seed: int, language: str) -> LoadedExample:
    flower = toy_flower(seed, index)
    example = Example(f"toy_{index:06d}.png", CAPTIONS[language](flower), flower.label)
    return LoadedExample(example, draw(flower, side))


def _write(out: Path, loaded: LoadedExample) -> str:
    example = loaded.example
    loaded.picture.save(out / example.file_name)
    record = {"file_name": example.file_name, "text": example.captions, "class": example.label}
    return json.dumps(record) + "\n"
