"""The random streams of a run, independent of each other."""

from enum import IntEnum, unique


@unique
class Stream(IntEnum):
    """The purposes of random numbers in a run.

    A generator is seeded by the run's seed, mostly a step, and one of these. A number must never
    change or be used twice, because the same seed would then give other pictures.
    """

    ORDER = 1
    """The order of the pictures."""
    NOISE = 2
    """The noise z."""
    GRID = 3
    """The noise of the sample grid."""
    SCORES = 4
    """The pictures that are held out to score the run."""
    TEXT = 5
    """The noise that is added to embeddings."""
    STEP = 6
    """What PyTorch draws within a step, such as augmentations."""
    LOOK = 7
    """The side to which the discriminator resizes pictures."""
    BINDING = 8
    """Which mismatching texts are the matching one with its colours exchanged."""
