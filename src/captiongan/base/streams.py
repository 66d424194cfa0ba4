"""The random streams of a run, each apart from the others."""

from enum import IntEnum, unique


@unique
class Stream(IntEnum):
    """What random numbers of a run are for.

    A generator is seeded by the run's seed, mostly a step, and one of these. A number that is
    taken must never change or be dealt twice, or other pictures come out of the same seed.
    """

    ORDER = 1
    """The order in which pictures come."""
    NOISE = 2
    """The noise z."""
    GRID = 3
    """The noise of the sample grid."""
    SCORES = 4
    """The pictures by which a run scores itself."""
    TEXT = 5
    """What is added to embeddings."""
    STEP = 6
    """What PyTorch draws within a step, such as changes of pictures."""
    LOOK = 7
    """The side at which the discriminator looks."""
