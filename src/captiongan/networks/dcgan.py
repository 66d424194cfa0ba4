"""The lecture's networks: DCGAN (Radford et al. 2015), conditioned on a text embedding.

Slides "DCGAN Generator", "DCGAN Discriminator", "Generator". The text enters as in Reed et al.
2016, section 4.1. With F features and 64 x 64 pictures (half the side needs one stage fewer, twice
the side one more):

    Generator      [z, text] -> 8F x 4x4 -> 4F x 8x8 -> 2F x 16x16 -> F x 32x32 -> 3 x 64x64
    Discriminator  the same way back to f(x) = 8F x 4x4; [f(x), text] -> 1x1 conv -> one logit

With embeddings of length 0 these are the networks of slide "DCGAN", without text: nothing is
concatenated with z or f(x), and one convolution maps f(x) to the logit.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from captiongan.networks.layers import (
    SLOPE,
    PairDiscriminator,
    PictureGenerator,
    TextProjection,
    double,
    fuse,
    halve,
    init_weights,
    project_and_reshape,
    stage_widths,
)


class Generator(PictureGenerator):
    """G(z, e): noise (B, noise_dim) and embedding (B, embedding_dim) to pictures in [-1, 1].

    Args:
        resolution: side of the pictures, a power of two from 16 up.
        features: channels F of the last hidden stage.
        noise_dim: length of z.
        embedding_dim: length of e; 0 to draw without text.
        projected_dim: length of the projected text that is concatenated with z.
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
        widths = stage_widths(resolution, features)[::-1]
        self.text = TextProjection(embedding_dim, projected_dim)
        self.project_and_reshape = project_and_reshape(noise_dim + self.text.length, widths[0])
        self.upsample = nn.Sequential(
            *(double(narrow_from, narrow_to) for narrow_from, narrow_to in pairwise(widths))
        )
        self.to_rgb = nn.ConvTranspose2d(widths[-1], 3, kernel_size=4, stride=2, padding=1)
        self.apply(init_weights)

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Draw pictures (B, 3, resolution, resolution) in [-1, 1]."""
        condition = torch.cat([noise, self.text(embedding)], dim=1)
        seed = self.project_and_reshape(condition[:, :, None, None])
        return torch.tanh(self.to_rgb(self.upsample(seed)))


class Discriminator(PairDiscriminator):
    """D(x, e), with features (B, C, 4, 4) at C = F resolution / 8.

    Arguments are those of the generator; F are the channels of the first stage.
    """

    def __init__(
        self, *, resolution: int, features: int, embedding_dim: int, projected_dim: int
    ) -> None:
        widths = stage_widths(resolution, features)
        super().__init__(
            picture=nn.Sequential(
                nn.Conv2d(3, widths[0], kernel_size=4, stride=2, padding=1),
                nn.LeakyReLU(SLOPE),
                *(halve(narrow, wide) for narrow, wide in pairwise(widths)),
            ),
            text=TextProjection(embedding_dim, projected_dim),
            compare=nn.Sequential(
                *(fuse(widths[-1], projected_dim) if embedding_dim else ()),
                nn.Conv2d(widths[-1], 1, kernel_size=4),
            ),
        )
        self.apply(init_weights)
