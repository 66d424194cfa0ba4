"""Extractors: frozen networks whose features stand for pictures when pictures are scored.

A score belongs to its extractor, so reports name it in full: the network, the sha256 of its
weights, the side to which pictures are resized, and the filter that does it.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import convert_conv2d_weight_memory_format

from captiongan.base.cache import cached
from captiongan.base.files import sha256_of
from captiongan.data.store import Pictures
from captiongan.errors import ConfigError, RunError
from captiongan.evaluation.distances import Features
from captiongan.networks.efficientnet_lite import FEATURES, VARIANTS, EfficientNetLite

VERSION = 1
"""Part of the name of stored features. Raise it whenever other features come out."""

BATCH = 16
"""Pictures at a time; more would not fit in the processor's caches."""

INPUT_SIDES = {"lite0": 128, "lite1": 160, "lite2": 128}
"""Large enough: probes gain little from more, as docs/decisions/0005-extractors.md measures."""

SIDES = (96, 128, 160, 224)
"""Sides to which a report resizes pictures. One alone may flatter: docs/sides.md."""

SIDE_STEP, SMALLEST_SIDE, LARGEST_SIDE = 32, 96, 256
"""Valid sides: the networks halve pictures five times."""


@dataclass(frozen=True)
class ExtractorIdentity:
    """Which extractor, to the last bit: scores by different ones do not compare."""

    name: str
    """As `choose_extractor` knows it."""
    dim: int
    """Features of a picture."""
    input_side: int
    """Side in pixels to which pictures are resized."""
    resize: str
    """The filter that resizes them."""
    sha256: str
    """Of the file of weights, as published."""

    def __str__(self) -> str:
        return f"{self.name} ({self.sha256[:12]}), {self.input_side} pixels ({self.resize})"


class Extractor(Protocol):
    """From pictures to features, one vector each."""

    @property
    def identity(self) -> ExtractorIdentity:
        """The network, its weights, and how pictures are resized for it."""
        ...

    def features(self, pictures: Pictures) -> Features:
        """Return the features (N, dim) float32 of pictures (N, H, W, 3) uint8, H = W, N from 0.

        A picture's features do not depend on the others, beyond rounding.

        Raises:
            ValueError: pictures of another type or shape.
            RunError: a feature is not finite.
        """
        ...


class NetworkExtractor:
    """An extractor that is a PyTorch network, on any device.

    `prepare` maps levels, (B, 3, H, W) uint8, to what the network takes; the network returns
    features, (B, dim).
    """

    def __init__(
        self,
        identity: ExtractorIdentity,
        network: nn.Module,
        prepare: Callable[[Tensor], Tensor],
        device: torch.device,
    ) -> None:
        self.identity = identity
        self._network = convert_conv2d_weight_memory_format(
            network.eval().to(device),
            torch.channels_last,  # as pictures are stored
        )
        self._prepare = prepare
        self._device = device

    @torch.inference_mode()
    def features(self, pictures: Pictures) -> Features:
        """See `Extractor`; memory holds one batch of resized pictures at a time."""
        _check_pictures(pictures)
        features = np.empty((len(pictures), self.identity.dim), dtype=np.float32)
        for start in range(0, len(pictures), BATCH):
            rows = slice(start, start + BATCH)
            batch = torch.from_numpy(np.array(pictures[rows])).to(self._device)
            prepared = self._prepare(batch.permute(0, 3, 1, 2))
            features[rows] = self._network(prepared).cpu().numpy()
            self._check_finite(features[rows], start)
        return features

    def _check_finite(self, features: Features, start: int) -> None:
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            raise RunError(
                f"extractor '{self.identity.name}': features of picture "
                f"{start + int(finite.argmin())} are not finite, so nothing may be scored with "
                "them; install the extractor's package anew, or choose another extractor or device"
            )


def choose_extractor(
    name: str,
    took_part: Collection[str] = (),
    device: torch.device | None = None,
    side: int | None = None,
) -> Extractor:
    """Return the extractor of that name, one of `EXTRACTORS`, if it may score.

    It may not if it is in `took_part`, the extractors that had a part in the training of what is
    scored. Pictures are resized to `side` pixels, or to the extractor's own side.

    Raises:
        ConfigError: the extractor is unknown, it took part, it has no such side, or its package or
            weights are missing or damaged.
    """
    if name not in EXTRACTORS:
        raise ConfigError(f"unknown extractor '{name}'; choose {', '.join(EXTRACTORS)}")
    if name in took_part:
        others = ", ".join(other for other in EXTRACTORS if other not in took_part)
        raise ConfigError(
            f"extractor '{name}' took part in the training of what it should score, so its scores "
            f"would flatter; choose another: {others}"
        )
    return EXTRACTORS[name](device or torch.device("cpu"), side)


