"""The rules for a drawing request: its prompts, its noise and the number of pictures."""

import reprlib
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real

from captiongan.bundle.text_encoder import Reading
from captiongan.draw.hints import SHOWN
from captiongan.errors import PromptError

MAX_CHARACTERS = 1_000
MAX_PICTURES = 1_000
MAX_BEST_OF = 64
SEEDS = 2**32

# Control characters, halves of characters, line and paragraph separators.
_UNREADABLE = {"Cc", "Cs", "Zl", "Zp"}


class PromptWarning(UserWarning):
    """The pictures of a prompt may not show all that it says."""


class UnknownWordsWarning(PromptWarning):
    """Some words of a prompt were rare or absent in the captions the bundle was trained on."""


def check_prompt(prompt: str) -> str:
    """Return `prompt` without leading and trailing white space.

    Raises PromptError unless it then has 1 to 1,000 characters on one line, none of them a control
    character (tabs and line ends are).
    """
    if not isinstance(prompt, str):
        raise PromptError("prompt", f"{reprlib.repr(prompt)} is not a text; give one sentence")
    text = prompt.strip()
    if not text:
        raise PromptError("prompt", f"{reprlib.repr(prompt)} is empty; describe a picture in words")
    if len(text) > MAX_CHARACTERS:
        raise PromptError(
            "prompt",
            f"{reprlib.repr(text)} has {len(text):,} characters, at most "
            f"{MAX_CHARACTERS:,} are allowed; give one sentence",
        )
    for position, character in enumerate(text, start=1):
        if unicodedata.category(character) in _UNREADABLE:
            raise PromptError(
                "prompt",
                f"{reprlib.repr(text)} has the control character {character!a} at "
                f"position {position}, none is allowed; replace it with a space",
            )
    return text


def check_prompts(prompts: Sequence[str]) -> list[str]:
    """Return each of `prompts` as `check_prompt` does; raises PromptError if there is none."""
    if isinstance(prompts, str) or not prompts:
        raise PromptError(
            "prompts",
            f"{reprlib.repr(prompts)} must be a list of one sentence at least; "
            'write ["a red flower"]',
        )
    return [check_prompt(prompt) for prompt in prompts]


def check_words(reading: Reading, bundle: str) -> Reading:
    """Return `reading` if the bundle named `bundle` knows enough of its words.

    Raises PromptError if it has no words, or if more than half of them are unknown.
    """
    unknown, shown = reading.unknown_words, reprlib.repr(reading.text)
    if reading.words == 0:
        raise PromptError("prompt", f"{shown} has no words; describe a picture in words")
    if 2 * len(unknown) > reading.words:
        raise PromptError(
            "prompt",
            f"{shown}: {len(unknown)} of {reading.words} words are unknown "
            f"({_some(unknown, reading.suggestions)}), at "
            f"most half may be; bundle '{bundle}' was trained on English captions; use plain "
            "words for what it draws",
        )
    return reading


def warn_of(readings: Sequence[Reading], bundle: str) -> None:
    """Warn with PromptWarning of what the pictures may not show, and of what is not read.

    Unknown words have a warning of their own, UnknownWordsWarning. The warning points at the caller
    of the caller. `bundle` is the name of the bundle whose text encoder read the prompts.
    """
    for reading in readings:
        for warning in _remarks(reading, bundle):
            warnings.warn(warning, stacklevel=3)


def _remarks(reading: Reading, bundle: str) -> Iterator[PromptWarning]:
    if reading.unknown_words:
        yield UnknownWordsWarning(
            f"the text encoder of bundle '{bundle}' hardly knows these words: "
            f"{_some(reading.unknown_words, reading.suggestions)}"
        )
    if reading.weak_words:
        yield PromptWarning(
            f"bundle '{bundle}' hardly follows words that negate or count: "
            f"{_some(reading.weak_words)}"
        )
    if reading.off_topic:
        yield PromptWarning(
            f"bundle '{bundle}' hardly knows sentences like {reprlib.repr(reading.text)}: the "
            "captions that it was trained on are about something else"
        )
    if reading.cut:
        yield PromptWarning(
            f"prompt {reprlib.repr(reading.text)} has more than the {len(reading.tokens)} "
            f"tokens that bundle '{bundle}' takes; the rest is not read"
        )


