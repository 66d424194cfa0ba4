"""What a discriminator says of pictures and sentences, and where it looks."""

from pathlib import Path

import numpy as np
import torch

import captiongan
from captiongan.data.store import Pictures
from captiongan.evaluation.judge import judged
from captiongan.networks.layers import PairDiscriminator
from captiongan.networks.pixels import to_tensor
from captiongan.networks.projected import Discriminator
from support.tiny_run import EMBEDDING_DIM, copied, equal, tiny_run, tiny_state


def noise(count: int, side: int) -> Pictures:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_each_pair_has_its_logit_and_no_weight_changes() -> None:
    discriminator: PairDiscriminator = tiny_state().discriminator
    pictures, texts = noise(3, 16), torch.randn(2, EMBEDDING_DIM)
    before = copied(discriminator.state_dict())
    logits = judged(discriminator, pictures, texts)
    assert logits.shape == (3, 2, 1, 1, 1)
    assert discriminator.training and equal(before, discriminator.state_dict())
    discriminator.eval()
    with torch.no_grad():
        alone = discriminator(to_tensor(torch.from_numpy(pictures[2:])), texts[1:])
    np.testing.assert_allclose(logits[2, 1].ravel(), alone.numpy().ravel(), rtol=1e-4)


def test_a_projected_discriminator_says_where_and_its_mean_is_that_of_the_pair() -> None:
    discriminator = Discriminator(
        resolution=16, features=2, embedding_dim=EMBEDDING_DIM, projected_dim=4
    )
    pictures, texts = noise(2, 16), torch.randn(3, EMBEDDING_DIM)
    logits = judged(discriminator, pictures, texts)
    assert logits.shape == (2, 3, 4, 3, 3)
    discriminator.eval()
    with torch.no_grad():
        features = discriminator.features(to_tensor(torch.from_numpy(pictures)))
        means = discriminator.all_logits(features, texts).numpy()
    np.testing.assert_allclose(logits.mean(axis=(2, 3, 4)), means, rtol=1e-3, atol=1e-4)


def test_the_discriminator_of_a_run_can_be_asked(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1)
    logits = captiongan.judge(run.path, noise(2, 16), ["a red flower", "a yellow flower", "a"])
    assert logits.shape == (2, 3, 1, 1, 1)
    assert np.isfinite(logits).all() and len(np.unique(logits)) == 6
