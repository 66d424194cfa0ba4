"""Two discriminators side by side: both judge, both learn, and their logits count alike."""

from pathlib import Path

import torch
from torch import Tensor

from captiongan.networks import projected, two_discriminators
from captiongan.runs.checkpoint import load_checkpoint, save_checkpoint
from captiongan.runs.load_config import load_config
from support.tiny_run import EMBEDDING_DIM, copied, equal, tiny_trainer

PROJECTED_DIM = 8


def discriminator() -> two_discriminators.Discriminator:
    torch.manual_seed(0)
    return two_discriminators.Discriminator(
        resolution=32, features=2, embedding_dim=EMBEDDING_DIM, projected_dim=PROJECTED_DIM
    ).eval()


def pictures(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def texts(count: int = 3) -> Tensor:
    return torch.randn(count, EMBEDDING_DIM, generator=torch.Generator().manual_seed(2))


def test_half_of_the_logits_are_the_frozen_networks_own_and_half_of_the_one_from_scratch() -> None:
    both = discriminator()
    alone = projected.Discriminator(
        resolution=32, features=2, embedding_dim=EMBEDDING_DIM, projected_dim=PROJECTED_DIM
    ).eval()
    alone.load_state_dict(
        {name: value for name, value in both.state_dict().items() if not name.startswith("beside.")}
    )
    for side in (96, 128):
        both.resize_to(side)
        alone.resize_to(side)
        frozen, fresh = both(pictures(), texts()).chunk(2, dim=1)
        torch.testing.assert_close(frozen, alone(pictures(), texts()))
        own = both.beside(pictures(), texts())
        torch.testing.assert_close(fresh, own.expand_as(fresh))


def test_every_picture_is_judged_with_every_text_by_the_mean_of_its_logits() -> None:
    both = discriminator()
    features = both.features(pictures())
    every = both.all_logits(features, texts(2))
    for column, text in enumerate(texts(2)):
        mean = both.logits(features, text.expand(3, -1)).mean(dim=1)
        torch.testing.assert_close(every[:, column], mean, rtol=1e-4, atol=1e-5)


def test_both_learn_and_a_resumed_run_goes_on_alike(tmp_path: Path) -> None:
    small = ["data.resolution=16", "generator.features=2", "discriminator.features=2"]
    small += ["generator.noise_dim=8", "training.batch_size=4", "training.precision=32-true"]
    options = ["discriminator.beside=true", "losses.species=1"]
    config = load_config("projected", [*small, *options])
    trainer, restored = tiny_trainer(config), tiny_trainer(config)
    before = copied(dict(trainer.state.discriminator.named_parameters()))
    for _ in range(2):
        assert all(value.isfinite() for value in trainer.take_step().values())
    after = dict(trainer.state.discriminator.named_parameters())
    assert not any(torch.equal(after[name], value) for name, value in before.items())
    identity = trainer.encoder.identity
    load_checkpoint(save_checkpoint(trainer.state, identity, tmp_path, 1), restored.state, identity)
    for each in (trainer, restored):
        each.take_step()
    assert equal(trainer.state.generator.state_dict(), restored.state.generator.state_dict())
