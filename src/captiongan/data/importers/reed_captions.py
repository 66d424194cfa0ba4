"""The captions of flowers and birds by Reed et al. 2016, and their splits by whole classes.

Their archives hold, in some folder:

    text_c10/CLASS/PICTURE.txt     ten captions, a line each
    trainvalclasses.txt            the classes to train on, a line each: 82 of flowers, 150 of birds
    testclasses.txt                the others: 20 and 50
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from captiongan.base.lines import lines_of
from captiongan.data.importers.items import Splits
from captiongan.data.importers.source import Member
from captiongan.errors import DataError

# Some later copies of the birds call the folder `text`.
_CAPTIONS = re.compile(r"(?:^|/)text(?:_c10)?/([^/]+)/([^/]+)\.txt$")
_CLASSES = re.compile(r"(?:^|/)(train|val|trainval|test)classes\.txt$")


@dataclass
class Reed:
    """The content of the caption archive: captions by (class, picture), and lists of classes."""

    captions: dict[tuple[str, str], tuple[str, ...]]
    lists: dict[str, frozenset[str]]

    def split_of(self, folder: str) -> str | None:
        """Return `train` or `test` for a class by its folder's name; None if no list has it."""
        if folder in self.lists.get("test", ()):
            return "test"
        train = (self.lists.get(name, frozenset()) for name in ("trainval", "train", "val"))
        return "train" if any(folder in classes for classes in train) else None


class ReedReader:
    """Collects the captions and lists from the files of a source."""

    def __init__(self) -> None:
        self._reed = Reed({}, {})

    def take(self, member: Member) -> bool:
        """Read a file if it is one of these; return whether it is."""
        if found := _CAPTIONS.search(member.name):
            self._reed.captions[found[1], found[2]] = tuple(lines_of(member.text()))
        elif found := _CLASSES.search(member.name):
            self._reed.lists[found[1]] = frozenset(_lines(member.text()))
        return found is not None

    def result(self, splits: Splits, archive: str) -> Reed:
        """Return the captions and lists.

        Raises:
            DataError: the source has no captions, or no lists of classes to split by.
        """
        if not self._reed.captions:
            raise DataError(
                "source has no captions (text_c10/CLASS/PICTURE.txt): put "
                f"{archive} into the folder"
            )
        if splits == "classes" and not {"train", "trainval"} & self._reed.lists.keys():
            raise DataError(
                "source has no trainvalclasses.txt and testclasses.txt to split by: put "
                f"{archive} into the folder, or give --splits none"
            )
        return self._reed


def _lines(text: str) -> Iterable[str]:
    return filter(None, (line.strip() for line in text.splitlines()))
