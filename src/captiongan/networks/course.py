"""The networks of the exercise's own solution, layer by layer.

Slides "Generator" and "Matching-aware Discriminator (GAN-CLS)". The exercise has F = 128 features,
noise of 100, embeddings of 768 (all-mpnet-base-v2) projected to 256, and 64 x 64 pictures:

    Generator      [z, text] = 356 x 1x1 -> 512 x 2x2 -> 256 x 4x4 -> 128 x 8x8 -> 64 x 16x16
                   -> 32 x 32x32 -> 3 x 64x64; transposed 4x4 convolutions of stride 2
    Discriminator  128 x 32x32 -> 128 x 32x32 -> 256 x 16x16 -> 256 x 16x16 -> 512 x 8x8
                   -> f(x) = 1024 x 4x4, 3x3 convolutions; [f(x), text] -> 4x4 conv -> one logit

PyTorch's defaults fill what the exercise leaves open: the initial weights, and a bias in every
layer, even before a BatchNorm, where it has no effect. The 3x3 convolutions have a padding of 1,
which follows from the sides of their outputs. The exercise returns sigmoid(logit); our losses take
the logit itself.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from captiongan.networks.layers import (
    PairDiscriminator,
    PictureGenerator,
    TextProjection,
    require_text,
)

STRIDES = (2, 1, 2, 1, 2, 2)
"""Of the discriminator's convolutions."""


class Generator(PictureGenerator):
    """G(z, e): noise (B, noise_dim) and embedding (B, embedding_dim) to pictures in [-1, 1].

    Args:
        resolution: side of the pictures, 64.
        features: channels F of the 8 x 8 stage, a multiple of 4.
        noise_dim: length of z.
        embedding_dim: length of e.
        projected_dim: length of the projected text that is concatenated with z.

    Raises:
        ValueError: an argument breaks its rule; the message names it.
    """

    def __init__(
        self,
        *,
        resolution: int,
        features: int,
        noise_dim: int,
        embedding_dim: int,
        projected_dim: int,
    ) -> None:
        super().__init__()
        _check(resolution, features, embedding_dim)
        stages = (4 * features, 2 * features, features, features // 2, features // 4)
        self.text = TextProjection(embedding_dim, projected_dim)
        self.draw = nn.Sequential(
            *(_double(*channels) for channels in pairwise((noise_dim + projected_dim, *stages))),
            nn.ConvTranspose2d(stages[-1], 3, kernel_size=4, stride=2, padding=1),
        )

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Draw pictures (B, 3, 64, 64) in [-1, 1]."""
        condition = torch.cat([noise, self.text(embedding)], dim=1)
        return torch.tanh(self.draw(condition[:, :, None, None]))


class Discriminator(PairDiscriminator):
    """D(x, e), with features (B, 8F, 4, 4).

    Arguments and errors are those of the generator; F are the channels of the first stage.
    """

    def __init__(
        self, *, resolution: int, features: int, embedding_dim: int, projected_dim: int
    ) -> None:
        _check(resolution, features, embedding_dim)
        widths = (3, *(features * times for times in (1, 1, 2, 2, 4, 8)))
        super().__init__(
            picture=nn.Sequential(
                *(
                    _convolve(*channels, stride)
                    for channels, stride in zip(pairwise(widths), STRIDES, strict=True)
                )
            ),
            text=TextProjection(embedding_dim, projected_dim),
            compare=nn.Conv2d(widths[-1] + projected_dim, 1, kernel_size=4),
        )


def _check(resolution: int, features: int, embedding_dim: int) -> None:
    require_text(embedding_dim)
    if resolution != 64:
        raise ValueError(f"resolution = {resolution}: must be 64 with the networks of the course")
    if features < 4 or features % 4:
        raise ValueError(f"features = {features}: must be a multiple of 4; the course uses 128")


def _double(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(channels_in, channels_out, kernel_size=4, stride=2, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.GELU(),
    )


def _convolve(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.GELU(),
    )
