"""The rules for what can be asked of a pipeline: the prompt, the noise and how many pictures."""

import reprlib
import unicodedata
import warnings
from collections.abc import Sequence
from numbers import Real

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


def check_prompts(prompts: Sequence[str]) -> list[str]:
    """Return each of `prompts` as `check_prompt` does; raises PromptError if there is none."""
    if isinstance(prompts, str) or not prompts:
        raise PromptError(
            f"prompts {reprlib.repr(prompts)} must be a list of one sentence at least; "
            'write ["a red flower"]'
        )
    return [check_prompt(prompt) for prompt in prompts]


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
            stacklevel=4,
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


def check_truncation(truncation: float) -> float:
    """Return `truncation`, by which the noise is multiplied, as a plain float.

    Raises PromptError unless it is a number above 0 and at most 1.
    """
    if not _is_number(truncation) or not 0 < truncation <= 1:
        raise PromptError(
            f"truncation {reprlib.repr(truncation)} is not a number above 0 and at most 1; "
            "leave it at 1 for all the variety there is, take less for pictures more alike"
        )
    return float(truncation)


def stops_of(prompts: Sequence[str], seeds: Sequence[int], steps: int) -> int:
    """Return how many stops an interpolation has; what is given once stays the same at all of them.

    Raises PromptError unless there are two stops at least, as many of `prompts` as of `seeds` where
    both are several, each seed as for `seeds_of`, and `steps` from 2 up with 1,000 pictures in all
    at most.
    """
    if _is_int(seeds):
        raise PromptError(f"seeds {seeds} is a number, must be a list of them; write [{seeds}]")
    for seed in seeds:
        seeds_of(seed, 1)
    stops = max(len(prompts), len(seeds))
    if not {len(prompts), len(seeds)} <= {1, stops}:
        raise PromptError(
            f"{len(prompts)} prompts and {len(seeds)} seeds: must be as many of both, or one of "
            "either; give several sentences with one seed, or one sentence with several seeds"
        )
    if stops < 2:
        raise PromptError(
            "one prompt and one seed: nothing lies between; give several sentences, or several "
            "seeds"
        )
    most = 1 + (MAX_PICTURES - 1) // (stops - 1)
    if not _is_int(steps) or not 2 <= steps <= most:
        raise PromptError(
            f"steps {reprlib.repr(steps)} is not a whole number from 2 to {most}; from one stop to "
            "the next are two pictures at least, from the first to the last at most "
            f"{MAX_PICTURES:,}"
        )
    return stops


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _some(words: Sequence[str], limit: int = 5) -> str:
    """List the first few of `words`, each shortened."""
    shown = [word if len(word) <= 30 else f"{word[:27]}..." for word in dict.fromkeys(words)]
    return ", ".join(shown[:limit] + ["..."] * (len(shown) > limit))
