"""The lecture's losses and younger ones, one equation each, on logits.

With D(x) = sigmoid(logit), -log D(x) is softplus(-logit) and -log(1 - D(x)) is softplus(logit),
which never takes the logarithm of zero. Unless a loss says otherwise, logits are (B,) or (B, K), K
per pair, and the loss is a scalar, the mean over all of them.

`LOSSES` has a row for each adversarial loss. To add one, write its two functions, add its row, and
add its name to `losses.discriminator` in the configuration.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from captiongan.compute import distributed

BETA = 0.5
"""Weight of the first embedding in GAN-INT's interpolation (Reed et al. 2016, section 4.3)."""


def real_loss(logits: Tensor) -> Tensor:
    """-log D(x): small where the discriminator says "real"."""
    return F.softplus(-logits).mean()


def fake_loss(logits: Tensor) -> Tensor:
    """-log(1 - D(x)): small where the discriminator says "fake"."""
    return F.softplus(logits).mean()


def gan_generator_loss(generated: Tensor) -> Tensor:
    """L_G(z) = -log D(G(z)), the loss that does not saturate.

    Slide "GAN Training - Update G"; Goodfellow et al. 2014, section 3.
    """
    return real_loss(generated)


def gan_discriminator_loss(matching: Tensor, generated: Tensor) -> Tensor:
    """L_D(z, x) = -log D(x) - log(1 - D(G(z))).

    Slide "GAN Training - Update D"; Goodfellow et al. 2014, algorithm 1.

    Args:
        matching: logits of real pictures, each with its text where there is text.
        generated: logits of generated pictures, each with the text it was drawn from.
    """
    return real_loss(matching) + fake_loss(generated)


def matching_aware_discriminator_loss(
    matching: Tensor, mismatching: Tensor, generated: Tensor
) -> Tensor:
    """L_D(z, x) = -log D(x, e) - [log(1 - D(G(z, e), e)) + log(1 - D(x, e_k))] / 2.

    Slide "Matching-aware Discriminator (GAN-CLS)"; Reed et al. 2016, algorithm 1. The slide prints
    the last term as D(G(x, e_k)); a mismatching pair is a real picture with another picture's text.

    Args:
        matching: logits of (real picture, its text).
        mismatching: logits of (real picture, another picture's text).
        generated: logits of (generated picture, the text it was drawn from).
    """
    return real_loss(matching) + (fake_loss(generated) + fake_loss(mismatching)) / 2


def matching_aware_sum_discriminator_loss(
    matching: Tensor, mismatching: Tensor, generated: Tensor
) -> Tensor:
    """L_D(z, x) = -log D(x, e) - log(1 - D(G(z, e), e)) - log(1 - D(x, e_k)).

    The exercise's own form of the loss above, with both wrong pairs counted in full. Args: as
    there.
    """
    return real_loss(matching) + fake_loss(generated) + fake_loss(mismatching)


def hinge_discriminator_loss(matching: Tensor, mismatching: Tensor, generated: Tensor) -> Tensor:
    """L_D = max(0, 1 - D(x, e)) + [max(0, 1 + D(G(z, e), e)) + max(0, 1 + D(x, e_k))] / 2.

    The matching-aware loss with hinges (Lim and Ye 2017, section 3): a pair that is classified
    correctly by a margin contributes nothing. Args: as there.
    """
    wrong = (F.relu(1 + generated).mean() + F.relu(1 + mismatching).mean()) / 2
    return F.relu(1 - matching).mean() + wrong


def hinge_generator_loss(generated: Tensor) -> Tensor:
    """L_G = -D(G(z, e), e), the generator's side of the hinge loss (Lim and Ye 2017)."""
    return -generated.mean()


def relativistic_discriminator_loss(matching: Tensor, generated: Tensor) -> Tensor:
    """L_D = softplus(-(D(x) - D(G(z)))): a real picture is more real than a generated one.

    The pairing loss of Jolicoeur-Martineau 2018 (arXiv 1807.00734), as in R3GAN (Huang et al. 2024,
    arXiv 2501.05441, section 2.1). Each real picture is paired with the generated picture of its
    text. Only the difference of their logits counts. So every real picture has a generated one to
    beat, and G gains nothing by covering only some of the real pictures.

    Args:
        matching: logits of real pictures, each with its text where there is text.
        generated: logits of generated pictures, each with the text of the same row.
    """
    return F.softplus(generated - matching).mean()


def relativistic_matching_aware_discriminator_loss(
    matching: Tensor, mismatching: Tensor, generated: Tensor
) -> Tensor:
    """L_D = [softplus(D(G(z, e), e) - D(x, e)) + softplus(D(x, e_k) - D(x, e))] / 2.

    The loss above for pairs with text. In the second half the mismatching pair replaces the
    generated one: a picture fits its own text better than another's. Without that half both pairs
    of every difference would have the same text, and a D that ignores texts would lose nothing.
    Both kinds of wrong pairs count half, as in `matching_aware_discriminator_loss`. Args: as there.
    """
    return (
        relativistic_discriminator_loss(matching, generated)
        + relativistic_discriminator_loss(matching, mismatching)
    ) / 2


def relativistic_generator_loss(matching: Tensor, generated: Tensor) -> Tensor:
    """L_G = softplus(-(D(G(z, e), e) - D(x, e))): D's loss with the two pairs exchanged.

    Huang et al. 2024, section 2.1. Args: as of `relativistic_discriminator_loss`.
    """
    return F.softplus(matching - generated).mean()