def seeds_of(seed: int, n: int, best_of: int = 1) -> range:
    """Return the seeds of `n` pictures, or of `best_of` candidates for each of them.

    Candidate j of picture i has the seed `seed` + i * `best_of` + j, so no two have the same.

    Raises PromptError unless all are int, `n` is 1 to 1,000, `best_of` is 1 to 64, there are at
    most 1,000 candidates, and every seed is from 0 to 2**32 - 1.
    """
    if not _is_int(n) or not 1 <= n <= MAX_PICTURES:
        raise PromptError(
            "n",
            f"{reprlib.repr(n)} is not a whole number from 1 to {MAX_PICTURES:,}; "
            "ask for at least one picture, and for many in several calls",
        )
    most = min(MAX_BEST_OF, MAX_PICTURES // n)
    if not _is_int(best_of) or not 1 <= best_of <= most:
        raise PromptError(
            "best_of",
            f"{reprlib.repr(best_of)} is not a whole number from 1 to {most}; draw at most "
            f"{MAX_BEST_OF} for each picture, and {MAX_PICTURES:,} in all",
        )
    drawn = n * best_of
    last, rule = SEEDS - drawn, "n" if best_of == 1 else "n * best_of"
    if not _is_int(seed) or not 0 <= seed <= last:
        raise PromptError(
            "seed",
            f"{reprlib.repr(seed)} is not a whole number from 0 to {last} (2**32 - {rule}); "
            "choose one in that range",
        )
    return range(seed, seed + drawn)


def check_around(around: int | None, strength: float) -> float:
    """Return `strength`, how far variations go from the picture of seed `around`, as a float.

    Raises PromptError unless `around` is None or a seed, and `strength` is a number from 0 to 1.
    """
    if around is not None and (not _is_int(around) or not 0 <= around < SEEDS):
        raise PromptError(
            "around",
            f"{reprlib.repr(around)} is not a whole number from 0 to {SEEDS - 1} (2**32 - 1); give "
            "the seed of the picture to vary",
        )
    if not _is_number(strength) or not 0 <= strength <= 1:
        raise PromptError(
            "strength",
            f"{reprlib.repr(strength)} is not a number from 0 to 1; take 0 for the picture itself, "
            "more for variations farther away",
        )
    return float(strength)


def check_truncation(truncation: float) -> float:
    """Return `truncation`, the factor of the noise, as a float.

    Raises PromptError unless it is a number above 0 and at most 1.
    """
    if not _is_number(truncation) or not 0 < truncation <= 1:
        raise PromptError(
            "truncation",
            f"{reprlib.repr(truncation)} is not a number above 0 and at most 1; "
            "1 gives the full variety, less gives more typical pictures",
        )
    return float(truncation)


def stops_of(prompts: Sequence[str], seeds: Sequence[int], steps: int) -> int:
    """Return how many stops an interpolation has; a single prompt or seed holds for all of them.

    Raises PromptError unless there are two stops or more, as many `prompts` as `seeds` where there
    are several of both, each seed is as for `seeds_of`, `steps` is 2 or more, and there are at most
    1,000 pictures in all.
    """
    if _is_int(seeds):
        raise PromptError("seeds", f"{seeds} is a number, must be a list of them; write [{seeds}]")
    for seed in seeds:
        seeds_of(seed, 1)
    stops = max(len(prompts), len(seeds))
    if not {len(prompts), len(seeds)} <= {1, stops}:
        raise PromptError(
            "seeds",
            f"({len(seeds)}) and prompts ({len(prompts)}): must be as many of both, or one of "
            "either; give several sentences with one seed, or one sentence with several seeds",
        )
    if stops < 2:
        raise PromptError(
            "seeds",
            "and prompts are one of each: nothing lies between; give several sentences, or several "
            "seeds",
        )
    most = 1 + (MAX_PICTURES - 1) // (stops - 1)
    if not _is_int(steps) or not 2 <= steps <= most:
        raise PromptError(
            "steps",
            f"{reprlib.repr(steps)} is not a whole number from 2 to {most}; from one stop to "
            "the next are two pictures at least, from the first to the last at most "
            f"{MAX_PICTURES:,}",
        )
    return stops


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _some(words: Sequence[str], suggestions: Mapping[str, str] | None = None) -> str:
    """List the first few of `words`, each shortened, and what was perhaps meant."""
    distinct = list(dict.fromkeys(words))
    shown = [word if len(word) <= 30 else f"{word[:27]}..." for word in distinct[:SHOWN]]
    for place, word in enumerate(distinct[:SHOWN]):
        if suggestion := (suggestions or {}).get(word):
            shown[place] += f" (did you mean '{suggestion}'?)"
    return ", ".join(shown + ["..."] * (len(distinct) > SHOWN))
