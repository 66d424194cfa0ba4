"""Judges whether a training can learn from a set, and says what it will make of it.

`data check`, `data show`, `data prepare` and `train` all ask here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from captiongan.base.commands import command
from captiongan.data.folder import Example
from captiongan.data.pairs import Mismatching, equal_texts, obstacle

FEWEST_PICTURES = 100
"""Fewer pictures do not even show whether everything works."""

SMALL_SET = 5_000
"""A set of fewer pictures is better learned from a bundle than from scratch."""

MOST_TIMES = 1_000
"""A picture that is shown more often is likely to be learned by heart."""

MOST_EQUAL = 0.05
"""The largest share of mismatching captions that may have the words of the matching one."""


@dataclass(frozen=True)
class Training:
    """What a training does with a set; by default, that of the preset `dcgan`.

    Args:
        kimg: thousand pictures that are shown in all.
        mismatching: where mismatching captions come from; None if the losses need none.
        from_scratch: whether it could start from a bundle and does not.
    """

    kimg: float = 400.0
    mismatching: Mismatching | None = "class"
    from_scratch: bool = True


@dataclass(frozen=True)
class Judgement:
    """Why no run can train on a set, if so; what to fix before; and what else to know."""

    obstacle: str | None
    to_fix: tuple[str, ...]
    advice: tuple[str, ...]


def judge(examples: Sequence[Example], source: str, training: Training | None = None) -> Judgement:
    """Judge the usable pictures of a set.

    Args:
        examples: their captions and classes.
        source: the set, as `--data` names it.
        training: what it is to be trained by.
    """
    training = training or Training()
    reason = obstacle(examples, training.mismatching)
    if reason:
        return Judgement(reason, (), ())
    return Judgement(
        None,
        tuple(_to_fix(examples, training)),
        tuple(_advice(len(examples), source, training)),
    )


def _to_fix(examples: Sequence[Example], training: Training) -> Iterator[str]:
    if len(examples) < FEWEST_PICTURES:
        yield (
            f"{len(examples)} pictures are too few to learn from: with {FEWEST_PICTURES} you see "
            "whether everything works, with 500 what can be learned."
        )
    equal = equal_texts(examples, training.mismatching) if training.mismatching else 0
    if equal > MOST_EQUAL:
        yield (
            f"{100 * equal:.0f} % of the mismatching captions have the words of the matching one, "
            "so the words teach little: write what tells the pictures apart."
        )


def _advice(pictures: int, source: str, training: Training) -> Iterator[str]:
    times = 1000 * training.kimg / pictures
    shown = f"A training of {training.kimg:,g} kimg shows each picture about {times:,.0f} times"
    if times > MOST_TIMES:
        yield (
            f"{shown}, and may learn to repeat them: give it more pictures, or set "
            f"training.kimg={MOST_TIMES * pictures / 1000:g} or less."
        )
    else:
        yield f"{shown}."
    if training.from_scratch and pictures < SMALL_SET:
        start, look = (
            command("train", option, value, "--data", source)
            for option, value in (("--from", "flowers"), ("--config", "toy"))
        )
        yield (
            f"With fewer than {SMALL_SET:,} pictures, start from a bundle, which takes a CPU 10 to "
            f"30 minutes: {start} (--from birds for animals and scenes). For a quick look at small "
            f"pictures: {look}"
        )
