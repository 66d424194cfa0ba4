"""The indefinite article: `a` or `an`, by how the next word sounds."""

import re

_LIKE_YOU = r"uni(?![dmn])|u[st][aeiou]|ubi|u-|eu|ewe"
_LIKE_ONE = r"one\b|one-|once\b"
_SILENT_H = r"hour|honest|honou?r|heir"

VOWEL_SOUND = rf"(?:(?!{_LIKE_YOU}|{_LIKE_ONE})[aeiou]|{_SILENT_H}|8|1[18]\b)"
"""A pattern for the beginning of a word in lower case that takes `an`."""

_VOWEL_SOUND = re.compile(VOWEL_SOUND)


def with_article(words: str) -> str:
    """Put `a` or `an` before words: `an hour`, `a unicorn`."""
    return f"an {words}" if _VOWEL_SOUND.match(words.lower()) else f"a {words}"
