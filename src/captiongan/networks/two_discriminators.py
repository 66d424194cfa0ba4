"""Two discriminators side by side: one on frozen features, the other trained from scratch.

The frozen features show from the start what is in a picture. The discriminator from scratch learns
what does not matter for ImageNet, such as the generator's grain (Vision-aided GAN, Kumari et al.
2022, arXiv 2112.09130). Both have the same weight in the logits.
"""

import torch
from torch import Tensor

from captiongan.networks import fusion, projected


class Discriminator(projected.Discriminator):
    """D(x, e) of `projected` and of `fusion` side by side, with concatenated features (B, C).

    The arguments are those of `projected`; `features` are the channels of the first stage of both.
    """

    def __init__(
        self, *, resolution: int, features: int, embedding_dim: int, projected_dim: int
    ) -> None:
        sizes = {
            "resolution": resolution,
            "features": features,
            "embedding_dim": embedding_dim,
            "projected_dim": projected_dim,
        }
        super().__init__(**sizes)
        self.projected_dim = projected_dim
        self.beside = fusion.Discriminator(**sizes)

    def features(self, pictures: Tensor) -> Tensor:
        """f(x): the features of both, concatenated, of pictures (B, 3, H, W) in [-1, 1]: (B, C)."""
        both = super().features(pictures), self.beside.features(pictures)
        return torch.cat([features.flatten(1) for features in both], dim=1)

    def logits(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Return logits (B, 2 K): the K of `projected`, then K copies of the one of `fusion`."""
        frozen, fresh = self._split(features)
        logits = super().logits(frozen, embedding)
        return torch.cat([logits, self.beside.logits(fresh, embedding).expand_as(logits)], dim=1)

    def all_logits(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """Return the mean logits (B, N) of both, of every picture with every text."""
        frozen, fresh = self._split(features)
        both = super().all_logits(frozen, embeddings) + self.beside.all_logits(fresh, embeddings)
        return both / 2

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (B, classes) from the features of `projected`, see `add_classifier`."""
        frozen, _ = self._split(features)
        return super().classify(frozen)

    def _split(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of each: (B, scales, channels, places), (B, C, 4, 4)."""
        places = (self.side // 32) ** 2
        length = self.summary_dim * places
        frozen = features[:, :length].unflatten(1, (-1, self.projected_dim, places))
        return frozen, features[:, length:].unflatten(1, (-1, fusion.SIDE, fusion.SIDE))
