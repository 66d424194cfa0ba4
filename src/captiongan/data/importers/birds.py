"""CUB-200-2011 birds (Wah et al. 2011), captioned by Reed et al. 2016.

A folder with these, as archives or unpacked:

    CUB_200_2011.tgz         images.txt, bounding_boxes.txt, train_test_split.txt,
                             images/001.Black_footed_Albatross/...jpg
    cvpr2016_cub.tar.gz      captions and splits by class, see `reed`
"""

import re
from collections.abc import Iterator

from captiongan.data.importers.items import Box, Item, Note, Request, captioned, only_splits
from captiongan.data.importers.reed_captions import ReedReader
from captiongan.data.importers.source import Member, members
from captiongan.errors import DataError

_PICTURE = re.compile(r"(?:^|/)images/(\d{3}\.[^/]+/[^/]+)\.jpg$")
_TABLE = re.compile(r"(?:^|/)(images|bounding_boxes|train_test_split)\.txt$")


def read(request: Request) -> Iterator[Item]:
    """Stream the birds with ten captions each, the species as class, and StackGAN's box.

    Raises:
        DataError: captions, boxes or files that the splits need are missing or broken.
    """
    splits = only_splits(request, "birds", "classes", "source", "none")
    reader, tables = ReedReader(), {}
    for member in members(request.source):
        if not reader.take(member) and (found := _TABLE.search(member.name)):
            tables[found[1]] = _table(member)
    reed = reader.result(splits, "cvpr2016_cub.tar.gz")
    for name in ("images", "bounding_boxes", "train_test_split"):
        if name not in tables:
            raise DataError(f"source has no {name}.txt: put CUB_200_2011.tgz into the folder")
    number_of = {
        row[0].removesuffix(".jpg"): number for number, row in tables["images"].items() if row
    }
    notes = {}
    for (folder, picture), captions in reed.captions.items():
        key = f"{folder}/{picture}"
        number = number_of.get(key, "")
        split = reed.split_of(folder) if splits == "classes" else None
        if splits == "source":
            split = "train" if tables["train_test_split"].get(number) == ("1",) else "test"
        notes[key] = Note(captions, folder, split, _box(tables["bounding_boxes"].get(number, ())))
    return captioned(request.source, notes, _key)


def _key(name: str) -> str | None:
    found = _PICTURE.search(name)
    return found[1] if found else None


def _table(member: Member) -> dict[str, tuple[str, ...]]:
    """Read lines of a picture's number and its values."""
    rows = (line.split() for line in member.text().splitlines())
    return {row[0]: tuple(row[1:]) for row in rows if row}


def _box(row: tuple[str, ...]) -> Box | None:
    """Return StackGAN's square: half its side is three quarters of the bird's longer side.

    It is clipped to the picture.
    """
    try:
        left, top, width, height = (int(float(number)) for number in row)
    except (ValueError, OverflowError):
        return None
    half = int(max(width, height) * 0.75)
    across, down = int((2 * left + width) / 2), int((2 * top + height) / 2)
    return across - half, down - half, across + half, down + half
