"""Divides a captioned folder into train, test and perhaps val, with no picture in two of them."""

import posixpath
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from captiongan.data.folder import LoadedExample, Reject, read_captioned_folder
from captiongan.data.importers.folder import found
from captiongan.data.importers.items import Item
from captiongan.data.near_duplicates import Union, little_picture, near_duplicates
from captiongan.errors import DataError

By = Literal["picture", "class"]


@dataclass(frozen=True)
class Division:
    """A captioned folder, and the split of each of its usable pictures, by file name.

    `labels` holds the classes of the pictures, None for those without one.
    """

    root: Path
    split_of: Mapping[str, str]
    labels: Mapping[str, str | None]

    def labels_of(self, split: str) -> list[str | None]:
        """Return the class of each picture of a split."""
        return [self.labels[name] for name, own in self.split_of.items() if own == split]

    def items(self) -> Iterator[Item]:
        """Stream the folder as an importer does, with a split for each picture."""
        for item in read_captioned_folder(self.root, 1):
            split = None if isinstance(item, Reject) else self.split_of[item.example.file_name]
            yield found(self.root, item, "", split)


def divide(root: Path, shares: Mapping[str, float], by: By, seed: int) -> Division:
    """Divide a captioned folder at random; the rest of the shares is `train`.

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
    return Division(root, split_of, dict(zip(names, labels, strict=True)))


def divide_by_list(root: Path, listed: Iterable[str], source: str) -> Division:
    """Divide a captioned folder into `test`, the listed pictures, and `train`, all others.

    Args:
        root: a captioned folder.
        listed: names of files, or how their paths end.
        source: what lists them, for error messages.

    Raises:
        DataError: not exactly one usable picture has a listed name, or none is left for `train`.
    """
    examples = [
        item.example for item in read_captioned_folder(root, 1) if isinstance(item, LoadedExample)
    ]
    test = set(_named(listed, [example.file_name for example in examples], root, source))
    if len(test) == len(examples):
        raise DataError(f"--list '{source}' names all pictures; leave some for train")
    return Division(
        root,
        {each.file_name: "test" if each.file_name in test else "train" for each in examples},
        {each.file_name: each.label for each in examples},
    )


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


def _named(listed: Iterable[str], paths: list[str], root: Path, source: str) -> Iterator[str]:
    """Yield the path that ends in each listed name."""
    by_base: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_base[posixpath.basename(path)].append(path)
    found = {
        name: [
            path for path in by_base[posixpath.basename(name)] if f"/{path}".endswith(f"/{name}")
        ]
        for name in listed
    }
    for name, candidates in found.items():
        if len(candidates) != 1:
            count = sum(len(each) != 1 for each in found.values())
            raise DataError(
                f"--list '{source}': '{root}' has {len(candidates)} usable pictures named "
                f"'{name}', and so for {count} of {len(found)} names, where it takes one each; "
                "give the folder that the list was made for"
            )
        yield candidates[0]
