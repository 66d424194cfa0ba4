"""The lecture's networks: DCGAN (Radford et al. 2015), told what to draw by a text embedding.

Slides "DCGAN Generator", "DCGAN Discriminator", "Generator"; the text comes in as in Reed et al.
2016, section 4.1. With F features and 64 x 64 pictures (smaller and larger ones have a stage less
or more):

    Generator      [z, text] -> 8F x 4x4 -> 4F x 8x8 -> 2F x 16x16 -> F x 32x32 -> 3 x 64x64
    Discriminator  the same way back to f(x) = 8F x 4x4; [f(x), text] -> 1x1 conv -> one logit
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

SLOPE = 0.2
"""Of the leaky rectifiers (Radford et al. 2015, section 3)."""


class TextProjection(nn.Sequential):
    """Squeeze an embedding (B, embedding_dim) to (B, projected_dim)."""

    def __init__(self, embedding_dim: int, projected_dim: int) -> None:
        super().__init__(
            nn.Linear(embedding_dim, projected_dim),
            nn.BatchNorm1d(projected_dim),
            nn.LeakyReLU(SLOPE),
        )


class Generator(nn.Module):
    """G(z, e): noise (B, noise_dim) and embedding (B, embedding_dim) to pictures in [-1, 1].

    Args:
        resolution: side of the pictures, a power of two from 16 up.
        features: channels F of the last hidden stage.
        noise_dim: length of z.
        embedding_dim: length of e.
        projected_dim: length of the projected text that is concatenated with z.
    """

    def __init__(
        self, resolution: int, features: int, noise_dim: int, embedding_dim: int, projected_dim: int
    ) -> None:
        super().__init__()
        widths = stage_widths(resolution, features)[::-1]
        self.text = TextProjection(embedding_dim, projected_dim)
        self.project_and_reshape = nn.Sequential(
            nn.ConvTranspose2d(noise_dim + projected_dim, widths[0], kernel_size=4, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        self.upsample = nn.Sequential(
            *(_double(narrow_from, narrow_to) for narrow_from, narrow_to in pairwise(widths))
        )
        self.to_rgb = nn.ConvTranspose2d(widths[-1], 3, kernel_size=4, stride=2, padding=1)
        self.apply(init_weights)

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Draw pictures (B, 3, resolution, resolution) in [-1, 1]."""
        condition = torch.cat([noise, self.text(embedding)], dim=1)
        seed = self.project_and_reshape(condition[:, :, None, None])
        return torch.tanh(self.to_rgb(self.upsample(seed)))


class Discriminator(nn.Module):
    """D(x, e): judge whether a picture is real AND shows what the text says.

    In two parts, so that one look at a picture serves several texts: `features` reads the picture,
    `judge` compares what it read with a text.

    Args: as the generator's.
    """

    def __init__(
        self, resolution: int, features: int, embedding_dim: int, projected_dim: int
    ) -> None:
        super().__init__()
        widths = stage_widths(resolution, features)
        self.picture = nn.Sequential(
            nn.Conv2d(3, widths[0], kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            *(_halve(narrow, wide) for narrow, wide in pairwise(widths)),
        )
        self.text = TextProjection(embedding_dim, projected_dim)
        self.compare = nn.Sequential(
            nn.Conv2d(widths[-1] + projected_dim, widths[-1], kernel_size=1, bias=False),
            nn.BatchNorm2d(widths[-1]),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(widths[-1], 1, kernel_size=4),
        )
        self.apply(init_weights)

    def features(self, pictures: Tensor) -> Tensor:
        """f(x): features (B, C, 4, 4) of pictures (B, 3, H, W) in [-1, 1]."""
        features: Tensor = self.picture(pictures)
        return features

    def judge(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Return logits (B, 1) of pairs: features (B, C, 4, 4) with embeddings (B, D)."""
        text = self.text(embedding)[:, :, None, None].expand(-1, -1, *features.shape[2:])
        logits: Tensor = self.compare(torch.cat([features, text], dim=1))
        return logits.flatten(1)

    def forward(self, pictures: Tensor, embedding: Tensor) -> Tensor:
        """D(x, e): logits (B, 1) of pictures (B, 3, H, W) in [-1, 1] with embeddings (B, D)."""
        return self.judge(self.features(pictures), embedding)


def stage_widths(resolution: int, features: int) -> list[int]:
    """Return the channels at each side from resolution / 2 down to 4: F, 2F, 4F, ..."""
    return [features << stage for stage in range(resolution.bit_length() - 3)]


def init_weights(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02) (Radford et al. 2015), normalisation gains from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def _double(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(
            channels_in, channels_out, kernel_size=4, stride=2, padding=1, bias=False
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


def _halve(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(SLOPE),
    )
