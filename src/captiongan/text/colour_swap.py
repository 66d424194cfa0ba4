"""The minimal pair of a caption that people wrote: the same words with two colours exchanged."""

import re
from collections.abc import Iterable
from functools import cache
from itertools import chain

from captiongan.text.vocabulary import (
    A_BEFORE_VOWEL,
    COLOURS,
    COVERS,
    IRREGULAR_PLURALS,
    PARTS,
    SHADES,
    SHAPES,
    SIZES,
    TEXTURES,
    THINGS,
    Families,
)

_WHOLE = "the whole thing"
_MORE_ADJECTIVES = ("outer", "inner", "upper", "lower", "central", "main", "coloured", "colored")
_ADVERB = (
    "(?:all|almost|also|both|completely|entirely|fully|mainly|mostly|nearly|predominantly"
    "|primarily|pure|purely|quite|slightly|solid|very)"
)
_PLACE = "(?:above|along|around|at|behind|below|in|inside|near|of|on|surrounding|under)"
_DETERMINER = "(?:a|an|each|her|his|its|the|their|these|this)"


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern of words, the longest first; in captions, hyphens stand for spaces too."""
    longest_first = sorted(set(words), key=lambda word: (-len(word), word))
    return r"\b(?:" + "|".join(longest_first).replace(" ", "[ -]") + r")\b"


def _by_word(families: Families) -> dict[str, str]:
    return {word: plain for plain, words in families.items() for word in words}


def _kinds() -> dict[str, str]:
    """Return the kind of part of each word, in singular and plural."""
    parts = {word: kind for table in PARTS.values() for word, kind in _by_word(table).items()}
    things = {word: _WHOLE for table in THINGS.values() for word in _by_word(table)}
    kinds = things | {word: _WHOLE if kind in COVERS else kind for word, kind in parts.items()}
    plurals = {f"{word}s": kind for word, kind in kinds.items()}
    singulars = {word.removesuffix("s"): kind for word, kind in kinds.items()}
    irregular = {one: kinds[many] for one, many in IRREGULAR_PLURALS.items()}
    return plurals | singulars | irregular | kinds


_FAMILY_OF = _by_word(COLOURS)
_KIND_OF = _kinds()

_NOUN = _any_of(_KIND_OF)
_ADJECTIVE = _any_of([*chain(*map(_by_word, (TEXTURES, SHAPES, SIZES, SHADES))), *_MORE_ADJECTIVES])
_SHADE = _any_of(word + ending for word in _by_word(SHADES) for ending in ("", "r", "er"))
_COLOUR = re.compile(
    rf"(?:{_SHADE}[ -])*(?P<word>{_any_of(_FAMILY_OF)})"
    rf"|\b(?:{'|'.join(COLOURS)})\w+",  # "yellowy", "pinks": a colour, but not in the tables
    re.IGNORECASE,
)
_THEN_PART = re.compile(
    rf"(?:(?:,| and|, and)?[ -]{_ADJECTIVE}){{,2}}[ -](?P<noun>{_NOUN})"
    rf"(?![ -](?:{_NOUN}|shaped|like|tipped)\b)",
    re.IGNORECASE,
)
_PART_IS = re.compile(
    rf"(?P<noun>{_NOUN})"
    rf"(?: {_PLACE} (?:{_DETERMINER} )?{_NOUN}){{,2}}"
    rf"(?: that| which)? (?:is|are) (?:(?:{_ADVERB}|{_ADJECTIVE}),?(?: and)? )*$",
    re.IGNORECASE,
)


def swap_colours(caption: str) -> str | None:
    """Return the minimal pair of a caption that people wrote: its two colours are exchanged.

    The caption must name exactly two colours, of different families, each bound to a different kind
    of part: by an adjective before the noun ("white petals with a bright yellow centre"), or by a
    verb after it ("the wings are mostly black"). A whole thing counts as one more kind, the same as
    what covers it: a flower and its petals, a bird and its feathers. A shade goes with its colour.
    Any other caption gives None: "red and yellow petals" would mean the same.
    """
    colours = list(_COLOUR.finditer(caption))
    if len(colours) != 2 or not all(colour["word"] for colour in colours):
        return None
    one, other = colours
    kinds = {_bound_kind(caption, one), _bound_kind(caption, other)}
    if _family(one) == _family(other) or len(kinds) < 2 or None in kinds:
        return None
    return (
        _with_article(caption[: one.start()], _in_case_of(one[0], other[0]))
        + _with_article(caption[one.end() : other.start()], _in_case_of(other[0], one[0]))
        + caption[other.end() :]
    )


def swap_each(captions: Iterable[str]) -> list[str | None]:
    """Return the minimal pair of each caption, or None; equal captions cost once."""
    swapped = cache(swap_colours)
    return [swapped(caption) for caption in captions]


def _bound_kind(caption: str, colour: re.Match[str]) -> str | None:
    """Return the kind of part that has this colour, if it is unambiguous."""
    after = _THEN_PART.match(caption, colour.end())
    before = _PART_IS.search(caption, 0, colour.start())
    kinds = {_KIND_OF[_spoken(binding["noun"])] for binding in (after, before) if binding}
    return kinds.pop() if len(kinds) == 1 else None


def _family(colour: re.Match[str]) -> str:
    return _FAMILY_OF[_spoken(colour["word"])]


def _spoken(words: str) -> str:
    return words.lower().replace("-", " ")


def _in_case_of(replaced: str, colour: str) -> str:
    if replaced.isupper():
        return colour.upper()
    return colour.capitalize() if replaced[0].isupper() else colour.lower()


def _with_article(before: str, colour: str) -> str:
    """Join the two, with the article that the colour needs."""
    article = "an" if A_BEFORE_VOWEL.match(f"a {colour.lower()}") else "a"
    return re.sub(r"\b(a)n? $", rf"\1{article[1:]} ", before, flags=re.IGNORECASE) + colour
