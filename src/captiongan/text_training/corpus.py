"""What a text encoder learns to read: captions, a dictionary, and sentences composed of looks."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from captiongan.text_training.grammar import compose
from captiongan.text_training.wordnet import read_wordnet

HELD_OUT = 50
"""One text of so many is never trained on."""


@dataclass(frozen=True)
class Reading:
    """A text, the same in plainer words, and the colours that it gives to parts (`Look.colours`).

    Of a rare word, the plainer words are its definition; most texts are plain as they are.
    """

    text: str
    plain: str
    colours: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """Texts to train on, each once: of people, of a dictionary, and composed ones.

    `held_out` are texts of the same three kinds that nothing may learn from.
    """

    captions: tuple[Reading, ...]
    glosses: tuple[Reading, ...]
    looks: tuple[Reading, ...]
    held_out: tuple[str, ...]

    @property
    def readings(self) -> tuple[Reading, ...]:
        """All to train on: captions, then glosses, then composed sentences."""
        return (*self.captions, *self.glosses, *self.looks)

    @property
    def texts(self) -> list[str]:
        """The texts of all readings, in their order."""
        return [reading.text for reading in self.readings]


def held_out(text: str) -> bool:
    """Say whether a text is one of the fiftieth part that nothing learns from; it alone decides."""
    return int(hashlib.sha256(text.encode(errors="replace")).hexdigest(), 16) % HELD_OUT == 0


def gather(captions: Iterable[str], wordnet: Path | None, composed: int, seed: int) -> Corpus:
    """Put the texts of all sources together.

    Args:
        captions: of data sets.
        wordnet: the folder of a WordNet database, see `read_wordnet`; None does without.
        composed: how many sentences to compose of looks.
        seed: decides the composed ones.

    Raises:
        DataError: the database is not there, or not one.
    """
    seen: dict[str, None] = {}
    kinds = [
        _each_once(readings, seen)
        for readings in (
            (Reading(caption, caption) for caption in captions),
            (Reading(look.text, look.plain, look.colours) for look in compose(composed, seed)),
            _of_dictionary(wordnet) if wordnet else (),
        )
    ]
    own, looks, glosses = (
        tuple(reading for reading in readings if not held_out(reading.text)) for readings in kinds
    )
    return Corpus(own, glosses, looks, tuple(filter(held_out, seen)))


def _of_dictionary(wordnet: Path) -> Iterator[Reading]:
    dictionary = read_wordnet(wordnet)
    for sentence in dictionary.sentences:
        yield Reading(sentence, sentence)
    for name, meaning in dictionary.names.items():
        yield Reading(name, meaning)


def _each_once(readings: Iterable[Reading], seen: dict[str, None]) -> list[Reading]:
    """Leave out texts that were seen before, and note the others."""
    new = []
    for reading in readings:
        if reading.text not in seen:
            seen[reading.text] = None
            new.append(reading)
    return new
