"""The table of Vietnamese words with their English twins, and the gloss of a prompt by it."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from captiongan.bundle.languages import without_accents

TABLE = Path(__file__).with_name("vietnamese_words.txt")

_SECTION = re.compile(r"^\[(.+)\]$", re.MULTILINE)
_COMMENT = re.compile(r"^#.*\n", re.MULTILINE)


class Twins(NamedTuple):
    """An English word and the Vietnamese words for it, the usual one first."""

    english: str
    vietnamese: tuple[str, ...]


@cache
def sections() -> Mapping[str, Sequence[Twins]]:
    """Return the entries of the table by its sections."""
    text = unicodedata.normalize("NFC", TABLE.read_text(encoding="utf-8"))
    _, *parts = _SECTION.split(_COMMENT.sub("", text))
    return {
        name: tuple(map(_twins, filter(str.strip, part.split(";"))))
        for name, part in zip(parts[::2], parts[1::2], strict=True)
    }


def _twins(entry: str) -> Twins:
    english, _, words = " ".join(entry.split()).partition(": ")
    return Twins(english, tuple(words.split(", ")))
