"""Conditioning augmentation: the noise moves each text embedding before G draws from it.

Zhang et al. 2017 (StackGAN, section 3.2) learn the spread of these moves. Here it is measured on
the data: how the captions of one picture differ, in their words and in what they mention.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def caption_directions(embeddings: Tensor, pictures: Tensor, count: int) -> Tensor:
    """Return the directions in which captions of one picture differ most: (D, count).

    The length of each is the standard deviation along it, the longest first.

    Args:
        embeddings: of captions, (C, D).
        pictures: the number of each caption's picture, (C,) from 0 up.
        count: number of directions; those beyond D are 0.
    """
    totals = torch.zeros(int(pictures.max()) + 1, embeddings.shape[1], dtype=torch.float64)
    totals.index_add_(0, pictures, embeddings.double())
    means = totals / pictures.bincount()[:, None]
    apart = embeddings - means[pictures]
    variances, directions = torch.linalg.eigh(apart.T @ apart / len(apart))
    lengths = variances.clamp(min=0).sqrt()
    longest = (directions * lengths).flip(1)[:, :count]
    return F.pad(longest, (0, count - longest.shape[1])).to(embeddings.dtype)
