"""The training step, as on the slides: draw (x, e, e_k); update D; update G."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor, nn

from captiongan.config import LossConfig
from captiongan.losses import (
    DISCRIMINATOR_LOSSES,
    feature_matching_loss,
    gan_generator_loss,
    interpolated,
    interpolation_loss,
    pixel_wise_loss,
)
from captiongan.training.game import Game, set_learning_rate

Figures = dict[str, Tensor]
"""Named scalars of a step, detached, still on the device."""


class Batch(NamedTuple):
    """What a step is made of, B of each."""

    pictures: Tensor
    """x, real pictures (B, 3, H, W) in [-1, 1]."""
    matching: Tensor
    """e, embedding of a caption of each picture (B, D); D is 0 in a run without text."""
    mismatching: Tensor
    """e_k, embedding of another picture's caption (B, D)."""
    noise: Tensor
    """z (B, noise_dim), from N(0, 1)."""


def training_step(game: Game, batch: Batch, losses: LossConfig) -> Figures:
    """Update D, then G, on one batch; return the losses and the discriminator's accuracies."""
    set_learning_rate(game)
    generated = game.generator(batch.noise, batch.matching)
    figures = update_discriminator(game, batch, generated.detach(), losses)
    figures |= update_generator(game, batch, generated, losses)
    game.step += 1
    return figures


def update_discriminator(
    game: Game, batch: Batch, generated: Tensor, losses: LossConfig
) -> Figures:
    """Teach D which pairs are real: (x, e) yes; (x, e_k) no; (G(z, e), e) no.

    These are the joint distributions of the slides: matching, mismatching and generated pairs. The
    loss `gan` leaves out the mismatching ones.
    """
    discriminator = game.discriminator
    real_features = discriminator.features(batch.pictures)
    logits = {"matching": discriminator.judge(real_features, batch.matching)}
    if losses.discriminator != "gan":
        logits["mismatching"] = discriminator.judge(real_features, batch.mismatching)
    logits["generated"] = discriminator(generated, batch.matching)

    loss = DISCRIMINATOR_LOSSES[losses.discriminator](**logits)
    game.discriminator_optimiser.zero_grad()
    game.fabric.backward(loss)
    game.discriminator_optimiser.step()
    return {"loss_d": loss.detach()} | accuracies(logits)


def accuracies(logits: dict[str, Tensor]) -> Figures:
    """Return the share of pairs that D judges rightly, of each kind of pairs in `logits`."""
    right = {"accuracy_real": logits["matching"] > 0}
    wrong = {f"accuracy_{pairs}": logits[pairs] < 0 for pairs in logits if pairs != "matching"}
    return {name: hits.float().mean() for name, hits in (right | wrong).items()}


def update_generator(game: Game, batch: Batch, generated: Tensor, losses: LossConfig) -> Figures:
    """Teach G to pass for real: -log D(G(z, e), e) + alpha * L1 + beta * L2 of features.

    With GAN-INT also -log D(G(z, e_int), e_int); a term of weight 0 is left out.
    """
    discriminator = game.discriminator
    with frozen(discriminator):
        features = discriminator.features(generated)
        figures = {"loss_g_gan": gan_generator_loss(discriminator.judge(features, batch.matching))}
        loss = figures["loss_g_gan"]
        if losses.pixel_wise:
            figures["loss_g_pixel"] = pixel_wise_loss(generated, batch.pictures)
            loss = loss + losses.pixel_wise * figures["loss_g_pixel"]
        if losses.feature_matching:
            real_features = discriminator.features(batch.pictures)
            figures["loss_g_feature"] = feature_matching_loss(features, real_features)
            loss = loss + losses.feature_matching * figures["loss_g_feature"]
        if losses.interpolation:
            between = interpolated(batch.matching)
            drawn = game.generator(batch.noise, between)
            figures["loss_g_interpolation"] = interpolation_loss(discriminator(drawn, between))
            loss = loss + losses.interpolation * figures["loss_g_interpolation"]

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
