"""Pairs of sentences about looks, in Vietnamese and in English, composed from one grammar.

Both sentences of a pair are filled from the same things, parts and colours, by a pair of templates,
so they say the same. Vietnamese puts what describes a noun after it ("cánh tròn màu đỏ": petal
round colour red), and words that sort and count before it ("những", "con", "chiếc").

A negated sentence has the twin that says nothing of what is negated: "a flower" for "a flower that
is not red", in both languages.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from captiongan.bundle.languages import without_accents
from captiongan.bundle.vietnamese import in_sections, sections
from captiongan.text.vocabulary import A_BEFORE_VOWEL
from captiongan.text_training.grammar import article_of
from captiongan.text_training.vietnamese_looks import (
    GROUPS,
    PLACES,
    Telling,
    Words,
    with_classifier,
)

SENTENCES = Path(__file__).with_name("vietnamese_sentences.txt")

# Probabilities.
_NEGATES = 0.12
_NEGATES_IN_ENGLISH = 0.35
_MIXED = 0.04
_WITHOUT_ACCENTS = 0.25
_SOME_ACCENTS = 0.05
_ACCENT_LEFT_OUT = 0.3

_SLOT = re.compile(r"\{(\w+)\}")


class Pair(NamedTuple):
    """A text, and the English text whose embedding is to be its own."""

    text: str
    twin: str


class _Line(NamedTuple):
    english: str
    vietnamese: tuple[str, ...]
    twin: str
    slots: tuple[str, ...]


def _lines(section: str) -> list[_Line]:
    """Read the templates of a section."""
    lines = []
    for line in in_sections(SENTENCES)[section].strip().splitlines():
        said, _, twin = line.partition(" => ")
        english, *vietnamese = said.split(" | ")
        slots = tuple(dict.fromkeys(_SLOT.findall(line)))
        lines.append(_Line(english, tuple(vietnamese), twin or english, slots))
    return lines


_PLAIN_LINES, _NEGATED_LINES = _lines("plain"), _lines("negated")


def compose_pairs(seed: int) -> Iterator[Pair]:
    """Yield pairs without end; some repeat. The same seed yields the same ones."""
    rng = Random(f"pairs/{seed}")
    while True:
        yield _pair(rng)


def lexicon(seed: int) -> Iterator[Pair]:
    """Yield each entry of the table, as it stands and with the words that go before a noun."""
    rng = Random(f"lexicon/{seed}")
    for name, entries in sections().items():
        _, classifiers = GROUPS.get(name, ("", ("",)))
        for english, words in entries:
            for word in words:
                yield Pair(word, english)
                if name == "colours":
                    yield Pair(f"màu {word}", english)
                if name in GROUPS:
                    classified = with_classifier(word, rng.choice(classifiers))
                    yield Pair(classified, _indefinite(english))
                    yield Pair(f"một {classified}", _indefinite(english))
                    yield Pair(without_accents(classified), _indefinite(english))
                else:
                    yield Pair(without_accents(word), english)


def words_of_the_grammar() -> set[str]:
    """Return all Vietnamese words that the grammar can say, in lower case."""
    entries = [word for section in sections().values() for each in section for word in each[1]]
    templates = [text for line in (*_PLAIN_LINES, *_NEGATED_LINES) for text in line.vietnamese]
    classifiers = [each for _, listed in GROUPS.values() for each in listed]
    places = [vietnamese for _, vietnamese in PLACES]
    said = _SLOT.sub(" ", " ".join([*entries, *templates, *classifiers, *places]))
    return set(re.findall(r"[^\W\d_]+", f"{said} một những các màu và pha".lower()))


def _pair(rng: Random) -> Pair:
    """Choose a template in both languages and fill it."""
    telling = Telling(rng)
    negated = rng.random() < _NEGATES
    line = rng.choice(_NEGATED_LINES if negated else _PLAIN_LINES)
    slots = telling.slots(line.slots)
    english = {name: words.english for name, words in slots.items()}
    twin = _tidied(line.twin.format_map(english))
    if negated and rng.random() < _NEGATES_IN_ENGLISH:
        return Pair(_tidied(line.english.format_map(english)), twin)
    said = {name: _said(name, words, rng) for name, words in slots.items()}
    text = _tidied(rng.choice(line.vietnamese).format_map(said))
    return Pair(_typed(text, rng), twin)


def _said(name: str, words: Words, rng: Random) -> str:
    """Return words in Vietnamese; some looks and parts stay in English."""
    mixed = name[0] in "wlps" and rng.random() < _MIXED
    return words.english if mixed else words.vietnamese


def _typed(text: str, rng: Random) -> str:
    """Return a text as people type it: some without accents."""
    if rng.random() < _WITHOUT_ACCENTS:
        return without_accents(text)
    if rng.random() < _SOME_ACCENTS:
        words = text.split()
        return " ".join(
            without_accents(word) if rng.random() < _ACCENT_LEFT_OUT else word for word in words
        )
    return text


def _indefinite(noun: str) -> str:
    return _tidied(f"{article_of(noun)} {noun}")


def _tidied(text: str) -> str:
    text = " ".join(text.split()).replace(" ,", ",")
    return A_BEFORE_VOWEL.sub("an ", text)
