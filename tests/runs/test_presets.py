"""Every preset trains: its networks, losses and pairing, made small, learn what they are for."""

import io
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from rich.console import Console

from captiongan.data.store import Pictures
from captiongan.data.toy import toy_examples
from captiongan.evaluation.candidate import of_generator
from captiongan.evaluation.colours import colour_agreement
from captiongan.evaluation.distances import Floats
from captiongan.networks.registry import NETWORKS
from captiongan.runs.load_config import load_config, presets
from captiongan.training.sample_grid import SampleGrid
from captiongan.training.step import Metrics
from captiongan.training.trainer import Trainer

# The discriminator of `projected` enlarges pictures to 96 pixels, which is too slow for this file:
# tests/networks/test_projected.py has its presets. Generator and losses are those of `fusion`.
PRESETS = [preset for preset in presets() if not preset.startswith("projected")]
WITHOUT_TEXT = [preset for preset in PRESETS if preset in ("gan", "dcgan-unconditional")]
WITH_TEXT = [preset for preset in PRESETS if preset not in WITHOUT_TEXT]

SMALL = [
    *("data.source=toy:400", "data.resolution=16", "data.margin=2"),
    *("training.batch_size=32", "training.precision=32-true", "optimiser.learning_rate=0.002"),
    *("generator.features=16", "generator.noise_dim=16", "discriminator.features=16"),
]
# At 64 x 64, the course has time to learn a few flowers by heart only.
OF_THEIR_OWN = {
    "course": [
        *("data.source=toy:16", "data.resolution=64", "data.margin=0", "training.batch_size=16"),
        *("generator.features=32", "discriminator.features=4", "text.encoder=small"),
    ],
    # Ten times its own rate would be too much without normalisation: the pictures turn white.
    "fusion": ["optimiser.learning_rate=0.0005"],
    "r3gan": ["optimiser.learning_rate=0.0005"],
}

DRAWN = 400
STRANGERS = 1
"""Seed of toy flowers that no preset is trained on; those of the training have seed 0."""

COLOURS_BY_TEXT = 0.15
"""How much the agreement is above its floor, at least; seeds 0 to 4 reach 0.22 to 0.45."""
COLOURS_BY_TRAINING = 0.1
"""How much nearer the histograms come, at least; seeds 0 to 4 come 0.14 to 0.27 nearer."""


@dataclass(frozen=True)
class Training:
    """A trained preset, with what its running average draws of the captions before and after."""

    trainer: Trainer
    metrics: list[Metrics]
    captions: list[str]
    before: Pictures
    after: Pictures


@cache
def train(preset: str) -> Training:
    """Train a preset, once for all tests."""
    config = load_config(preset, [*SMALL, *OF_THEIR_OWN.get(preset, [])])
    trainer = Trainer.prepare(config, Console(file=io.StringIO()))
    captions = captions_for(trainer)
    before = draw(trainer, captions)
    metrics = [trainer.take_step() for _ in range(200)]
    return Training(trainer, metrics, captions, before, draw(trainer, captions))


def captions_for(trainer: Trainer) -> list[str]:
    """Take the captions of strangers, but ask the course for what it was taught."""
    if trainer.config.name == "course":
        own = trainer.data.store.captions
        return [own[number % len(own)] for number in range(DRAWN)]
    return [stranger.example.captions[0] for stranger in toy_examples(DRAWN, 16, STRANGERS)]


def draw(trainer: Trainer, captions: list[str]) -> Pictures:
    trainer.settle_ema()
    candidate = of_generator(trainer.config, trainer.state.ema, trainer.encoder)
    return candidate.pictures_of(captions, range(DRAWN))


def mean_agreement(pictures: Pictures, captions: list[str]) -> float:
    return float(np.nanmean(colour_agreement(pictures, captions)))


def histogram(pictures: Pictures) -> Floats:
    """Return the shares of 8 x 8 x 8 cells of RGB among all pixels."""
    pixels = pictures.reshape(-1, 3)
    counts, _ = np.histogramdd(pixels, bins=8, range=[(0, 256)] * 3)
    shares: Floats = counts / len(pixels)
    return shares


def distance(drawn: Pictures, real: Pictures) -> float:
    """Return the total variation distance of two histograms, 0 to 1."""
    return float(np.abs(histogram(drawn) - histogram(real)).sum() / 2)


def each_of(presets: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("preset", presets, ids=lambda preset: preset)


GAN = {
    *("loss_d", "loss_g", "loss_g_gan", "gradient_d", "gradient_g"),
    *("accuracy_real", "accuracy_generated"),
}
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
    "fusion": GAN_CLS | {"loss_g_contrastive"},
    "r3gan": GAN_CLS | {"loss_d_r1", "loss_d_r2"},
}
"""The figures of a step, and so the terms of the losses, of each preset."""


@each_of(PRESETS)
def test_a_preset_trains_two_hundred_steps_with_finite_terms_and_draws(preset: str) -> None:
    training = train(preset)
    assert len(training.metrics) == 200
    for metrics in training.metrics:
        assert {name for name in metrics if not name.startswith("logit_")} == EXPECTED[preset]
        assert all(math.isfinite(value) for value in metrics.values()), metrics
    side = training.trainer.config.data.resolution
    assert training.after.shape == (DRAWN, side, side, 3)
    assert len(np.unique(training.after, axis=0)) == DRAWN
    SampleGrid(training.trainer.data).draw(training.trainer.state.ema)


@each_of(PRESETS)
def test_a_preset_plays_with_the_networks_it_names(preset: str) -> None:
    trainer = train(preset).trainer
    networks = NETWORKS[trainer.config.network]
    for player in ("generator", "discriminator"):
        module = type(getattr(trainer.state, player)).__module__
        assert module == f"captiongan.networks.{getattr(networks, player)}"


@each_of(WITH_TEXT)
def test_a_preset_draws_the_colours_of_its_captions_rather_than_of_shuffled_ones(
    preset: str,
) -> None:
    training = train(preset)
    shuffled = np.random.default_rng(0).permutation(training.captions).tolist()
    floor = mean_agreement(training.after, shuffled)
    assert mean_agreement(training.after, training.captions) > floor + COLOURS_BY_TEXT


@each_of(WITHOUT_TEXT)
def test_a_preset_without_text_comes_nearer_to_the_colours_of_the_real_pictures(
    preset: str,
) -> None:
    training = train(preset)
    side = training.trainer.config.data.resolution
    strangers = toy_examples(DRAWN, side, STRANGERS)
    real = np.stack([np.asarray(stranger.picture) for stranger in strangers])
    before, after = distance(training.before, real), distance(training.after, real)
    assert after < before - COLOURS_BY_TRAINING
