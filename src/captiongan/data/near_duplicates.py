"""Pictures that are nearly the same: sent twice, resized, compressed again.

A picture is shrunk to 16 x 16. Two pictures are near-duplicates if no colour value of any pixel
there differs by more than a tenth. To find such pairs without comparing all with all, the small
pictures are projected on 64 random directions: near-duplicates lie on the same side of nearly all.
"""

from collections import defaultdict

import numpy as np
import numpy.typing as npt
from PIL import Image

TOLERANCE = 25
"""The largest difference of a colour value of the small pictures, of 255."""

_SIDE = 16
_BITS = 64
_BAND = 16

Little = npt.NDArray[np.uint8]


def little_picture(picture: Image.Image) -> Little:
    """Shrink an RGB picture to the 16 x 16 x 3 values by which it is compared."""
    small = picture.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).reshape(-1)


def near_duplicates(pictures: list[Little]) -> list[list[int]]:
    """Return the groups of near-duplicates, as numbers of pictures in order.

    A chain of near-duplicates is one group. A few pairs that differ by noise are missed. Memory:
    about 2 kB a picture.
    """
    if len(pictures) < 2:
        return []
    values = np.stack(pictures)
    union = Union(len(pictures))
    for band in _bands(values):
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.diff(band[order], prepend=-1))
        for bucket in np.split(order, starts[1:]):
            _join(values, bucket, union)
    return [group for group in union.groups() if len(group) > 1]


class Union:
    """Numbers from 0 up, joined into groups (union-find)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def leader(self, number: int) -> int:
        """Return the smallest number of a number's group."""
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Make one group of the groups of two numbers."""
        low, high = sorted((self.leader(one), self.leader(other)))
        self._parent[high] = low

    def groups(self) -> list[list[int]]:
        """Return all groups, in the order of their smallest numbers."""
        groups = defaultdict(list)
        for number in range(len(self._parent)):
            groups[self.leader(number)].append(number)
        return list(groups.values())


def _bands(values: Little) -> list[npt.NDArray[np.int64]]:
    """Return, for each of a few sets of directions, on which sides of them each picture lies."""
    random = np.random.default_rng(0)
    directions = random.standard_normal((values.shape[1], _BITS), dtype=np.float32)
    mean = values.mean(axis=0, dtype=np.float32)
    sides = np.empty((len(values), _BITS), dtype=bool)
    for start in range(0, len(values), 4096):
        block = slice(start, start + 4096)
        sides[block] = (values[block] - mean) @ directions > 0
    weights = 2 ** np.arange(_BAND)
    return [sides[:, first : first + _BAND] @ weights for first in range(0, _BITS, _BAND)]


def _join(values: Little, bucket: npt.NDArray[np.int64], union: Union) -> None:
    """Join the near-duplicates of a bucket; compare one of those that are equal."""
    leaders: list[int] = []
    for number in bucket.tolist():
        if leaders:
            differences = np.abs(values[leaders].astype(np.int16) - values[number]).max(axis=1)
            near = np.flatnonzero(differences <= TOLERANCE)
            for place in near:
                union.join(leaders[place], number)
            if differences.min() == 0:
                continue
        leaders.append(number)
