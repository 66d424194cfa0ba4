"""The networks of Reed et al. 2016, section 4.1, with the residual bottlenecks of their code.

With F features (theirs: 128 in the generator, 64 in the discriminator), noise of 100, embeddings of
1024 projected to 128, and 64 x 64 pictures (half the side needs one stage fewer, twice the side one
more):

    Generator      [z, text] -> 8F x 4x4, bottleneck -> 4F x 8x8, bottleneck -> 2F x 16x16
                   -> F x 32x32 -> 3 x 64x64
    Discriminator  F x 32x32 -> 2F x 16x16 -> 4F x 8x8 -> f(x) = 8F x 4x4, bottleneck;
                   [f(x), text] -> 1x1 conv -> one logit

As in their main_cls.lua, the text has no BatchNorm, and no convolution has a bias: they set the
biases to zero before each update. One thing differs: their discriminator builds a bottleneck and
then adds only its shortcut; here the bottleneck takes part.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from captiongan.networks.layers import (
    SLOPE,
    PairDiscriminator,
    PictureGenerator,
    double,
    fuse,
    halve,
    init_weights,
    project_and_reshape,
    require_text,
    stage_widths,
)


class Bottleneck(nn.Module):
    """x + f(x), where f narrows to a quarter of the channels; (B, channels, H, W) keeps its shape.

    He et al. 2016, figure 5, except that the last convolution is 3x3, too. The sum is not rectified
    here.
    """

    def __init__(self, channels: int, rectifier: nn.Module) -> None:
        super().__init__()
        narrow = max(channels // 4, 1)
        self.residual = nn.Sequential(
            nn.Conv2d(channels, narrow, kernel_size=1, bias=False),
            nn.BatchNorm2d(narrow),
            rectifier,
            nn.Conv2d(narrow, narrow, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(narrow),
            rectifier,
            nn.Conv2d(narrow, channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Refine (B, channels, H, W)."""
        residual: Tensor = self.residual(x)
        return x + residual


class Generator(PictureGenerator):
    """G(z, e): noise (B, noise_dim) and embedding (B, embedding_dim) to pictures in [-1, 1].

    Args:
        resolution: side of the pictures, a power of two from 16 up.
        features: channels F of the last hidden stage.
        noise_dim: length of z.
        embedding_dim: length of e.
        projected_dim: length of the projected text that is concatenated with z.

    Raises:
        ValueError: `embedding_dim` is 0.
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
        require_text(embedding_dim)
        first, second, *others = stage_widths(resolution, features)[::-1]
        self.text = _project(embedding_dim, projected_dim)
        self.draw = nn.Sequential(
            project_and_reshape(noise_dim + projected_dim, first, Bottleneck(first, nn.ReLU())),
            double(first, second, Bottleneck(second, nn.ReLU())),
            *(double(wide, narrow) for wide, narrow in pairwise((second, *others))),
            nn.ConvTranspose2d(features, 3, kernel_size=4, stride=2, padding=1, bias=False),
        )
        self.apply(init_weights)

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Draw pictures (B, 3, resolution, resolution) in [-1, 1]."""
        condition = torch.cat([noise, self.text(embedding)], dim=1)
        return torch.tanh(self.draw(condition[:, :, None, None]))


class Discriminator(PairDiscriminator):
    """D(x, e), with features (B, C, 4, 4) at C = F resolution / 8.

    Arguments and errors are those of the generator; F are the channels of the first stage.
    """

    def __init__(
        self, *, resolution: int, features: int, embedding_dim: int, projected_dim: int
    ) -> None:
        require_text(embedding_dim)
        *stages, last = stage_widths(resolution, features)
        super().__init__(
            picture=nn.Sequential(
                nn.Conv2d(3, features, kernel_size=4, stride=2, padding=1, bias=False),
                nn.LeakyReLU(SLOPE),
                *(halve(narrow, wide) for narrow, wide in pairwise(stages)),
                halve(stages[-1], last, Bottleneck(last, nn.LeakyReLU(SLOPE))),
            ),
            text=_project(embedding_dim, projected_dim),
            compare=nn.Sequential(
                *fuse(last, projected_dim), nn.Conv2d(last, 1, kernel_size=4, bias=False)
            ),
        )
        self.apply(init_weights)


def _project(embedding_dim: int, projected_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(embedding_dim, projected_dim), nn.LeakyReLU(SLOPE))
