"""The lecture's exercise in the straightforward way: the baseline that our speed is held against.

Eager single precision; every picture decoded when it is asked for; for the discriminator three
whole passes, of real, mismatching and generated pairs, and two more for the generator, which draws
again what it has drawn. The mathematics are those of `training_step` with the lecture's losses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from captiongan.networks.layers import PairDiscriminator, PictureGenerator
from captiongan.runs.build import build_discriminator, build_generator
from captiongan.runs.config import RunConfig
from captiongan.training.step import Batch


@dataclass(frozen=True)
class Exercise:
    """Two networks and an Adam for each, as in a first tutorial."""

    generator: PictureGenerator
    discriminator: PairDiscriminator
    generator_optimiser: Optimizer
    discriminator_optimiser: Optimizer
    pixel_wise: float
    feature_matching: float

    @classmethod
    def of(cls, config: RunConfig, embedding_dim: int) -> "Exercise":
        """Set it up with the networks of a run, with fresh weights drawn from the run's seed."""
        torch.manual_seed(config.training.seed)
        generator = build_generator(config, embedding_dim)
        discriminator = build_discriminator(config, embedding_dim)
        return cls(
            generator,
            discriminator,
            _adam(generator, config),
            _adam(discriminator, config),
            config.losses.pixel_wise,
            config.losses.feature_matching,
        )

    def step(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Update D, then G; return their losses."""
        x, e, wrong, z = batch[:4]
        real, _ = self._judge(x, e)
        mismatching, _ = self._judge(x, wrong)
        fake, _ = self._judge(self.generator(z, e).detach(), e)
        loss_d = _bce(real, 1) + (_bce(fake, 0) + _bce(mismatching, 0)) / 2
        self.discriminator_optimiser.zero_grad()
        loss_d.backward()
        self.discriminator_optimiser.step()

        generated = self.generator(z, e)
        logits, features = self._judge(generated, e)
        _, wanted = self._judge(x, e)
        loss_g = (
            _bce(logits, 1)
            + self.pixel_wise * F.l1_loss(generated, x)
            + self.feature_matching * F.mse_loss(features.mean(dim=0), wanted.mean(dim=0).detach())
        )
        self.generator_optimiser.zero_grad()
        loss_g.backward()
        self.generator_optimiser.step()
        return loss_d.detach(), loss_g.detach()

    def _judge(self, pictures: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        features: Tensor = self.discriminator.features(pictures)
        return self.discriminator.logits(features, texts), features


def _adam(network: nn.Module, config: RunConfig) -> Adam:
    plan = config.optimiser
    return Adam(network.parameters(), plan.learning_rate, (plan.beta1, plan.beta2), foreach=False)


def decoded(files: Sequence[Path], side: int) -> Tensor:
    """Open, squeeze and scale pictures one by one: (B, 3, side, side) in [-1, 1]."""
    pictures = []
    for file in files:
        with Image.open(file) as image:
            small = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
        pictures.append(torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 127.5 - 1)
    return torch.stack(pictures)


def _bce(logits: Tensor, target: int) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
