"""The first GAN (Goodfellow et al. 2014): fully connected, without any text.

Slide "GAN (Generative Adversarial Networks)". With F features, whatever the pictures' side:

    Generator      z -> 4F -> 8F -> 16F -> 3 H W
    Discriminator  3 H W -> 16F -> 8F -> f(x) = 4F -> one logit

The slide leaves the layers open. Here they are linear layers and leaky rectifiers with PyTorch's
initial weights, without normalisation, which GANs did not use yet. The paper's maxout and dropout
are left out.

Both networks are called like the others of this folder, with embeddings of length 0. They refuse
texts: the single linear layer between f(x) and the logit could add a picture and a text, but not
compare them.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from captiongan.networks.layers import (
    SLOPE,
    PairDiscriminator,
    PictureGenerator,
    TextProjection,
)


class Generator(PictureGenerator):
    """G(z): noise (B, noise_dim) and embedding (B, 0) to pictures in [-1, 1].

    Args:
        resolution: side of the pictures.
        features: F; the hidden layers are 4F, 8F and 16F wide.
        noise_dim: length of z.
        embedding_dim: 0.
        projected_dim: has no effect, as there is no text to project.

    Raises:
        ValueError: `embedding_dim` is not 0.
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
        _refuse_text(embedding_dim)
        self.text = TextProjection(embedding_dim, projected_dim)
        self.hidden = _hidden(noise_dim, *_widths(features))
        self.to_rgb = nn.Sequential(
            nn.Linear(_widths(features)[-1], 3 * resolution**2),
            nn.Unflatten(1, (3, resolution, resolution)),
        )

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Draw pictures (B, 3, resolution, resolution) in [-1, 1]."""
        condition = torch.cat([noise, self.text(embedding)], dim=1)
        return torch.tanh(self.to_rgb(self.hidden(condition)))


class Discriminator(PairDiscriminator):
    """D(x), with features (B, 4F), the last hidden layer, and embeddings (B, 0).

    Arguments and errors are those of the generator.
    """

    def __init__(
        self, *, resolution: int, features: int, embedding_dim: int, projected_dim: int
    ) -> None:
        _refuse_text(embedding_dim)
        widths = _widths(features)[::-1]
        super().__init__(
            picture=nn.Sequential(nn.Flatten(), *_hidden(3 * resolution**2, *widths)),
            text=TextProjection(embedding_dim, projected_dim),
            compare=nn.Linear(widths[-1], 1),
        )


def _refuse_text(embedding_dim: int) -> None:
    if embedding_dim != 0:
        raise ValueError(
            f"embedding_dim = {embedding_dim}: must be 0, these networks take no text; "
            "with text use dcgan"
        )


def _widths(features: int) -> list[int]:
    return [4 * features, 8 * features, 16 * features]


def _hidden(*widths: int) -> nn.Sequential:
    layers = nn.Sequential()
    for before, after in pairwise(widths):
        layers.append(nn.Linear(before, after)).append(nn.LeakyReLU(SLOPE))
    return layers
