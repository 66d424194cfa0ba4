"""The training step, as on the slides: draw (x, e, e_k); update D; update G."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from captiongan.compute import distributed
from captiongan.runs.config import LossConfig
from captiongan.training.augment import blurred, diff_augment
from captiongan.training.losses import (
    GENERATOR_LOSSES,
    contrastive_loss,
    discriminator_loss,
    feature_matching_loss,
    interpolated,
    mode_seeking_loss,
    pixel_wise_loss,
    species_loss,
)
from captiongan.training.state import TrainState, set_learning_rate

Metrics = dict[str, Tensor]
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
    blur: Tensor | None = None
    """Deviation in pixels of the Gaussian that blurs all pictures; None leaves them sharp."""
    text_weight: Tensor | None = None
    """How far terms count that depend on the text alone, from 0 to 1; None is 1."""
    labels: Tensor | None = None
    """Number of each picture's class (B,), from 0; None if D is not to tell classes."""

    def faded(self, weight: float) -> float | Tensor:
        """Return the weight of such a term at this moment."""
        return weight if self.text_weight is None else weight * self.text_weight


def training_step(state: TrainState, batch: Batch, losses: LossConfig) -> Metrics:
    """Update D, then G, on one batch; return the losses and the discriminator's accuracies.

    Of several processes (`distributed.py`) each has its share of the batch; the figures are of all.
    """
    set_learning_rate(state)
    generated = state.generator(batch.noise, batch.matching)
    metrics = update_discriminator(state, batch, generated.detach(), losses)
    metrics |= update_generator(state, batch, generated, losses)
    distributed.average_(list(metrics.values()))
    state.step += 1
    return metrics


def update_discriminator(
    state: TrainState, batch: Batch, generated: Tensor, losses: LossConfig
) -> Metrics:
    """Teach D which pairs are real: (x, e) yes; (x, e_k) no; (G(z, e), e) no.

    These are the joint distributions of the slides: matching, mismatching and generated pairs. The
    loss `gan` leaves out the mismatching ones. With the contrastive term D also learns which text
    of the batch is x's, and with labels the class of x.
    """
    discriminator = state.discriminator
    real_features = _features(state, batch, batch.pictures, losses)
    logits = {"matching": discriminator.logits(real_features, batch.matching)}
    if losses.discriminator != "gan":
        logits["mismatching"] = discriminator.logits(real_features, batch.mismatching)
    logits["generated"] = discriminator.logits(
        _features(state, batch, generated, losses), batch.matching
    )

    loss = discriminator_loss(losses.discriminator, logits, batch.text_weight)
    if losses.contrastive:
        every = _every_pair(state, real_features, batch)
        loss = loss + batch.faded(losses.contrastive) * contrastive_loss(every)
    if batch.labels is not None:
        told = discriminator.classify(real_features)
        loss = loss + losses.species * species_loss(told, batch.labels)
    length = backward_and_step(state, loss, state.discriminator_optimiser)
    return {"loss_d": loss.detach(), "gradient_d": length} | accuracies(logits)


def backward_and_step(state: TrainState, loss: Tensor, optimiser: Optimizer) -> Tensor:
    """Take one step down the gradient, the mean of all processes'; return its length.

    If it or the loss is not finite, this step and all that follow leave the weights alone.
    """
    optimiser.zero_grad()
    state.fabric.backward(loss)
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    loss = loss.detach().clone()
    distributed.average_([*gradients, loss])
    length = get_total_norm(gradients)
    state.diverged.masked_fill_(~(loss + length).isfinite(), 1)
    optimiser.step()
    return length


def accuracies(logits: dict[str, Tensor]) -> Metrics:
    """Return the share of pairs that D judges rightly, of each kind of pairs in `logits`."""
    right = {"accuracy_real": logits["matching"] > 0}
    wrong = {f"accuracy_{pairs}": logits[pairs] < 0 for pairs in logits if pairs != "matching"}
    return {name: hits.float().mean() for name, hits in (right | wrong).items()}


def update_generator(
    state: TrainState, batch: Batch, generated: Tensor, losses: LossConfig
) -> Metrics:
    """Teach G to pass for real: the sum of the terms below, each times its weight."""
    with frozen(state.discriminator):
        terms = generator_terms(state, batch, generated, losses)
        loss = torch.stack([weight * term for weight, term in terms.values()]).sum()
        length = backward_and_step(state, loss, state.generator_optimiser)
    metrics = {f"loss_g_{name}": term.detach() for name, (_, term) in terms.items()}
    return {"loss_g": loss.detach(), "gradient_g": length} | metrics


def generator_terms(
    state: TrainState, batch: Batch, generated: Tensor, losses: LossConfig
) -> dict[str, tuple[float | Tensor, Tensor]]:
    """Return weights and terms of G's loss; a term of weight 0 is left out.

    Those of the slides are -log D(G(z, e), e), alpha * L1 and beta * L2 of features; with GAN-INT,
    pictures of texts between two are to pass as well. Mode seeking and the contrastive term are
    younger, and so is telling the class of the picture that a text was written for. How pictures
    pass is up to the discriminator's loss.
    """
    discriminator, passing = state.discriminator, GENERATOR_LOSSES[losses.discriminator]
    features = _features(state, batch, generated, losses)
    passed = passing(discriminator.logits(features, batch.matching))
    terms: dict[str, tuple[float | Tensor, Tensor]] = {"gan": (1.0, passed)}
    if losses.pixel_wise:
        terms["pixel"] = losses.pixel_wise, pixel_wise_loss(generated, batch.pictures)
    if losses.feature_matching:
        matched = feature_matching_loss(features, _features(state, batch, batch.pictures, losses))
        terms["feature"] = losses.feature_matching, matched
    if losses.interpolation:
        between = interpolated(batch.matching)
        drawn = _features(state, batch, state.generator(batch.noise, between), losses)
        terms["interpolation"] = losses.interpolation, passing(discriminator.logits(drawn, between))
    if losses.mode_seeking:
        noise = distributed.rolled(batch.noise)
        other = state.generator(noise, batch.matching)
        terms["mode_seeking"] = (
            losses.mode_seeking,
            mode_seeking_loss(generated, other, batch.noise, noise),
        )
    if losses.contrastive:
        every = _every_pair(state, features, batch)
        terms["contrastive"] = batch.faded(losses.contrastive), contrastive_loss(every)
    if batch.labels is not None:
        told = discriminator.classify(features)
        terms["species"] = losses.species, species_loss(told, batch.labels)
    return terms


def _features(state: TrainState, batch: Batch, pictures: Tensor, losses: LossConfig) -> Tensor:
    """f(T(x)): the features of pictures, blurred and changed at random where that is asked for."""
    shown = pictures if batch.blur is None else blurred(pictures, batch.blur)
    shown = diff_augment(shown, losses.augment, losses.augment_probability)
    features: Tensor = state.discriminator.features(shown)
    return features


def _every_pair(state: TrainState, features: Tensor, batch: Batch) -> Tensor:
    """D's logits of every picture of the whole batch, by its features, with every text."""
    texts = distributed.gathered(batch.matching)
    logits: Tensor = state.discriminator.all_logits(distributed.gathered(features), texts)
    return logits


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients through a network without collecting any for its weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
