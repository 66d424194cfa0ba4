"""What the scores need of a data set: `evaluate` and `data split` both read it here.

Nothing here needs PyTorch.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from captiongan.evaluation.retrieval import POOL

FEWEST = 50
"""Real pictures that it takes to compare distributions."""

FEWEST_PICTURES = 100
"""Training pictures that it takes to train the probes."""

FEWEST_PER_CLASS = 10

FEWEST_PAIRS = 20
"""Captions with two colours exchanged, one of a real picture, that it takes to tell from luck."""

LARGEST_SHARE = 0.5
"""The largest share of a data set that is worth testing on."""

SPARE = 1.02
"""By how much a recommended part is larger than it must be."""

Labels = Sequence[str | None]
"""The classes of some pictures, None for those without one."""


@dataclass(frozen=True)
class Needs:
    """What some scores need.

    Args:
        scores: their names.
        real: fewest pictures of the part that is scored.
        probes: whether probes must be trained on the train part.
        guesses: how many classes a classifier guesses; 0 for scores without one.
        pairs: whether a class must have two pictures.
    """

    scores: tuple[str, ...]
    real: int = 0
    probes: bool = False
    guesses: int = 0
    pairs: bool = False

    def obstacle(self, real: Labels, train: Labels) -> str | None:
        """Return why the scores would not mean anything; None if they would.

        Args:
            real: the classes of the pictures of the part that is scored.
            train: those of the train part.
        """
        if self.probes and len(train) < FEWEST_PICTURES:
            return f"{len(train)} training pictures; probes take {FEWEST_PICTURES}"
        if self.guesses:
            reason = class_obstacle(train) or guessed(len(set(train)), self.guesses)
            if reason or not set(real) & set(train):
                return reason or NONE_COUNTS
        if self.pairs and len(set(train) - {None}) == len(train) - train.count(None):
            return NO_PAIRS
        if len(real) < self.real:
            return f"{len(real)} real pictures; it takes {self.real}"
        return None


NONE_COUNTS = "no example of this split counts in it"
NO_PAIRS = "no class of real pictures has two that differ, to compare with"

CROWDS = Needs(("kid", "fid", "precision", "density", "recall", "coverage"), real=FEWEST)
DIVERSITY = Needs(("diversity",), pairs=True)
RETRIEVAL = Needs(("r_at_1",), real=POOL, probes=True)
BINDING = Needs(("binding",), probes=True)
TOP_1 = Needs(("top_1",), probes=True, guesses=1)
TOP_5 = Needs(("top_5",), probes=True, guesses=5)

ALL = (CROWDS, DIVERSITY, RETRIEVAL, BINDING, TOP_1, TOP_5)
"""The needs of all scores that need anything; the others depend on captions and pictures alone."""


def left_out(real: Labels, train: Labels) -> dict[tuple[str, ...], str]:
    """Return the scores that such parts would not have, with the reasons."""
    reasons = {needs.scores: needs.obstacle(real, train) for needs in ALL}
    return {scores: reason for scores, reason in reasons.items() if reason}


def foreseen(real: Labels, train: Labels) -> Iterator[str]:
    """Say which scores such parts would not have, and which size of the test part would do."""
    count = f"test: {len(real)} pictures"
    omitted = left_out(real, train)
    if not omitted:
        yield f"{count}, enough for all scores of `captiongan evaluate`"
        return
    yield f"{count}, so `captiongan evaluate` will leave out"
    for scores, reason in omitted.items():
        yield f"  {', '.join(scores)}: {reason}"
    sizes = sorted({needs.real for needs in ALL if needs.real > len(real)}, reverse=True)
    shares = {size: _share(size, len(real) + len(train)) for size in sizes}
    fitting = [size for size in sizes if shares[size] <= LARGEST_SHARE]
    if fitting:
        yield f"  --test {shares[fitting[0]]:g} would give the {fitting[0]} pictures that it takes"
    elif sizes:
        yield f"  the {len(real) + len(train)} pictures are too few for that; add pictures"


def _share(size: int, pictures: int) -> float:
    """Return the share that gives so many pictures, though units that stay together cost some."""
    return math.ceil(100 * SPARE * size / pictures) / 100


def class_obstacle(labels: Iterable[str | None]) -> str | None:
    """Say why no classifier can be trained on pictures of these classes, if so."""
    pictures = list(labels)
    classes = set(pictures)
    if None in classes:
        return "not all training pictures have a class"
    if len(classes) < 2 or len(pictures) < FEWEST_PER_CLASS * len(classes):
        return (
            f"the {len(pictures)} training pictures are of {len(classes)} classes; it takes two "
            f"classes, and {FEWEST_PER_CLASS} pictures a class on average"
        )
    return None


def guessed(classes: int, guesses: int) -> str | None:
    """Say why guessing a class means nothing, if so."""
    if classes <= guesses:
        return f"{classes} classes: one of {guesses} guesses is always right"
    return None
