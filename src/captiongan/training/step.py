"""The training step, as on the slides: draw (x, e, e_k); update D; update G."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from captiongan.compute import distributed
from captiongan.runs.options import LossConfig
from captiongan.training.augment import blurred, diff_augment
from captiongan.training.losses import (
    LOSSES,
    Loss,
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


PERCENT = (5, 25, 50, 75, 95)
"""The quantiles of D's logits that are noted."""


class Batch(NamedTuple):
    """The tensors of one step, B rows of each."""

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
    """Factor, from 0 to 1, of the terms that depend on the text alone; None is 1."""
    labels: Tensor | None = None
    """Number of each picture's class (B,), from 0; None if D does not predict classes."""

    def faded(self, weight: float) -> float | Tensor:
        """Return the weight of a term that depends on the text alone, times `text_weight`."""
        return weight if self.text_weight is None else weight * self.text_weight


def training_step(state: TrainState, batch: Batch, losses: LossConfig) -> Metrics:
    """Update D, then G, on one batch; return the losses and the discriminator's accuracies.

    With several processes (`distributed.py`), each takes its shard of the batch, and the metrics
    are means over all of them.
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
    loss may leave out the mismatching ones, as `gan` does. The contrastive term teaches D which
    text of the batch belongs to x, and labels teach it the class of x. R1 and R2 keep its gradient
    small at real and at generated pictures.
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
        classes = discriminator.classify(features)
        loss = loss + losses.species * species_loss(classes, batch.labels)
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
    metrics = {name: value.detach() for name, value in metrics.items()}
    return metrics | accuracies(logits, loss_of) | logit_quantiles(logits)


def backward_and_step(state: TrainState, loss: Tensor, optimiser: Optimizer) -> Tensor:
    """Average the gradient over all processes and update the weights; return the gradient's norm.

    If the norm or the loss is not finite, this update and all later ones change no weight.
    """
    optimiser.zero_grad()
    loss.backward()
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    loss = loss.detach().clone()
    distributed.average_([*gradients, loss])
    norm = get_total_norm(gradients)
    state.diverged.masked_fill_(~(loss + norm).isfinite(), 1)
    # Fused Adam skips the update if `found_inf` is not 0. It checks that on the device, so no host
    # sync; `check_finite` raises the error later.
    optimiser.found_inf = state.diverged  # type: ignore[attr-defined]
    optimiser.step()
    return norm


def accuracies(logits: dict[str, Tensor], loss: Loss) -> Metrics:
    """Return the share of pairs that D classifies correctly, for each kind of pair in `logits`.

    A logit above the loss's threshold says "real". If only differences of logits count, a matching
    pair must beat the generated one of its row, and a wrong pair must lose to the matching one.
    """
    matching = logits["matching"]
    limit = loss.threshold
    real, wrong = (logits["generated"], matching) if loss.relative else (limit, limit)
    right = {"accuracy_real": matching > real} | {
        f"accuracy_{pairs}": logits[pairs] < wrong for pairs in logits if pairs != "matching"
    }
    return {name: hits.float().mean() for name, hits in right.items()}


def logit_quantiles(logits: dict[str, Tensor]) -> Metrics:
    """Return quantiles of the logits of each kind of pair: `logit_matching_50` is a median.

    They are the logits of these ranks, so nothing waits for the device. With several processes they
    are those of a shard each, and the metrics are their means.
    """
    quantiles = {}
    for pairs, values in logits.items():
        ordered = values.detach().flatten().sort().values
        for percent in PERCENT:
            rank = percent * (len(ordered) - 1) // 100
            quantiles[f"logit_{pairs}_{percent:02}"] = ordered[rank]
    return quantiles


def update_generator(
    state: TrainState, batch: Batch, generated: Tensor, losses: LossConfig
) -> Metrics:
    """Teach G to pass for real: the weighted sum of `generator_terms`."""
    with frozen(state.discriminator):
        terms = generator_terms(state, batch, generated, losses)
        loss = torch.stack([weight * term for weight, term in terms.values()]).sum()
        norm = backward_and_step(state, loss, state.generator_optimiser)
    metrics = {f"loss_g_{name}": term.detach() for name, (_, term) in terms.items()}
    return {"loss_g": loss.detach(), "gradient_g": norm} | metrics


def generator_terms(
    state: TrainState, batch: Batch, generated: Tensor, losses: LossConfig
) -> dict[str, tuple[float | Tensor, Tensor]]:
    """Return the weight and the value of each term of G's loss; a term of weight 0 is left out.

    The slides have -log D(G(z, e), e), alpha * L1 of pictures and beta * L2 of features. GAN-INT
    adds pictures of texts between two captions. Mode seeking, the contrastive term and the class of
    the picture that a text describes are younger.

    The first term is the generator's function in the row of `LOSSES`. A relative loss compares
    generated pairs with real ones, so it also needs their logits.
    """
    discriminator, adversarial_loss = state.discriminator, LOSSES[losses.discriminator].generator
    features = _features(state, batch, generated, losses)
    logits = {"generated": discriminator.logits(features, batch.matching)}
    if real := [kind for kind in pairs_of(adversarial_loss) if kind != "generated"]:
        logits |= _real_logits(state, batch, losses, real)
    terms: dict[str, tuple[float | Tensor, Tensor]] = {"gan": (1.0, adversarial_loss(**logits))}
    if losses.pixel_wise:
        terms["pixel"] = losses.pixel_wise, pixel_wise_loss(generated, batch.pictures)
    if losses.feature_matching:
        real_features = _features(state, batch, batch.pictures, losses)
        terms["feature"] = (
            losses.feature_matching,
            feature_matching_loss(features, real_features),
        )
    if losses.interpolation:
        between = interpolated(batch.matching)
        drawn = _features(state, batch, state.generate(batch.noise, between), losses)
        logits_between = logits | {"generated": discriminator.logits(drawn, between)}
        terms["interpolation"] = losses.interpolation, adversarial_loss(**logits_between)
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
        classes = discriminator.classify(features)
        terms["species"] = losses.species, species_loss(classes, batch.labels)
    return terms


def _features(state: TrainState, batch: Batch, pictures: Tensor, losses: LossConfig) -> Tensor:
    """f(T(x)): D's features of pictures, after blur and DiffAugment if the run has them."""
    changed = pictures if batch.blur is None else blurred(pictures, batch.blur)
    changed = diff_augment(changed, losses.augment, losses.augment_probability)
    return state.features(changed, exact=losses.r1 > 0 or losses.r2 > 0)


@torch.no_grad()
def _real_logits(
    state: TrainState, batch: Batch, losses: LossConfig, kinds: Iterable[str]
) -> dict[str, Tensor]:
    """D's logits of real pairs, by kind, for a loss that compares generated pairs with them."""
    features = _features(state, batch, batch.pictures, losses)
    texts = {"matching": batch.matching, "mismatching": batch.mismatching}
    return {kind: state.discriminator.logits(features, texts[kind]) for kind in kinds}


def _every_pair(state: TrainState, features: Tensor, batch: Batch) -> Tensor:
    """D's logits of every picture with every text, over the batches of all processes."""
    texts = distributed.gathered(batch.matching)
    logits: Tensor = state.discriminator.all_logits(distributed.gathered(features), texts)
    return logits


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients flow through a network without computing any for its weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
