"""What the networks share: base classes, layers, and initial weights.

All classes `Generator` and `Discriminator` of this folder are built with the same keywords and
called the same way, so one pair of networks can replace another. `NETWORKS` has a row for each
pair.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from captiongan.compute import distributed

SLOPE = 0.2
"""Of the leaky rectifiers (Radford et al. 2015, section 3)."""


class TextProjection(nn.Sequential):
    """Squeeze an embedding (B, embedding_dim) to (B, length).

    `length` is `projected_dim`; with an `embedding_dim` of 0 (no text) it is 0, there is no layer,
    and (B, 0) stays as it is.
    """

    def __init__(self, embedding_dim: int, projected_dim: int) -> None:
        super().__init__()
        self.length = projected_dim if embedding_dim else 0
        if embedding_dim:
            self.append(nn.Linear(embedding_dim, projected_dim))
            self.append(nn.BatchNorm1d(projected_dim))
            self.append(nn.LeakyReLU(SLOPE))


class AppendDeviation(nn.Module):
    """Append a channel with one number: the features' mean standard deviation over the batch.

    (B, C, H, W) to (B, C + 1, H, W). Karras et al. 2018, section 3.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return the features and their mean deviation."""
        exact = features.float()
        centred = exact - distributed.mean(exact.mean(dim=0))
        variance = distributed.mean(centred.square().mean(dim=0))
        deviation = torch.sqrt(variance + 1e-8).mean().to(features.dtype)
        return torch.cat([features, deviation.expand_as(features[:, :1])], dim=1)


class PictureGenerator(nn.Module, ABC):
    """G(z, e), whichever network it is: slide "Generator"."""

    @abstractmethod
    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Draw (B, 3, H, W) in [-1, 1] from noise (B, noise_dim) and embeddings (B, D)."""


class PairDiscriminator(nn.Module):
    """D(x, e): is the picture real AND does it show what the text says?

    It has two parts, so that several texts can share a picture's features: `features` computes
    f(x), `logits` compares it with a text. Slides "GANs with Joint Distributions".

    Args:
        picture: pictures (B, 3, H, W) to features (B, C, ...).
        text: embeddings (B, D) to (B, length).
        compare: features and text (B, C + length, ...) to logits, one for each pair.
    """

    species: nn.Module
    """The layer from `summary` to logits of classes; exists only after `add_classifier`."""
    summary_dim: int
    """Length of `summary`, in networks that can predict classes."""

    def __init__(self, picture: nn.Module, text: nn.Module, compare: nn.Module) -> None:
        super().__init__()
        self.picture = picture
        self.text = text
        self.compare = compare

    @property
    def side(self) -> int:
        """Side, in pixels, to which pictures are resized; 0 if they are not resized."""
        return 0

    def features(self, pictures: Tensor) -> Tensor:
        """f(x): features (B, C, ...) of pictures (B, 3, H, W) in [-1, 1]."""
        features: Tensor = self.picture(pictures)
        return features

    def logits(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Return logits (B, K) of pairs: features as of `features` with embeddings (B, D).

        K is 1 unless a network says otherwise.
        """
        text: Tensor = self.text(embedding)
        places = features.shape[2:]
        text = text.reshape(*text.shape, *(1 for _ in places)).expand(-1, -1, *places)
        logits: Tensor = self.compare(torch.cat([features, text], dim=1))
        return logits.flatten(1)

    def add_classifier(self, classes: int) -> None:
        """Add the layer that predicts a picture's class from the summary of its features."""
        self.species = nn.Linear(self.summary_dim, classes)

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (B, classes) of pictures from their features, see `add_classifier`."""
        logits: Tensor = self.species(self.summary(features))
        return logits

    def summary(self, features: Tensor) -> Tensor:
        """Return the mean of features (B, C, ...) over all places: (B, summary_dim)."""
        return features.flatten(2).mean(dim=2)

    def all_logits(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """Return logits (B, N) of every picture with every text: features with embeddings (N, D).

        If a pair has several logits, the result has their mean.
        """
        count = len(embeddings)
        every = features.repeat_interleave(count, dim=0)
        pairs = self.logits(every, embeddings.repeat(len(features), 1)).mean(dim=1)
        logits: Tensor = pairs.unflatten(0, (-1, count))
        return logits

    def forward(self, pictures: Tensor, embedding: Tensor) -> Tensor:
        """D(x, e): logits (B, 1) of pictures (B, 3, H, W) in [-1, 1] with embeddings (B, D)."""
        return self.logits(self.features(pictures), embedding)


def require_text(embedding_dim: int) -> None:
    """Check that networks which need text get some.

    Raises:
        ValueError: `embedding_dim` is 0.
    """
    if embedding_dim == 0:
        raise ValueError(
            "embedding_dim = 0: must be above 0, these networks need text; without text use dcgan"
        )


def stage_widths(resolution: int, features: int) -> list[int]:
    """Return the channels at each side from resolution / 2 down to 4: F, 2F, 4F, ..."""
    return [features << stage for stage in range(resolution.bit_length() - 3)]


def project_and_reshape(
    channels_in: int, channels_out: int, *refinements: nn.Module
) -> nn.Sequential:
    """Map (B, channels_in, 1, 1) to (B, channels_out, 4, 4); slide "DCGAN Generator".

    Refinements (any modules that keep the shape) come before the rectifier.
    """
    return nn.Sequential(
        nn.ConvTranspose2d(channels_in, channels_out, kernel_size=4, bias=False),
        nn.BatchNorm2d(channels_out),
        *refinements,
        nn.ReLU(),
    )


def double(channels_in: int, channels_out: int, *refinements: nn.Module) -> nn.Sequential:
    """Map (B, channels_in, H, W) to (B, channels_out, 2H, 2W); refinements as above."""
    return nn.Sequential(
        nn.ConvTranspose2d(
            channels_in, channels_out, kernel_size=4, stride=2, padding=1, bias=False
        ),
        nn.BatchNorm2d(channels_out),
        *refinements,
        nn.ReLU(),
    )


def halve(channels_in: int, channels_out: int, *refinements: nn.Module) -> nn.Sequential:
    """Map (B, channels_in, H, W) to (B, channels_out, H / 2, W / 2); refinements as above."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        *refinements,
        nn.LeakyReLU(SLOPE),
    )


def fuse(channels: int, text_length: int) -> nn.Sequential:
    """Map features with text (B, channels + text_length, H, W) to (B, channels, H, W).

    Reed et al. 2016, section 4.1.
    """
    return nn.Sequential(
        nn.Conv2d(channels + text_length, channels, kernel_size=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.LeakyReLU(SLOPE),
    )


def init_weights(module: nn.Module) -> None:
    """Initialise weights from N(0, 0.02) (Radford et al. 2015), BatchNorm gains from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
