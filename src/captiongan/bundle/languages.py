"""How a text in several languages is written for a tokenizer that reads them.

An encoder that learned a second language has tokens of its own for it, each with a mark before it.
So the Vietnamese "long", which is "lông" (feather) typed without its accent, is another token than
the English one. Here each word of a text is given to its language, and marked. So are English words
that negate. Any other English text stays as it is, and so does its embedding.

The page does the same in `page/engine/languages.js`.
"""

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence

VIETNAMESE, NEGATION = "\u02bc", "\u00ac"
"""Marks. Neither is punctuation, so a tokenizer keeps it with its word."""

ENGLISH = "en"
LANGUAGES = {VIETNAMESE: "vi"}
"""The languages that a vocabulary can have besides English, by their marks."""

_NAMES = {"en": "English", "vi": "Vietnamese"}

CUES = frozenset(["not", "no", "without", "never", "neither", "nor"])
"""English words that negate what follows."""

_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+")
_CONTRACTED = re.compile(r"n['\u2019]t\b", re.IGNORECASE)
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_VOWELS = "aăâeêioôơuưy"
_ONLY_VIETNAMESE = frozenset("đ\u0309\u0323\u031b")
"""A letter and accents, decomposed, that tell a Vietnamese word which the vocabulary lacks."""

_ONLY_ENGLISH = frozenset(["a", "the", "on", "in", "at"])
"""Words that would be Vietnamese, too, but hardly ever are."""

_ENOUGH = 3


def languages_of(vocabulary: Iterable[str]) -> tuple[str, ...]:
    """Return the languages that an encoder with this vocabulary reads, by their ISO codes."""
    marks = {token[0] for token in vocabulary if len(token) > 1}
    return (ENGLISH, *(code for mark, code in LANGUAGES.items() if mark in marks))


def in_words(languages: Iterable[str]) -> str:
    """Return the English names of languages."""
    return " and ".join(_NAMES.get(code, code) for code in languages)


def without_marks(token: str) -> str:
    """Return a token as the text has it."""
    return token.lstrip(VIETNAMESE + NEGATION) or token


def without_accents(word: str) -> str:
    """Return a Vietnamese word as it is typed on a keyboard that has no accents."""
    return _stripped(word).replace("đ", "d").replace("Đ", "D")


def marked(text: str, vocabulary: Container[str]) -> str:
    """Return a text with each word of another language, and each that negates, marked.

    A word is Vietnamese if the vocabulary has it, however its tone is placed, or typed without
    accents. Words that are both languages go with their nearest neighbour that is only one. In a
    text without accents, more words must be Vietnamese only than English only, or three or more
    words must all be both.
    """
    if _is_plain_english(text, vocabulary):
        return text
    text = unicodedata.normalize("NFC", text)
    words = list(_WORD.finditer(text))
    lower = ["".join(map(str.lower, word[0])) for word in words]
    found = [_vietnamese(word, vocabulary) for word in lower]
    spoken = _languages(lower, found, vocabulary)
    parts, end = [], 0
    for word, vietnamese, is_vietnamese in zip(words, found, spoken, strict=True):
        parts.append(_stripped(text[end : word.start()]))
        parts.append(vietnamese if is_vietnamese and vietnamese else _stripped(word[0]))
        end = word.end()
    written = "".join([*parts, _stripped(text[end:])])
    return _with_cues(written) if f"{NEGATION}not" in vocabulary else written


def _is_plain_english(text: str, vocabulary: Container[str]) -> bool:
    """Whether nothing is to be marked, as for most English texts: seen at once, by its words."""
    if not text.isascii() or "'" in text:
        return False
    words = _WORD.findall(text.lower())
    both = [word not in _ONLY_ENGLISH and VIETNAMESE + word in vocabulary for word in words]
    return CUES.isdisjoint(words) and not (
        all(both)
        or any(each and word not in vocabulary for word, each in zip(words, both, strict=True))
    )


def _with_cues(text: str) -> str:
    """Mark the words that negate."""
    parted = _CONTRACTED.sub(" not", text)
    return _WORD.sub(
        lambda word: NEGATION + word[0] if word[0].lower() in CUES else word[0], parted
    )


def _languages(
    words: Sequence[str], found: Sequence[str | None], vocabulary: Container[str]
) -> list[bool]:
    """Return which words are Vietnamese."""
    sure: list[bool | None] = [
        None if vietnamese and word.isascii() and word in vocabulary else bool(vietnamese)
        for word, vietnamese in zip(words, found, strict=True)
    ]
    accented = any(each and not word.isascii() for word, each in zip(words, sure, strict=True))
    if not accented and sure.count(True) <= sure.count(False):
        return [len(words) >= _ENOUGH and all(found)] * len(words)
    return [_like_its_neighbours(place, sure) for place in range(len(words))]


def _like_its_neighbours(place: int, sure: Sequence[bool | None]) -> bool:
    """Return whether a word is Vietnamese, or its nearest neighbours that are sure are."""
    for distance in range(len(sure)):
        near = [
            sure[there]
            for there in (place - distance, place + distance)
            if 0 <= there < len(sure) and sure[there] is not None
        ]
        if near:
            return any(near)
    return False


def _vietnamese(word: str, vocabulary: Container[str]) -> str | None:
    """Return a word in lower case with its mark, as the vocabulary spells it, if it is one."""
    if word in _ONLY_ENGLISH:
        return None
    tokens = (f"{VIETNAMESE}{spelling}" for spelling in _spellings(word))
    foreign = _ONLY_VIETNAMESE.isdisjoint(unicodedata.normalize("NFD", word))
    return next((token for token in tokens if token in vocabulary), None) or (
        None if foreign else f"{VIETNAMESE}{word}"
    )


def _spellings(word: str) -> Iterator[str]:
    """Yield a word, the same with its tone on other letters, and without accents."""
    yield word
    if word.isascii():
        return
    letters = unicodedata.normalize("NFD", word)
    tones = {letter for letter in letters if letter in _TONES}
    if len(tones) == 1:
        (tone,) = tones
        bare = unicodedata.normalize("NFC", "".join(each for each in letters if each != tone))
        for place, letter in enumerate(bare, start=1):
            if letter in _VOWELS:
                yield unicodedata.normalize("NFC", bare[:place] + tone + bare[place:])
    plain = without_accents(word)
    if plain not in _ONLY_ENGLISH:
        yield plain


def _stripped(text: str) -> str:
    """Return a text without accents, as the tokenizer of an English encoder strips them."""
    if text.isascii():
        return text
    letters = unicodedata.normalize("NFD", text)
    return "".join(each for each in letters if unicodedata.category(each) != "Mn")
