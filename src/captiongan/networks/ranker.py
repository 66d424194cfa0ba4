"""score(x, e): how well a picture fits its sentence, plus how whole it is."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.networks.layers import SLOPE, halve, init_weights

WIDTHS = (48, 96, 160, 256)
"""Channels after each halving: 48 million multiplications for a picture of 64 x 64."""


class Ranker(nn.Module):
    """score(x, e) = cos(v(x), e - c) + w r(x).

    v(x), one vector of the embeddings' length, says what the picture shows; r(x), one number, says
    how whole it is. Both are a linear map of the features' mean over places.

    Args:
        resolution: side of the pictures, 8 or more; small ones are halved fewer times, down to 4.
        centre: c, the mean embedding (D,) of captions, subtracted from every embedding.
        weight: w, the weight of r beside the cosine.
    """

    centre: Tensor

    def __init__(self, resolution: int, centre: Tensor, weight: float) -> None:
        super().__init__()
        widths = WIDTHS[: resolution.bit_length() - 3]
        self.layers = nn.Sequential(
            nn.Conv2d(3, widths[0], kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            *(halve(narrow, wide) for narrow, wide in pairwise(widths)),
        )
        self.linear = nn.Linear(widths[-1], len(centre) + 1)
        self.register_buffer("centre", centre)
        self.weight = weight
        self.apply(init_weights)

    def read(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return v (B, D), of length 1, and r (B,) of pictures (B, 3, H, W) in [-1, 1]."""
        read = self.linear(self.layers(pictures).mean(dim=(2, 3)))
        return F.normalize(read[:, :-1], dim=1), read[:, -1]

    def forward(self, pictures: Tensor, embedding: Tensor) -> Tensor:
        """Return scores (B,) of pictures (B, 3, H, W) in [-1, 1] under embeddings (B, D)."""
        shown, whole = self.read(pictures)
        return score(shown, whole, centred(embedding, self.centre), self.weight)


def centred(embeddings: Tensor, centre: Tensor) -> Tensor:
    """Return the directions of texts (N, D) from their centre (D,), as vectors of length 1."""
    return F.normalize(embeddings - centre, dim=1)


def score(shown: Tensor, whole: Tensor, texts: Tensor, weight: float) -> Tensor:
    """Return scores (N,) of v (N, D) and r (N,) under centred texts (N, D), all of length 1."""
    scores: Tensor = torch.linalg.vecdot(shown, texts) + weight * whole
    return scores