def choose_extractors(
    name: str, sides: Sequence[int] | None, took_part: Collection[str] = ()
) -> list[Extractor]:
    """Return the extractor of that name at each of several sides, in ascending order.

    Without `sides` these are `SIDES`, or for `inception` its only one. See `choose_extractor`.

    Raises:
        ConfigError: no side, a side that is given twice, or what `choose_extractor` refuses.
    """
    if sides is None:
        sides = SIDES if name in INPUT_SIDES else None
    if sides is None:
        return [choose_extractor(name, took_part)]
    if not sides or len(set(sides)) < len(sides):
        listed = ",".join(map(str, sides))
        raise ConfigError(f"--sides '{listed}': give one or more sides, each of them once")
    return [choose_extractor(name, took_part, side=side) for side in sorted(sides)]


def remembered_features(extractor: Extractor, pictures: Pictures) -> Features:
    """Return an extractor's features of pictures that recur, such as real ones.

    They are computed once per (extractor identity, pictures), and then read from the cache.

    Raises:
        ValueError: pictures of another type or shape.
        RunError: a feature is not finite.
        OutputError: the cache cannot be written.
    """
    identity = extractor.identity
    key = hashlib.sha256(f"{VERSION} {identity!r} {pictures.dtype} {pictures.shape}".encode())
    key.update(np.ascontiguousarray(pictures).data)
    content = cached(
        "features",
        f"{identity.name}-{key.hexdigest()[:32]}",
        lambda: extractor.features(pictures).tobytes(),
    )
    return np.frombuffer(content, np.float32).reshape(len(pictures), identity.dim).copy()


def open_lite(name: str, device: torch.device, side: int | None = None) -> Extractor:
    """Return the EfficientNet-Lite of that name with its published ImageNet weights.

    Pictures are resized to `side` pixels, that of `INPUT_SIDES` if not given.

    Raises:
        ConfigError: `side` is not a multiple of 32 from 96 to 256.
    """
    variant, side = VARIANTS[name], INPUT_SIDES[name] if side is None else _checked_side(side)
    weights = sha256_of(Path(variant.weights()))
    identity = ExtractorIdentity(name, FEATURES, side, "bicubic, antialiased", weights)
    return NetworkExtractor(identity, EfficientNetLite(variant), partial(for_lite, side), device)


def open_inception(device: torch.device, side: int | None = None) -> Extractor:
    """Return torch-fidelity's Inception, of the usual FID; its packages come as an extra.

    Raises:
        ConfigError: a `side` is asked for, or what `inception_extractor` raises.
    """
    from captiongan.evaluation.inception import SIDE, inception_extractor

    if side is not None:
        raise ConfigError(
            f"--sides {side}: extractor 'inception' has {SIDE} pixels only, as the published "
            "scores do; leave --sides out, or choose --extractor lite1"
        )
    return inception_extractor(device)


def _checked_side(side: int) -> int:
    if side % SIDE_STEP or not SMALLEST_SIDE <= side <= LARGEST_SIDE:
        raise ConfigError(
            f"--sides {side}: a side must be a multiple of {SIDE_STEP} from {SMALLEST_SIDE} to "
            f"{LARGEST_SIDE} pixels; leave --sides out for {','.join(map(str, SIDES))}"
        )
    return side


def _check_pictures(pictures: Pictures) -> None:
    shape = pictures.shape
    square = len(shape) == 4 and shape[1] == shape[2] > 0 and shape[3] == 3
    if not square or pictures.dtype != np.uint8:
        raise ValueError(
            f"pictures: {pictures.dtype} {shape}, must be uint8 (N, side, side, 3); "
            "give square RGB pictures with levels from 0 to 255"
        )


def for_lite(side: int, pictures: Tensor) -> Tensor:
    """Turn levels (B, 3, H, W) of any side into what EfficientNet-Lite takes, of `side` pixels."""
    resized = F.interpolate(pictures.float(), (side, side), mode="bicubic", antialias=True)
    return (resized.clamp(0, 255) - 127) / 128


EXTRACTORS: dict[str, Callable[[torch.device, int | None], Extractor]] = {
    "lite0": partial(open_lite, "lite0"),
    "lite1": partial(open_lite, "lite1"),
    "lite2": partial(open_lite, "lite2"),
    "inception": open_inception,
}
"""The extractors by name, opened on a device for a side; None is their own side."""
