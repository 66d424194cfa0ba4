"""Which way each picture of a set faces, found without labels.

A generator is continuous in z. If half of the birds in a data set face left and half face right,
some z lie between the two and draw birds with two heads (Tanielian et al. 2020, arXiv 2006.04596).
A run with `data.facing` mirrors training pictures so that all face one way.

The feature maps of an EfficientNet-Lite0 say what is where in a picture. The maps of a picture
minus those of its mirror image are one vector per picture; the vector of the mirror image is the
opposite one. If pictures face two ways, their vectors lie along one line through 0: the first
right-singular vector of all of them, without centring. The sign along that line is the facing.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from captiongan.base.cache import cached
from captiongan.base.files import sha256_of
from captiongan.data.store import Pictures, Progress
from captiongan.errors import DataError
from captiongan.evaluation.extractors import BATCH, for_lite
from captiongan.networks.efficientnet_lite import VARIANTS, EfficientNetLite

VERSION = 1
"""Part of the cache key; raise it whenever the results change."""

SIDE = 160
"""Pixels to which pictures are resized."""

STANDS_OUT = 2.0
"""The least ratio of the energies of the first and the second direction."""

DECIMALS = 3
"""To which vectors are rounded, in standard deviations of a channel; the rest is rounding error."""

TINY = 1e-12
"""The variance assumed for a channel that has none."""

Vectors = npt.NDArray[np.float32]
Turned = npt.NDArray[np.bool_]
Maps = Callable[[Tensor], Sequence[Tensor]]
"""From pictures (B, 3, H, W) uint8 to maps of several scales, (B, C, H', W') each."""


def to_be_turned(pictures: Pictures, on_progress: Progress | None = None) -> Turned:
    """Return which pictures (N, H, W, 3) to mirror so that all face one way: (N,).

    A picture that faces neither way stays as it is. The result is the same pictures whichever way
    they face at first. It is computed once, batch by batch, and then read from the cache.
    `on_progress` is called with the number of pictures processed.

    Raises:
        DataError: the pictures do not have two facings.
        ConfigError: the network's weights are missing or damaged.
        OutputError: the cache cannot be written.
    """
    weights = Path(VARIANTS["lite0"].weights())
    key = hashlib.sha256(f"{VERSION} {sha256_of(weights)} {pictures.shape}".encode())
    for batch in _batches(pictures):
        key.update(batch.data)

    def compute() -> bytes:
        return other_way(differences(pictures, _lite0(), on_progress)).tobytes()

    return np.frombuffer(cached("facing", key.hexdigest()[:32], compute), dtype=np.bool_)


def other_way(vectors: Vectors) -> Turned:
    """Return which vectors (N, D) lie on the negative side of the set's main direction: (N,).

    The largest number of the direction is positive, so the same set gives the same result.

    Raises:
        DataError: no direction stands out.
    """
    energies, directions = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))
    direction, total = directions[:, -1], energies.sum()
    second, first = energies[-2:] / total if total > 0 else (0.0, 0.0)
    if first == 0 or first < STANDS_OUT * second:
        raise DataError(
            "data.facing = True: the pictures do not have two facings; the direction in which left "
            f"and right differ most holds {first:.3f} of the difference and the next one "
            f"{second:.3f}, must be at least {STANDS_OUT:g} times as much; set data.facing=false"
        )
    outermost = direction[np.abs(direction).argmax()]
    facing: Turned = vectors @ (direction * np.sign(outermost)).astype(np.float32) < 0
    return facing


@torch.inference_mode()
def differences(pictures: Pictures, maps: Maps, on_progress: Progress | None = None) -> Vectors:
    """Return the feature maps of pictures (N, H, W, 3) minus those of their mirror images: (N, D).

    The vectors are in standard deviations of each channel over all pictures and places.
    """
    differing, moments = [], []
    for batch in _batches(pictures):
        there = torch.from_numpy(batch).permute(0, 3, 1, 2)
        both = list(zip(maps(there), maps(there.flip(3)), strict=True))
        differing.append([_one_sided(one - other) for one, other in both])
        moments.append([(_moments(one) + _moments(other)) / 2 for one, other in both])
        if on_progress:
            on_progress(sum(len(parts[0]) for parts in differing))
    scaled = []
    for parts, sums in zip(zip(*differing, strict=True), zip(*moments, strict=True), strict=True):
        mean, square = torch.stack(sums).sum(dim=0) / len(pictures)
        deviation = (square - mean**2).clamp(min=TINY).sqrt().float()
        scaled.append((torch.cat(parts) / deviation[:, None]).flatten(1))
    vectors: Vectors = torch.cat(scaled, dim=1).round(decimals=DECIMALS).numpy()
    return vectors


def _one_sided(maps: Tensor) -> Tensor:
    """Subtract the mirrored right half of maps (B, C, H, W), averaged over rows: (B, C, W // 2)."""
    columns = maps.mean(dim=2)
    half = columns.shape[2] // 2
    return (columns - columns.flip(2))[:, :, :half]


def _moments(maps: Tensor) -> Tensor:
    """Sum each channel's mean and mean square of maps (B, C, H, W) over the pictures: (2, C)."""
    values = maps.double().flatten(2)
    return torch.stack([values.mean(dim=2), values.square().mean(dim=2)]).sum(dim=1)


def _batches(pictures: Pictures) -> Iterator[Pictures]:
    for start in range(0, len(pictures), BATCH):
        yield np.ascontiguousarray(pictures[start : start + BATCH])


def _lite0() -> Maps:
    """Return the function that computes the feature maps of strides 16 and 32."""
    network = convert_conv2d_weight_memory_format(
        EfficientNetLite(VARIANTS["lite0"]),
        torch.channels_last,  # as pictures are stored
    )
    return lambda pictures: network.maps(for_lite(SIDE, pictures))[2:]
