"""From the data set to the tensors of a step."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from captiongan.config import RunConfig
from captiongan.data.pairs import Indices, Pairs, PairSampler
from captiongan.data.store import Pictures, PictureStore, open_store
from captiongan.text.encoder import TextEncoder
from captiongan.training.step import Batch

NOISE_STREAM = 2
"""Keeps the noise apart from the sampler's own random numbers."""


@dataclass(frozen=True)
class TrainingData:
    """A decoded data set, the embeddings of all its captions, and the sampler over both."""

    config: RunConfig
    store: PictureStore
    embeddings: Tensor
    sampler: PairSampler

    @classmethod
    def open(cls, config: RunConfig, encoder: TextEncoder) -> "TrainingData":
        """Decode and encode what is not in the caches yet.

        Raises:
            DataError: see `open_store` and `PairSampler`.
        """
        plan, least = config.data, config.data.resolution
        store = open_store(plan.source, least + plan.margin, least, plan.squash)
        if config.text.captions == "first":
            store = store.with_first_captions()
        sampler = PairSampler(
            store.examples,
            config.training.batch_size,
            config.training.seed,
            within_batch=plan.mismatching == "batch" or not config.has_text,
        )
        return cls(config, store, torch.from_numpy(encoder.encode(store.captions)), sampler)

    def facts(self) -> dict[str, Any]:
        """What a run on this data is trained on, for people and for the model card."""
        labels = {example.label for example in self.store.examples}
        return {
            "source": self.config.data.source,
            "pictures": len(self.store.examples),
            "captions": len(self.store.captions),
            "classes": len(labels - {None}),
            "skipped": list(self.store.rejects),
            "digest": self.store.digest,
        }

    def batch(self, step: int) -> Batch:
        """Return the batch of a step (from 0 up), the same at every call."""
        pairs = self.sampler(step)
        random = np.random.default_rng([self.config.training.seed, step, NOISE_STREAM])
        shape = (len(pairs.pictures), self.config.generator.noise_dim)
        return Batch(
            pictures=to_tensor(self._crops(pairs)),
            matching=self._texts(pairs.matching),
            mismatching=self._texts(pairs.mismatching),
            noise=torch.from_numpy(random.standard_normal(shape, dtype=np.float32)),
        )

    def centre(self, rows: list[int]) -> Pictures:
        """Return the middle crops of some pictures: (N, H, W, 3) uint8."""
        low = self.config.data.margin // 2
        high = low + self.config.data.resolution
        return self.store.pictures[rows, low:high, low:high]

    def _texts(self, captions: Indices) -> Tensor:
        """Return the embeddings of captions, or means with others of the same picture: (B, D)."""
        together = self.sampler.following(captions, self.config.text.averaged)
        return self.embeddings[together].mean(dim=1)

    def _crops(self, pairs: Pairs) -> Pictures:
        side = self.config.data.resolution
        corners = (pairs.crop * (self.config.data.margin + 1)).astype(int)
        flips = pairs.flip if self.config.data.flip else np.zeros_like(pairs.flip)
        crops = np.empty((len(flips), side, side, 3), dtype=np.uint8)
        for crop, row, (top, left), flip in zip(crops, pairs.pictures, corners, flips, strict=True):
            window = self.store.pictures[row, top : top + side, left : left + side]
            crop[:] = window[:, ::-1] if flip else window
        return crops


def to_tensor(pictures: Pictures) -> Tensor:
    """Turn pictures (N, H, W, 3) uint8 into (N, 3, H, W) in [-1, 1], channels last in memory."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(tensor: Tensor) -> Tensor:
    """Turn (N, 3, H, W) in [-1, 1] into pictures (N, H, W, 3) uint8, rounded to nearest."""
    levels = torch.round((tensor + 1) * 127.5).clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1)
