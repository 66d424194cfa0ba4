"""The judge's eye: what a discriminator says of pictures and sentences, and where it looks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from captiongan.data.store import Pictures
from captiongan.networks.layers import PairDiscriminator
from captiongan.networks.pixels import to_tensor
from captiongan.runs.load_trained import Which, load_discriminator
from captiongan.runs.run_folder import RunFolder

STRIDE = 32
"""Pixels of a resized picture's side for each place that has logits of its own."""

Logits = npt.NDArray[np.float32]


def judge(
    run: str | Path, pictures: Pictures, sentences: Sequence[str], checkpoint: Which = "newest"
) -> Logits:
    """Ask the discriminator of a run what it says of every picture with every sentence.

    `projected` and its kin look at several scales, and at each scale at several places; others have
    one logit for a pair. The mean of a pair's logits is what counts in the training. Give several
    pictures of one kind, real or drawn: some discriminators judge a picture by how it differs from
    others of its batch.

    Args:
        run: the run's folder.
        pictures: (N, H, W, 3) uint8, of the run's resolution.
        sentences: M of them.
        checkpoint: the newest, or the best by the run's own scores.

    Returns:
        Logits (N, M, scales, places, places), the finest scale first; above 0 means "real" unless
        the run's loss is relative. Scales and places are 1 if a pair has one logit.

    Raises:
        RunError: there is no run, or no usable checkpoint in it.
    """
    discriminator, encoder = load_discriminator(RunFolder.open(Path(run)), checkpoint)
    return judged(discriminator, pictures, torch.from_numpy(encoder.encode(sentences)))


@torch.no_grad()
def judged(discriminator: PairDiscriminator, pictures: Pictures, embeddings: Tensor) -> Logits:
    """Return the logits of every picture with every text, see `judge`; changes no weight.

    Args:
        discriminator: on the device of `embeddings`.
        pictures: (N, H, W, 3) uint8, one batch.
        embeddings: (M, D).
    """
    count, training = len(embeddings), discriminator.training
    discriminator.eval()
    try:
        x = to_tensor(torch.from_numpy(pictures).to(embeddings.device))
        features = discriminator.features(x).repeat_interleave(count, dim=0)
        logits = discriminator.logits(features, embeddings.repeat(len(pictures), 1))
    finally:
        discriminator.train(training)
    places = max(1, discriminator.side // STRIDE)
    maps: Logits = logits.float().cpu().numpy().reshape(len(pictures), count, -1, places, places)
    return maps
