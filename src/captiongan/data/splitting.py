"""Divides a captioned folder into train, test and perhaps val, with no picture in two of them."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from captiongan.data.folder import LoadedExample, Reject, read_captioned_folder
from captiongan.data.importers.folder import found
from captiongan.data.importers.items import Item
from captiongan.data.near_duplicates import Union, little_picture, near_duplicates
from captiongan.errors import DataError

By = Literal["picture", "class"]


def split_folder(root: Path, shares: Mapping[str, float], by: By, seed: int) -> Iterator[Item]:
    """Stream a captioned folder with a split for each picture; the rest of the shares is `train`.

    A unit stays in one split: a group of near-duplicates, or with `class` all pictures of a class.
    Pictures without a class are units of their own.

    Args:
        root: a captioned folder.
        shares: fractions of the pictures by split, each above 0, together below 1.
        by: the unit that is drawn at random.
        seed: decides the draw.

    Raises:
        DataError: a share breaks its rule, or the units are too large for the shares.
    """
    for split, share in shares.items():
        if not 0 < share < 1 or sum(shares.values()) >= 1:
            raise DataError(
                f"--{split} {share}: each share must be above 0 and their sum below 1; change the "
                "shares, so that some pictures are left for train"
            )
    names, labels, little = [], [], []
    for item in read_captioned_folder(root, 1):
        if isinstance(item, LoadedExample):
            names.append(item.example.file_name)
            labels.append(item.example.label)
            little.append(little_picture(item.picture))
    units = Union(len(names))
    for first, *others in near_duplicates(little):
        for other in others:
            units.join(first, other)
    if by == "class":
        first_of: dict[str, int] = {}
        for number, label in enumerate(labels):
            if label is not None:
                units.join(first_of.setdefault(label, number), number)
    dealt = _dealt(units.groups(), len(names), shares, seed)
    split_of = {name: dealt.get(number, "train") for number, name in enumerate(names)}
    return _stream(root, split_of)


def _dealt(
    units: list[list[int]], pictures: int, shares: Mapping[str, float], seed: int
) -> dict[int, str]:
    """Deal the units in random order, each to the first split with room; return the splits."""
    random.Random(seed).shuffle(units)
    dealt: dict[int, str] = {}
    room = {split: share * pictures for split, share in shares.items()}
    for unit in units:
        for split, left in room.items():
            if len(unit) <= left + len(unit) / 2:  # over by no more than it would be under without
                room[split] -= len(unit)
                dealt |= dict.fromkeys(unit, split)
                break
    for split, share in shares.items():
        if split not in dealt.values():
            raise DataError(
                f"--{split} {share}: of {pictures} pictures in {len(units)} units that stay "
                "together none is small enough; give a larger share, or split by picture"
            )
    if len(dealt) == pictures:
        raise DataError(f"nothing is left for train of {len(units)} units; give smaller shares")
    return dealt


def _stream(root: Path, split_of: Mapping[str, str]) -> Iterator[Item]:
    for item in read_captioned_folder(root, 1):
        split = None if isinstance(item, Reject) else split_of[item.example.file_name]
        yield found(root, item, "", split)
