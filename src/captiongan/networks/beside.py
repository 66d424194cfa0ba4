"""Two discriminators side by side: one looks through a frozen network, the other learns to see.

The frozen one knows from the start what pictures show. The one that starts from scratch sees what
does not matter for ImageNet, such as the generator's grain (Vision-aided GAN, Kumari et al. 2022,
arXiv 2112.09130). Their logits count alike.
"""

import torch
from torch import Tensor

from captiongan.networks import fusion, projected


class Discriminator(projected.Discriminator):
    """D(x, e) of `projected` with that of `fusion` beside it; features (B, C) of both in a row.

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
        """f(x): what both see in pictures (B, 3, H, W) in [-1, 1], (B, C)."""
        seen = super().features(pictures), self.beside.features(pictures)
        return torch.cat([each.flatten(1) for each in seen], dim=1)

    def logits(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Return logits (B, 2 K): the K of `projected`, and as often the one from scratch."""
        frozen, fresh = self._apart(features)
        logits = super().logits(frozen, embedding)
        return torch.cat([logits, self.beside.logits(fresh, embedding).expand_as(logits)], dim=1)

    def all_logits(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """Return the mean logits (B, N) of both, of every picture with every text."""
        frozen, fresh = self._apart(features)
        both = super().all_logits(frozen, embeddings) + self.beside.all_logits(fresh, embeddings)
        return both / 2

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (B, classes) by what the frozen network sees, see `tell_species`."""
        frozen, _ = self._apart(features)
        return super().classify(frozen)

    def _apart(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of each: (B, scales, channels, places), (B, C, 4, 4)."""
        places = (self.side // 32) ** 2
        length = self.summary_dim * places
        frozen = features[:, :length].unflatten(1, (-1, self.projected_dim, places))
        return frozen, features[:, length:].unflatten(1, (-1, fusion.SIDE, fusion.SIDE))
