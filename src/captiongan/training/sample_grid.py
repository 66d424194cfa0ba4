"""The sample grid: the same captions and the same noise throughout a run."""

from typing import Any

import numpy as np
import torch
from PIL import Image

from captiongan.base.streams import Stream
from captiongan.data.pairs import first_captions
from captiongan.data.store import Pictures
from captiongan.draw.sheet import grid
from captiongan.evaluation.judge import judged
from captiongan.networks.layers import PairDiscriminator, PictureGenerator
from captiongan.networks.pixels import to_pictures
from captiongan.training.batches import TrainingData

ROWS = 8
COLUMNS = 8

JUDGED = 4
"""Rows whose pictures the discriminator is asked about, with each other's captions."""


class SampleGrid:
    """A row for each caption, which starts with its real picture; each column has its noise."""

    def __init__(self, data: TrainingData) -> None:
        random = np.random.default_rng([data.config.training.seed, 0, Stream.GRID])
        count = len(data.store.examples)
        examples = sorted(random.choice(count, size=min(ROWS, count), replace=False).tolist())
        first = first_captions(data.store.examples)[examples]
        noise = random.standard_normal((COLUMNS, data.config.generator.noise_dim), dtype=np.float32)
        self.captions = [data.store.examples[row].captions[0] for row in examples]
        self._real = [Image.fromarray(picture) for picture in data.centre(examples)]
        self._embeddings = data.embeddings[first].repeat_interleave(COLUMNS, dim=0)
        self._noise = torch.from_numpy(noise).repeat(len(examples), 1)

    @torch.no_grad()
    def draw(self, ema: PictureGenerator) -> Pictures:
        """Draw the grid with the generator's EMA: (captions, noises, H, W, 3) uint8."""
        device = next(ema.parameters()).device
        pictures = to_pictures(ema(self._noise.to(device), self._embeddings.to(device)))
        drawn: Pictures = pictures.unflatten(0, (-1, COLUMNS)).cpu().numpy()
        return drawn

    def judged(self, discriminator: PairDiscriminator, drawn: Pictures) -> dict[str, Any]:
        """Return what the discriminator says of the first pictures with each other's captions.

        Args:
            discriminator: it sees real and drawn pictures in batches of their own, as in a step.
            drawn: what `draw` returned; the first column is judged.

        Returns:
            The `captions`, and under `real` and `drawn` the logits of each picture with each
            caption: scales of rows of places, see `evaluation.judge`.
        """
        rows = slice(JUDGED)
        texts = self._embeddings[::COLUMNS][rows].to(next(discriminator.parameters()).device)
        kinds = {"real": np.stack([np.asarray(each) for each in self._real]), "drawn": drawn[:, 0]}
        logits = {kind: judged(discriminator, each, texts) for kind, each in kinds.items()}
        shown = {kind: each[rows].round(2).tolist() for kind, each in logits.items()}
        return {"captions": self.captions[rows], **shown}

    def sheet(self, drawn: Pictures) -> Image.Image:
        """Lay out what `draw` returned, with the real picture of its caption before each row."""
        rows = [
            [real, *map(Image.fromarray, row)] for real, row in zip(self._real, drawn, strict=True)
        ]
        return grid(rows)
