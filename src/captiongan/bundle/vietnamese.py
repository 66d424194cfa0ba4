"""The table of Vietnamese words with their English twins, and the gloss of a prompt by it."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from captiongan.bundle.languages import VIETNAMESE, without_accents

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
    return {
        name: tuple(map(_twins, filter(str.strip, text.split(";"))))
        for name, text in in_sections(TABLE).items()
    }


def in_sections(file: Path) -> Mapping[str, str]:
    """Return the text below each `[name]` of a file, without lines that begin with #."""
    text = unicodedata.normalize("NFC", file.read_text(encoding="utf-8"))
    _, *parts = _SECTION.split(_COMMENT.sub("", text))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _twins(entry: str) -> Twins:
    english, _, words = " ".join(entry.split()).partition(": ")
    return Twins(english, tuple(words.split(", ")))


_WORD = re.compile(rf"{VIETNAMESE}?\w+|[,;.]")
_LONGEST = 5
_NOT_SAID = frozenset(["màu", "con", "cái", "chiếc", "những", "các", "thì", "mà"])
"""Words that English does not say: for colour, classifiers, plurals, and some small ones."""


def gloss(marked: str) -> str:
    """Return a text word by word in English, as far as the table goes.

    The words stay in their order. A word that the table does not have stays as it is.

    Args:
        marked: the text as `languages.marked` returns it.
    """
    words = _WORD.findall(marked)
    ours = [word.removeprefix(VIETNAMESE).lower() for word in words]
    topics = {name for length in (1, 2) for name in _things(ours, length)}
    said, place = [], 0
    while place < len(words):
        run = _run_at(words, place)
        length, english = _longest(ours[place : place + run], topics) if run else (1, ours[place])
        said += [english] if english else []
        place += length
    return " ".join(said).replace(" ,", ",")


def _run_at(words: Sequence[str], start: int) -> int:
    """Return how many Vietnamese words follow one another from here, up to the longest entry."""
    run = words[start : start + _LONGEST]
    return next((n for n, word in enumerate(run) if not word.startswith(VIETNAMESE)), len(run))


def _longest(words: Sequence[str], topics: set[str]) -> tuple[int, str]:
    """Return the length and the twin of the longest entry that the words begin with."""
    for length in range(len(words), 0, -1):
        if found := _entries().get(" ".join(words[:length])):
            fitting = (english for name, english in found if name in topics)
            return length, next(fitting, found[0][1])
    return 1, words[0]


def _things(words: Sequence[str], length: int) -> set[str]:
    """Return the sections of parts of the things that the words name."""
    starts = range(len(words) - length + 1)
    found = [_entries().get(" ".join(words[start : start + length]), ()) for start in starts]
    return {f"parts of {name}" for entries in found for name, _ in entries}


@cache
def _entries() -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return the section and the English word of each Vietnamese one, with and without accents."""
    entries: dict[str, list[tuple[str, str]]] = {word: [("", "")] for word in _NOT_SAID}
    plain: dict[str, list[tuple[str, str]]] = {}
    for name in ("small words", *sections()):  # without accents, "co" is more often "có" than "cổ"
        for english, vietnamese in sections()[name]:
            for word in map(str.lower, vietnamese):
                plain.setdefault(without_accents(word), []).append((name, english))
    for name, twins in sections().items():
        for english, vietnamese in twins:
            for word in map(str.lower, vietnamese):
                entries.setdefault(word, []).append((name, english))
    return plain | {without_accents(word): [("", "")] for word in _NOT_SAID} | entries
