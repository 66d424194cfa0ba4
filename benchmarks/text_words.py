"""Unseen words: is a looks-word that no caption has nearest to a plain word that means the same?"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.bag_of_words import words_of
from benchmarks.text_mean import Mean
from captiongan.bundle.text_encoder import TextEncoder
from captiongan.errors import DataError
from captiongan.text.vocabulary import COLOURS, SHADES, SHAPES, SIZES, TEXTURES

LIST = Path(__file__).parent / "unseen_words.txt"

FRAME = "a {} thing"
"""What an encoder is given of each word: it was made for sentences, and this one says no more."""

OFTEN = 100
"""A plain word stands for choice if captions have it so many times."""


@dataclass(frozen=True)
class WordTest:
    """The plain words that stand for choice, and for each unseen word those that are right.

    `composed` are those unseen words that the sentences of `text_training.grammar` may have.
    """

    plain: tuple[str, ...]
    right: Mapping[str, frozenset[str]]
    composed: frozenset[str]

    @property
    def chance(self) -> float:
        """How many would be right by guessing, 0 to 1."""
        return float(np.mean([len(right) / len(self.plain) for right in self.right.values()]))


@dataclass(frozen=True)
class WordScore:
    """The share of unseen words whose nearest plain word is right; the failures, word by word.

    `not_composed` is the share among those that no composed sentence has either.
    """

    right: Mean
    not_composed: Mean
    failures: dict[str, str]


def read_words(path: Path = LIST) -> dict[str, frozenset[str]]:
    """Read lines like `crimson: red maroon`; empty lines and those that start with # are comments.

    Raises:
        DataError: a line is otherwise, or a word comes twice.
    """
    words: dict[str, frozenset[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        word, colon, right = line.partition(":")
        if not colon or not right.split() or word in words:
            raise DataError(
                f"{path.name}:{number}: '{line}' must be `word: plain words`, each word once; "
                "correct that line"
            )
        words[word] = frozenset(right.split())
    return words


def word_test(words: Mapping[str, frozenset[str]], captions: Iterable[str]) -> WordTest:
    """Keep the words that no caption has, and what captions have often of the plain ones."""
    counts: Counter[str] = Counter()
    for caption in captions:
        for word in words_of(caption):
            counts.update({word, *word.split("-")})
    plain = {word for right in words.values() for word in right if counts[word] >= OFTEN}
    unseen = {word: right & plain for word, right in words.items() if not counts[word]}
    right = {word: right for word, right in unseen.items() if right}
    composed = frozenset(_words_of_the_grammar() & right.keys())
    return WordTest(tuple(sorted(plain)), right, composed)


def word_score(test: WordTest, encoder: TextEncoder) -> WordScore:
    """Look for the plain word with the highest cosine to each unseen word."""
    unseen = list(test.right)
    cosines = encoder.encode(_framed(unseen)) @ encoder.encode(_framed(test.plain)).T
    nearest = [test.plain[place] for place in cosines.argmax(axis=1)]
    found = dict(zip(unseen, nearest, strict=True))
    right = np.array([float(found[word] in test.right[word]) for word in unseen])
    strange = np.array([word not in test.composed for word in unseen])
    failures = {word: plain for word, plain in found.items() if plain not in test.right[word]}
    return WordScore(Mean.of(right), Mean.of(right[strange]), failures)


def _words_of_the_grammar() -> set[str]:
    return {
        part
        for families in (COLOURS, SHADES, TEXTURES, SHAPES, SIZES)
        for synonyms in families.values()
        for phrase in synonyms
        for part in phrase.split()
    }


def _framed(words: Sequence[str]) -> list[str]:
    return [FRAME.format(word) for word in words]
