"""Every preset trains: its networks, losses and pairing, made small."""

import io
import math
from pathlib import Path

import pytest
import torch
from rich.console import Console

from captiongan.config import load_config
from captiongan.training.batches import to_pictures
from captiongan.training.loop import Trainer
from captiongan.training.samples import SampleGrid

PRESETS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))

SMALL = [
    *("data.source=toy:40", "data.resolution=16", "data.margin=2", "training.batch_size=8"),
    *("generator.features=4", "discriminator.features=4", "training.precision=32-true"),
]
OF_THEIR_OWN = {
    "course": ["data.resolution=64", "data.margin=0", "text.encoder=small"],
    "gan": ["generator.features=2", "discriminator.features=2"],
}


def trainer_of(preset: Path) -> Trainer:
    overrides = [*SMALL, *OF_THEIR_OWN.get(preset.stem, [])]
    return Trainer.prepare(load_config(preset, overrides), Console(file=io.StringIO()))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_preset_trains_two_hundred_steps_with_finite_terms_and_draws(preset: Path) -> None:
    trainer = trainer_of(preset)
    side = trainer.config.data.resolution
    for _ in range(200):
        figures = trainer.take_step()
        assert all(math.isfinite(value) for value in figures.values()), figures
    assert figures.keys() == EXPECTED[preset.stem]
    trainer.settle_average()
    batch = trainer.data.batch(0)
    pictures = to_pictures(trainer.game.average(batch.noise, batch.matching))
    assert pictures.shape == (8, side, side, 3)
    assert len(torch.unique(pictures, dim=0)) == 8
    SampleGrid(trainer.data).draw(trainer.game.average)


GAN = {"loss_d", "loss_g", "loss_g_gan", "accuracy_real", "accuracy_generated"}
GAN_CLS = GAN | {"accuracy_mismatching"}
LECTURE = GAN_CLS | {"loss_g_pixel", "loss_g_feature"}
EXPECTED = {
    "gan": GAN,
    "dcgan-unconditional": GAN,
    "gan-cls": GAN_CLS,
    "gan-cls-l1": GAN_CLS | {"loss_g_pixel"},
    "gan-cls-l1-fm": LECTURE,
    "dcgan": LECTURE,
    "toy": LECTURE,
    "course": LECTURE,
    "gan-int-cls": GAN_CLS | {"loss_g_interpolation"},
    "reed": GAN_CLS | {"loss_g_interpolation"},
}
"""The figures of a step, and so the terms of the losses, of each preset."""


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_preset_plays_with_the_networks_it_names(preset: Path) -> None:
    trainer = trainer_of(preset)
    for player in (trainer.game.generator, trainer.game.discriminator):
        module = type(player.module).__module__
        assert module == f"captiongan.networks.{trainer.config.network}"
