"""What an encoder learns a second language from: pairs of a text and its English twin."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from captiongan.bundle.languages import CUES, NEGATION, VIETNAMESE, without_accents
from captiongan.data.store import captions_of
from captiongan.errors import ConfigError
from captiongan.text.vocabulary import COLOURS
from captiongan.text_training.cldr import read_annotations
from captiongan.text_training.corpus import held_out
from captiongan.text_training.vietnamese_grammar import (
    Pair,
    compose_pairs,
    lexicon,
    words_of_the_grammar,
)

LANGUAGES = ("vi",)
KNOWN_TIMES = 4
"""How often the table of words and the names are read in an epoch."""

NEGATING = 6_000
"""Captions that negate, at most, which are to keep their embeddings."""

REACH = 4
"""Words that a negation reaches, at most."""

_COLOURS = frozenset(word for family in COLOURS.values() for word in family)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class LanguagePlan:
    """What to teach an encoder, and for how long.

    `language` is one of `LANGUAGES`, `start` the folder of the encoder. `data` are captioned
    folders: their captions that negate something else than a colour keep their embeddings. `cldr`
    is the folder of Unicode's annotations or None, `composed` how many pairs to compose, `epochs`
    how often to read them.

    Raises:
        ConfigError: the language is unknown.
    """

    language: str
    start: Path
    data: tuple[str, ...] = ()
    cldr: Path | None = None
    composed: int = 300_000
    epochs: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ConfigError(f"--language '{self.language}': must be {', '.join(LANGUAGES)}")


def pairs_of(plan: LanguagePlan) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs to learn from, and those that are held out: some of the composed ones.

    Raises:
        DataError: the annotations, or captions, cannot be used.
    """
    composed = dict.fromkeys(islice(compose_pairs(plan.seed), plan.composed))
    kept = [pair for pair in composed if held_out(pair.twin)]
    return [pair for pair in composed if not held_out(pair.twin)] + [*_known(plan)], kept


def new_tokens(plan: LanguagePlan) -> list[str]:
    """Return the tokens that the language adds to a vocabulary, sorted.

    Raises:
        DataError: the annotations cannot be used.
    """
    words = words_of_the_grammar()
    for name, _ in read_annotations(plan.cldr, plan.language) if plan.cldr else ():
        words |= set(_WORD.findall(name.lower()))
    spelled = words | {without_accents(word) for word in words}
    return sorted({*(NEGATION + cue for cue in CUES), *(VIETNAMESE + word for word in spelled)})


def _known(plan: LanguagePlan) -> Iterator[Pair]:
    """Yield the table of words, names, and captions that negate."""
    for _ in range(KNOWN_TIMES):
        yield from lexicon(plan.seed)
        for name, twin in read_annotations(plan.cldr, plan.language) if plan.cldr else ():
            yield Pair(name, twin)
            yield Pair(without_accents(name), twin)
    if plan.data:
        captions = captions_of(plan.data)
        negating = [each for each in captions if not CUES.isdisjoint(each.lower().split())]
        yield from [Pair(each, each) for each in negating if _keeps(each)][:NEGATING]


def _keeps(caption: str) -> bool:
    """Whether a caption that negates is to keep its embedding: it negates no colour."""
    words = caption.lower().replace(",", " ").split()
    denied = {
        word
        for place, word in enumerate(words)
        if not CUES.isdisjoint(words[max(0, place - REACH) : place])
    }
    return denied.isdisjoint(_COLOURS)