def gradient_penalty(logits: Tensor, pictures: Tensor) -> Tensor:
    """E |dD/dx|^2: how steep D is at the pictures.

    It is R1 on real pictures and R2 on generated ones (Mescheder et al. 2018, arXiv 1801.04406,
    equation 9). The relativistic loss needs both to converge (Huang et al. 2024, section 2.2).

    Args:
        logits: (B,) or (B, K), computed from the pictures; the penalty takes the mean of K logits.
        pictures: (B, 3, H, W), which require gradients.

    Returns:
        The squared norm of the gradient of a picture's logit, averaged over the pictures.
    """
    sum_over_pictures = len(logits) * logits.mean()
    (gradient,) = torch.autograd.grad(sum_over_pictures, pictures, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1).mean()


@dataclass(frozen=True)
class Loss:
    """An adversarial loss: one function of D's logits for each of the two networks.

    The functions take logits by the names of the pairs: `matching` (real pictures with their
    texts), `mismatching` (real pictures with other texts) and `generated`. A function's arguments
    say which pairs it needs, and D computes no other logits. The discriminator's function takes at
    least `matching` and `generated`.
    """

    discriminator: Callable[..., Tensor]
    generator: Callable[..., Tensor]
    """It gets the logits of real pairs without gradients."""
    penalty: Callable[[Tensor, Tensor], Tensor] = gradient_penalty
    """A function of logits and of the pictures they were computed from. `losses.r1` is its weight
    on real pictures, `losses.r2` on generated ones."""
    threshold: float = 0
    """The logit above which D takes a pair for real: halfway between the targets of the loss."""
    relative: bool = False
    """Whether only differences of logits have a meaning."""


def pairs_of(loss: Callable[..., Tensor]) -> tuple[str, ...]:
    """Return the names of the pairs whose logits a loss takes."""
    return tuple(inspect.signature(loss).parameters)


LOSSES = {
    "gan": Loss(gan_discriminator_loss, gan_generator_loss),
    "gan-cls": Loss(matching_aware_discriminator_loss, gan_generator_loss),
    "gan-cls-sum": Loss(matching_aware_sum_discriminator_loss, gan_generator_loss),
    "hinge-cls": Loss(hinge_discriminator_loss, hinge_generator_loss),
    "relativistic": Loss(
        relativistic_discriminator_loss, relativistic_generator_loss, relative=True
    ),
    "relativistic-cls": Loss(
        relativistic_matching_aware_discriminator_loss, relativistic_generator_loss, relative=True
    ),
}
"""The adversarial losses by their names in `losses.discriminator`."""


def faded_discriminator_loss(
    loss: Callable[..., Tensor], logits: Mapping[str, Tensor], text_weight: Tensor | None = None
) -> Tensor:
    """Return a discriminator's loss in which mismatching pairs have a reduced weight.

    Args:
        loss: the discriminator's function in a row of `LOSSES`.
        logits: of the pairs that it takes, by their names.
        text_weight: factor of the mismatching pairs, from 0 to 1 (a scalar); None is 1. Generated
            pairs get the rest of their weight, so that right and wrong pairs stay in balance
            (transitional training, Shahbazi et al. 2022, arXiv 2201.06578).
    """
    with_text = loss(**logits)
    if text_weight is None or "mismatching" not in logits:
        return with_text
    without = loss(**{**logits, "mismatching": logits["generated"]})
    return without.lerp(with_text, text_weight)


def contrastive_loss(logits: Tensor) -> Tensor:
    """-log softmax: each picture must find its text in the batch, and each text its picture.

    Zhang et al. 2021 (XMC-GAN), section 4.1. Logits (B, B) of every picture (rows) with every text;
    matching pairs are on the diagonal.
    """
    diagonal = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, diagonal) + F.cross_entropy(logits.T, diagonal)) / 2


def species_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax: D must predict the class of each picture (AC-GAN, arXiv 1610.09585).

    Odena et al. 2017, equation 3. Logits (B, N) of N classes, labels (B,) from 0.
    """
    return F.cross_entropy(logits, labels)


def mode_seeking_loss(one: Tensor, other: Tensor, noise: Tensor, other_noise: Tensor) -> Tensor:
    """|z_1 - z_2| / |G(z_1, e) - G(z_2, e)|: small if another noise gives another picture.

    Mao et al. 2019 (MSGAN), section 3.2, with mean absolute differences over the batch. Both
    batches of pictures (B, 3, H, W) have the same texts; noises are (B, noise_dim).
    """
    return distributed.mean(F.l1_loss(noise, other_noise)) / (
        distributed.mean(F.l1_loss(one, other)) + 1e-5
    )


def interpolated(embeddings: Tensor) -> Tensor:
    """e_int = beta e_1 + (1 - beta) e_2: texts between two captions, (B, D) like the embeddings.

    Reed et al. 2016, section 4.3, equation 5. e_1 is each embedding, e_2 the one before it in the
    batch. Pictures of these texts must pass for real, too. No real picture has such a text, so the
    discriminator does not learn from them.
    """
    return BETA * embeddings + (1 - BETA) * distributed.rolled(embeddings)


def pixel_wise_loss(generated: Tensor, real: Tensor) -> Tensor:
    """L1(G(z, e), x), the mean absolute difference of two batches of pictures (B, 3, H, W).

    Slide "Generator - Pixel-wise Matching Loss". The slide prints a minus before the weight alpha;
    in a loss to be minimised it is a plus.
    """
    return F.l1_loss(generated, real)


def feature_matching_loss(generated: Tensor, real: Tensor) -> Tensor:
    """L2(f(x), f(G(z, e))) of features averaged over the batch: mean (E f(x) - E f(G))^2.

    Slide "Generator - Feature Matching Loss"; Salimans et al. 2016, section 3.1. Both are
    (B, C, H, W); f are the discriminator's features of the picture, before it gets the text.
    """
    return F.mse_loss(distributed.mean(generated.mean(dim=0)), distributed.mean(real.mean(dim=0)))
