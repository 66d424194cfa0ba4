"""The rules for what can be asked of a pipeline: the prompt, the seeds and how many pictures."""

import reprlib
import unicodedata
import warnings
from collections.abc import Sequence

from captiongan.errors import PromptError

MAX_CHARACTERS = 1_000
MAX_PICTURES = 1_000
SEEDS = 2**32

# Control characters, halves of characters, line and paragraph separators: none can be read aloud.
_UNREADABLE = {"Cc", "Cs", "Zl", "Zp"}


class UnknownWordsWarning(UserWarning):
    """Some words of a prompt were rare or absent in the captions the bundle learned from."""


def check_prompt(prompt: str) -> str:
    """Return `prompt` without outer white space.

    Raises PromptError unless that leaves 1 to 1,000 characters on one line, none of them a control
    character (tabs and line ends are).
    """
    if not isinstance(prompt, str):
        raise PromptError(f"prompt {reprlib.repr(prompt)} is not a text; give one sentence")
    text = prompt.strip()
    if not text:
        raise PromptError(f"prompt {reprlib.repr(prompt)} is empty; describe a picture in words")
    if len(text) > MAX_CHARACTERS:
        raise PromptError(
            f"prompt {reprlib.repr(text)} has {len(text):,} characters, at most "
            f"{MAX_CHARACTERS:,} are allowed; give one sentence"
        )
    for position, character in enumerate(text, start=1):
        if unicodedata.category(character) in _UNREADABLE:
            raise PromptError(
                f"prompt {reprlib.repr(text)} has the control character {character!a} at "
                f"position {position}, none is allowed; put a space in its place"
            )
    return text


def check_words(prompt: str, unknown: Sequence[str], total: int, bundle: str) -> None:
    """Check that the bundle named `bundle` knows enough of the `total` words of `prompt`.

    Raises PromptError if there is no word at all or more than half of them are `unknown`; warns
    with UnknownWordsWarning if fewer are.
    """
    if total == 0:
        raise PromptError(
            f"prompt {reprlib.repr(prompt)} has no words; describe a picture in words"
        )
    if 2 * len(unknown) > total:
        raise PromptError(
            f"prompt {reprlib.repr(prompt)}: {len(unknown)} of {total} words are unknown "
            f"({_some(unknown)}), at most half may be; bundle '{bundle}' was trained on English "
            "captions; use plain English words for what it draws"
        )
    if unknown:
        warnings.warn(
            f"the text encoder of bundle '{bundle}' hardly knows these words: {_some(unknown)}",
            UnknownWordsWarning,
            stacklevel=3,
        )


def seeds_of(seed: int, n: int) -> range:
    """Return the seeds of `n` pictures, one each: `seed`, `seed` + 1 and so on.

    Raises PromptError unless both are int, `n` is 1 to 1,000 and every seed is below 2**32.
    """
    if not _is_int(n) or not 1 <= n <= MAX_PICTURES:
        raise PromptError(
            f"n {reprlib.repr(n)} is not a whole number from 1 to {MAX_PICTURES:,}; "
            "ask for at least one picture, and for many in several calls"
        )
    last = SEEDS - n
    if not _is_int(seed) or not 0 <= seed <= last:
        raise PromptError(
            f"seed {reprlib.repr(seed)} is not a whole number from 0 to {last} (2**32 - n); "
            "choose one in that range"
        )
    return range(seed, seed + n)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _some(words: Sequence[str], limit: int = 5) -> str:
    """List the first few of `words`, each shortened."""
    shown = [word if len(word) <= 30 else f"{word[:27]}..." for word in dict.fromkeys(words)]
    return ", ".join(shown[:limit] + ["..."] * (len(shown) > limit))
