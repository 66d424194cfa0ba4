"""From the data set to the batches of the training steps."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from captiongan._moved import forward
from captiongan.base.streams import Stream
from captiongan.bundle.text_encoder import TextEncoder
from captiongan.data.pairs import Indices, Pairs, PairSampler, class_numbers
from captiongan.data.store import Pictures, PictureStore
from captiongan.draw.picture import mirrored
from captiongan.errors import DataError
from captiongan.networks.pixels import to_tensor
from captiongan.runs.config import RunConfig
from captiongan.runs.identity import identity_of
from captiongan.training.conditioning_augmentation import caption_directions
from captiongan.training.data_source import training_source
from captiongan.training.exchanged import ExchangedCaptions
from captiongan.training.facing import Turned, to_be_turned
from captiongan.training.instance_selection import most_typical
from captiongan.training.schedules import blur_sigma, text_weight
from captiongan.training.step import Batch

__getattr__ = forward("captiongan.training.batches", "captiongan.networks.pixels")

CPU = torch.device("cpu")
WHOLE = slice(None)


@dataclass(frozen=True)
class TrainingData:
    """A decoded data set, the embeddings of all its captions, and the sampler over both.

    The whole data set is copied to `device` once, and batches are assembled there. `turned` says
    which pictures are mirrored so that all face one way, (N,); None without `data.facing`.
    """

    config: RunConfig
    store: PictureStore
    embeddings: Tensor
    sampler: PairSampler
    device: torch.device = CPU
    turned: Turned | None = None
    left_out: int = 0
    """How many pictures are not trained on because they are not typical enough."""
    exchanged: ExchangedCaptions | None = None
    """Of `losses.binding`."""

    @classmethod
    def open(
        cls, config: RunConfig, encoder: TextEncoder, device: torch.device = CPU
    ) -> "TrainingData":
        """Open the data of a run; decode and encode what the caches lack.

        Raises:
            ConfigError: see `most_typical`.
            DataError: see `open_store`, `most_typical`, `PairSampler`, `to_be_turned` and
                `ExchangedCaptions`.
        """
        store = everything = training_source(config).open()
        if config.data.typical_share < 1:
            store = most_typical(everything, config.data.typical_share, device)
        sampler = PairSampler(
            store.examples,
            config.training.batch_size,
            config.training.seed,
            within_batch=config.data.mismatching == "batch" or not config.has_text,
        )
        embeddings = torch.from_numpy(encoder.encode(store.captions)).to(device)
        turned = to_be_turned(store.middle(config.data.resolution)) if config.data.facing else None
        exchanged = None
        if config.losses.binding:
            exchanged = ExchangedCaptions.of(store.captions, encoder, device)
        left_out = len(everything.examples) - len(store.examples)
        return cls(config, store, embeddings, sampler, device, turned, left_out, exchanged)

    def facts(self) -> dict[str, Any]:
        """Return what the run is trained on, for `data.json` and the model card."""
        labels = {example.label for example in self.store.examples}
        return {
            "source": self.config.data.source,
            "pictures": len(self.store.examples),
            "captions": len(self.store.captions),
            "classes": len(labels - {None}),
            "left_out": self.left_out,
            "skipped": list(self.store.rejects),
            "digest": self.store.digest,
            "pixels_sha256": self.store.pixels_sha256,
            "run": identity_of(self.config, self.store.digest),
        }

    def batch(self, step: int, rows: slice = WHOLE) -> Batch:
        """Return the batch of a step (from 0), or some rows of it; it depends on the step alone."""
        pairs = self.sampler(step)
        random = np.random.default_rng([self.config.training.seed, step, Stream.NOISE])
        shape = (len(pairs.pictures), self.config.generator.noise_dim)
        noise = random.standard_normal(shape, dtype=np.float32)
        return Batch(
            pictures=to_tensor(self._crops(pairs, rows)),
            matching=self._noisy(self._texts(pairs.matching[rows]), rows, step, 0),
            mismatching=self._noisy(self._mismatching(pairs, rows, step), rows, step, 1),
            noise=self._to_device(noise[rows]),
            blur=self._scalar(blur_sigma(self.config, step)),
            text_weight=self._scalar(text_weight(self.config, step)),
            labels=self._to_device(self._classes[pairs.pictures[rows]]) if self.species else None,
        )

    @cached_property
    def species(self) -> int:
        """How many classes the discriminator predicts; 0 if it predicts none.

        Raises:
            DataError: the data set has fewer than two classes, or a picture without a class.
        """
        weight = self.config.losses.species
        if not weight:
            return 0
        labels = [example.label for example in self.store.examples]
        without, count = labels.count(None), len(set(labels) - {None})
        if without or count < 2:
            raise DataError(
                f"losses.species = {weight:g}: the data has {count} classes, and {without} of "
                f"{len(labels)} pictures have none; it needs two classes or more, and one for each "
                "picture; add `class` to the lines of metadata.jsonl, or set losses.species=0"
            )
        return count

    def conditioning_augmentation(self) -> Tensor | None:
        """Return the directions in which z moves texts, (D, noise_dim // 4); None to move none."""
        strength = self.config.text.conditioning_augmentation
        if not strength:
            return None
        counts = torch.tensor([len(example.captions) for example in self.store.examples])
        pictures = torch.arange(len(counts)).repeat_interleave(counts)
        directions = self.config.generator.noise_dim // 4
        return strength * caption_directions(self.embeddings.cpu(), pictures, directions)

    def centre(self, rows: list[int]) -> Pictures:
        """Return the middle crops of some pictures, facing as in batches: (N, H, W, 3) uint8."""
        crops = self.store.middle(self.config.data.resolution)[rows]
        return crops if self.turned is None else mirrored(crops, self.turned[rows])

    def _texts(self, captions: Indices) -> Tensor:
        """Return the embeddings of captions: (B, D).

        With `text.averaged`, each is the mean over several captions of the picture.
        """
        together = self.sampler.following(captions, self.config.text.averaged)
        return self.embeddings[self._to_device(together)].mean(dim=1)

    def _mismatching(self, pairs: Pairs, rows: slice, step: int) -> Tensor:
        """Return the embeddings of some rows of a batch's mismatching captions: (B, D).

        With `losses.binding`, some are the matching caption with its colours exchanged.
        """
        texts = self._texts(pairs.mismatching[rows])
        if self.exchanged is None:
            return texts
        random = np.random.default_rng([self.config.training.seed, step, Stream.BINDING])
        chosen = random.random(len(pairs.matching)) < self.config.losses.binding
        places = self.exchanged.rows[pairs.matching[rows]]
        exchanged = self.exchanged.embeddings[self._to_device(np.maximum(places, 0))]
        return torch.where(self._to_device(chosen[rows] & (places >= 0))[:, None], exchanged, texts)

    def _noisy(self, texts: Tensor, rows: slice, step: int, which: int) -> Tensor:
        """Move each text (B, D) in a random direction of its own, scaled to length 1 again.

        Without `text.noise` they stay as they are.
        """
        if not self.config.text.noise:
            return texts
        random = np.random.default_rng([self.config.training.seed, step, Stream.TEXT, which])
        shape = (self.config.training.batch_size, texts.shape[1])
        directions = random.standard_normal(shape, dtype=np.float32)
        length = self.config.text.noise / texts.shape[1] ** 0.5
        return F.normalize(texts + length * self._to_device(directions[rows]))

    @cached_property
    def _classes(self) -> Indices:
        return class_numbers(self.store.examples)

    @cached_property
    def _pixels(self) -> Tensor:
        """All pixels of all pictures, one per row, on the device: (N H W, 3) uint8."""
        return torch.from_numpy(self.store.pictures).to(self.device).view(-1, 3)

    def _crops(self, pairs: Pairs, rows: slice) -> Tensor:
        """Return the random crops of some pictures of a batch: (B, H, W, 3) uint8."""
        side, whole = self.config.data.resolution, self.store.pictures.shape[1]
        corners = (pairs.crop[rows] * (self.config.data.margin + 1)).astype(np.int64)
        places = np.arange(side)
        backwards = self._mirrored(pairs)[rows, None]
        columns = corners[:, 1:] + np.where(backwards, places[::-1], places)
        first = pairs.pictures[rows, None] * whole + corners[:, :1]
        lines = self._to_device(first + places)
        pixels = lines[:, :, None] * whole + self._to_device(columns)[:, None]
        return self._pixels.index_select(0, pixels.flatten()).view(-1, side, side, 3)

    def _mirrored(self, pairs: Pairs) -> npt.NDArray[np.bool_]:
        """Return which pictures of a batch are mirrored: (B,).

        With `data.facing` only the turned ones are: mirroring a random half, as `data.flip` does,
        would undo the turning.
        """
        if self.turned is not None:
            return self.turned[pairs.pictures]
        return pairs.flip & self.config.data.flip

    def _scalar(self, value: float | None) -> Tensor | None:
        return None if value is None else self._to_device(np.array(value, dtype=np.float32))

    def _to_device(self, values: npt.NDArray[Any]) -> Tensor:
        here = torch.from_numpy(values)
        if self.device.type == "cuda":
            here = here.pin_memory()  # a copy from other memory would wait for the previous step
        return here.to(self.device, non_blocking=True)
