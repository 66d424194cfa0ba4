"""Hints: why a picture may not show what its prompt says.

`page/engine/hints.js` is the same in the browser.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from captiongan.bundle.subject import Subject
from captiongan.bundle.text_encoder import Reading

SHOWN = 5
"""How many of the words of a kind a hint names."""

SHORTEST = 4
"""A shorter word is one edit away from too many others."""

_WEAK = re.compile(
    r"(?<!\w)(?:no|not|none|nor|neither|never|nothing|cannot|without|[a-z]+n['\u2019]t"
    r"|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|[0-9]+)(?!\w)"
)


def with_hints(reading: Reading, subject: Subject | None) -> Reading:
    """Return a reading with hints; `subject` is what the bundle was trained on, if it says so."""
    weak = [word for word in weak_words(reading.text) if word not in reading.unknown_words]
    reading = replace(reading, weak_words=weak)
    if subject is None:
        return reading
    unknown = list(dict.fromkeys(reading.unknown_words))[:SHOWN]
    similar = ((word, similar_word(word, subject.words)) for word in unknown)
    return replace(
        reading,
        suggestions={word: other for word, other in similar if other},
        off_topic=not subject.covers(reading.embedding),
    )


def weak_words(text: str) -> list[str]:
    """Return the words that negate or count; generators hardly follow these, however well known."""
    return list(dict.fromkeys(_WEAK.findall(text.lower())))


def similar_word(word: str, words: Iterable[str]) -> str | None:
    """Return the first of `words` that is one edit away, if the word is long enough to tell."""
    if len(word) < SHORTEST:
        return None
    return next((other for other in words if is_one_edit(word, other)), None)


def is_one_edit(one: str, other: str) -> bool:
    """Whether a letter too many, missing, wrong, or exchanged with the next makes them differ."""
    while one and one[:1] == other[:1]:
        one, other = one[1:], other[1:]
    return one != other and (
        one[1:] in (other, other[1:])
        or one == other[1:]
        or (one[:2] == other[1::-1] and one[2:] == other[2:])
    )
