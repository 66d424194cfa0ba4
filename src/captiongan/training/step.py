"""The training step, as on the slides: draw (x, e, e_k); update D; update G."""

from collections.abc import Iterable, Iterator
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
    LOSSES,
    contrastive_loss,
    faded_discriminator_loss,
    feature_matching_loss,
    interpolated,
    mode_seeking_loss,
    pairs_of,
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
    generated = state.generate(batch.noise, batch.matching)
    metrics = update_discriminator(state, batch, generated.detach(), losses)
    metrics |= update_generator(state, batch, generated, losses)
    distributed.average_(list(metrics.values()))
    state.step += 1
    return metrics


def update_discriminator(
    state: TrainState, batch: Batch, generated: Tensor, losses: LossConfig
) -> Metrics:
    """Teach D which pairs are real: (x, e) yes; (x, e_k) no; (G(z, e), e) no.

    These are the joint distributions of the slides: matching, mismatching and generated pairs. A
    loss may leave out the mismatching ones, as `gan` does. With the contrastive term D also learns
    which text of the batch is x's, with labels the class of x, and with R1 and R2 not to be steep
    at real and at generated pictures.
    """
    discriminator, loss_of = state.discriminator, LOSSES[losses.discriminator]
    real = batch.pictures.detach().requires_grad_(losses.r1 > 0)
    generated = generated.detach().requires_grad_(losses.r2 > 0)
    features = _features(state, batch, real, losses)
    logits = {"matching": discriminator.logits(features, batch.matching)}
    if "mismatching" in pairs_of(loss_of.discriminator):
        logits["mismatching"] = discriminator.logits(features, batch.mismatching)
    logits["generated"] = discriminator.logits(
        _features(state, batch, generated, losses), batch.matching
    )

    loss = faded_discriminator_loss(loss_of.discriminator, logits, batch.text_weight)
    metrics = {}
    if losses.contrastive:
        every = _every_pair(state, features, batch)
        loss = loss + batch.faded(losses.contrastive) * contrastive_loss(every)
    if batch.labels is not None:
        told = discriminator.classify(features)
        loss = loss + losses.species * species_loss(told, batch.labels)
    if losses.r1:
        metrics["loss_d_r1"] = loss_of.penalty(logits["matching"], real)
        loss = loss + losses.r1 / 2 * metrics["loss_d_r1"]
    if losses.r2:
        metrics["loss_d_r2"] = loss_of.penalty(logits["generated"], generated)
        loss = loss + losses.r2 / 2 * metrics["loss_d_r2"]
    metrics |= {
        "loss_d": loss,
        "gradient_d": backward_and_step(state, loss, state.discriminator_optimiser),
    }
    metrics = {name: figure.detach() for name, figure in metrics.items()}
    return metrics | accuracies(logits, loss_of.relative)


def backward_and_step(state: TrainState, loss: Tensor, optimiser: Optimizer) -> Tensor:
    """Take one step down the gradient, the mean of all processes'; return its length.

    If it or the loss is not finite, this step and all that follow leave the weights alone.
    """
    optimiser.zero_grad()
    loss.backward()
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    loss = loss.detach().clone()
    distributed.average_([*gradients, loss])
    length = get_total_norm(gradients)
    state.diverged.masked_fill_(~(loss + length).isfinite(), 1)
    # Fused Adam reads `found_inf` on the device, so nothing waits: if it is not 0, its step does
    # nothing. `check_finite` says so in words.
    optimiser.found_inf = state.diverged  # type: ignore[attr-defined]
    optimiser.step()
    return length


def accuracies(logits: dict[str, Tensor], relative: bool = False) -> Metrics:
    """Return the share of pairs that D judges rightly, of each kind of pairs in `logits`.

    A logit is held against 0. Where only differences count, it is held against the pair of the
    other side: the matching against the generated pair, a wrong pair against the matching one.
    """
    matching = logits["matching"]
    real, wrong = (logits["generated"], matching) if relative else (0, 0)
    right = {"accuracy_real": matching > real} | {
        f"accuracy_{pairs}": logits[pairs] < wrong for pairs in logits if pairs != "matching"
    }
    return {name: hits.float().mean() for name, hits in right.items()}


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
    pass is up to the row of `LOSSES`: a relative loss holds them against real ones.
    """
    discriminator, passing = state.discriminator, LOSSES[losses.discriminator].generator
    features = _features(state, batch, generated, losses)
    logits = {"generated": discriminator.logits(features, batch.matching)}
    if real := [kind for kind in pairs_of(passing) if kind != "generated"]:
        logits |= _real_logits(state, batch, losses, real)
    terms: dict[str, tuple[float | Tensor, Tensor]] = {"gan": (1.0, passing(**logits))}
    if losses.pixel_wise:
        terms["pixel"] = losses.pixel_wise, pixel_wise_loss(generated, batch.pictures)
    if losses.feature_matching:
        matched = feature_matching_loss(features, _features(state, batch, batch.pictures, losses))
        terms["feature"] = losses.feature_matching, matched
    if losses.interpolation:
        between = interpolated(batch.matching)
        drawn = _features(state, batch, state.generate(batch.noise, between), losses)
        passed = passing(**logits | {"generated": discriminator.logits(drawn, between)})
        terms["interpolation"] = losses.interpolation, passed
    if losses.mode_seeking:
        noise = distributed.rolled(batch.noise)
        other = state.generate(noise, batch.matching)
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


@torch.no_grad()
def _real_logits(
    state: TrainState, batch: Batch, losses: LossConfig, kinds: Iterable[str]
) -> dict[str, Tensor]:
    """D's logits of kinds of real pairs, for a generator that is held against them."""
    features = _features(state, batch, batch.pictures, losses)
    texts = {"matching": batch.matching, "mismatching": batch.mismatching}
    return {kind: state.discriminator.logits(features, texts[kind]) for kind in kinds}


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
