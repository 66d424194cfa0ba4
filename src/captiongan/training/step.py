"""The training step, as on the slides: draw (x, e, e_k); update D; update G."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor, nn

from captiongan.config import LossConfig
from captiongan.losses import (
    feature_matching_loss,
    gan_generator_loss,
    matching_aware_discriminator_loss,
    pixel_wise_loss,
)
from captiongan.training.game import Game

Figures = dict[str, Tensor]
"""Named scalars of a step, detached, still on the device."""


class Batch(NamedTuple):
    """What a step is made of, B of each."""

    pictures: Tensor
    """x, real pictures (B, 3, H, W) in [-1, 1]."""
    matching: Tensor
    """e, embedding of a caption of each picture (B, D)."""
    mismatching: Tensor
    """e_k, embedding of another picture's caption (B, D)."""
    noise: Tensor
    """z (B, noise_dim), from N(0, 1)."""


def training_step(game: Game, batch: Batch, weights: LossConfig) -> Figures:
    """Update D, then G, on one batch; return the losses and the discriminator's accuracies."""
    generated = game.generator(batch.noise, batch.matching)
    figures = update_discriminator(game, batch, generated.detach())
    figures |= update_generator(game, batch, generated, weights)
    game.step += 1
    return figures


def update_discriminator(game: Game, batch: Batch, generated: Tensor) -> Figures:
    """Teach D which pairs are real: (x, e) yes; (x, e_k) no; (G(z, e), e) no."""
    discriminator = game.discriminator
    real_features = discriminator.features(batch.pictures)
    matching = discriminator.judge(real_features, batch.matching)
    mismatching = discriminator.judge(real_features, batch.mismatching)
    fake = discriminator(generated, batch.matching)

    loss = matching_aware_discriminator_loss(matching, mismatching, fake)
    game.discriminator_optimiser.zero_grad()
    game.fabric.backward(loss)
    game.discriminator_optimiser.step()
    return {
        "loss_d": loss.detach(),
        "accuracy_real": (matching > 0).float().mean(),
        "accuracy_mismatching": (mismatching < 0).float().mean(),
        "accuracy_generated": (fake < 0).float().mean(),
    }


def update_generator(game: Game, batch: Batch, generated: Tensor, weights: LossConfig) -> Figures:
    """Teach G to pass for real: -log D(G(z, e), e) + alpha * L1 + beta * L2 of features."""
    discriminator = game.discriminator
    with frozen(discriminator):
        features = discriminator.features(generated)
        figures = {"loss_g_gan": gan_generator_loss(discriminator.judge(features, batch.matching))}
        loss = figures["loss_g_gan"]
        if weights.pixel_wise:
            figures["loss_g_pixel"] = pixel_wise_loss(generated, batch.pictures)
            loss = loss + weights.pixel_wise * figures["loss_g_pixel"]
        if weights.feature_matching:
            real_features = discriminator.features(batch.pictures)
            figures["loss_g_feature"] = feature_matching_loss(features, real_features)
            loss = loss + weights.feature_matching * figures["loss_g_feature"]

        game.generator_optimiser.zero_grad()
        game.fabric.backward(loss)
    game.generator_optimiser.step()
    return {"loss_g": loss.detach()} | {name: value.detach() for name, value in figures.items()}


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients through a network without collecting any for its weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
