"""The corpus of a text encoder: captions, a dictionary, and sentences composed of looks."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from captiongan.text_training.grammar import compose
from captiongan.text_training.wordnet import read_wordnet

HELD_OUT = 50
"""One text in so many is never trained on."""


@dataclass(frozen=True)
class Entry:
    """A text, the same in plainer words, and the colours that it gives to parts (`Look.colours`).

    The plainer words of a rare word are its definition; most texts are plain as they are.
    """

    text: str
    plain: str
    colours: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """Texts to train on, each once: captions, dictionary entries, and composed sentences.

    `held_out` are texts of the same three kinds that nothing may learn from.
    """

    captions: tuple[Entry, ...]
    glosses: tuple[Entry, ...]
    looks: tuple[Entry, ...]
    held_out: tuple[str, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries to train on: captions, then glosses, then composed sentences."""
        return (*self.captions, *self.glosses, *self.looks)

    @property
    def texts(self) -> list[str]:
        """The texts of all entries, in their order."""
        return [entry.text for entry in self.entries]


def held_out(text: str) -> bool:
    """Return whether a text is in the fiftieth that nothing learns from; only the text decides."""
    return int(hashlib.sha256(text.encode(errors="replace")).hexdigest(), 16) % HELD_OUT == 0


def gather(captions: Iterable[str], wordnet: Path | None, composed: int, seed: int) -> Corpus:
    """Collect the texts of all sources.

    Args:
        captions: of data sets.
        wordnet: the folder of a WordNet database, see `read_wordnet`; None for none.
        composed: how many sentences to compose of looks.
        seed: of the composed sentences.

    Raises:
        DataError: the database is missing or malformed.
    """
    seen: dict[str, None] = {}
    kinds = [
        _each_once(entries, seen)
        for entries in (
            (Entry(caption, caption) for caption in captions),
            (Entry(look.text, look.plain, look.colours) for look in compose(composed, seed)),
            _of_dictionary(wordnet) if wordnet else (),
        )
    ]
    own, looks, glosses = (
        tuple(entry for entry in entries if not held_out(entry.text)) for entries in kinds
    )
    return Corpus(own, glosses, looks, tuple(filter(held_out, seen)))


def _of_dictionary(wordnet: Path) -> Iterator[Entry]:
    dictionary = read_wordnet(wordnet)
    for sentence in dictionary.sentences:
        yield Entry(sentence, sentence)
    for name, meaning in dictionary.names.items():
        yield Entry(name, meaning)


def _each_once(entries: Iterable[Entry], seen: dict[str, None]) -> list[Entry]:
    """Drop texts that were seen before, and record the others."""
    new = []
    for entry in entries:
        if entry.text not in seen:
            seen[entry.text] = None
            new.append(entry)
    return new
