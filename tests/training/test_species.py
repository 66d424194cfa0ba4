"""Discriminators that also tell the classes of pictures, and generators that learn from it."""

import dataclasses
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from captiongan.data.store import PictureStore
from captiongan.errors import DataError
from captiongan.runs.config import RunConfig
from captiongan.training.batches import TrainingData
from captiongan.training.step import training_step, update_discriminator, update_generator
from support.tiny_run import RECIPE, tiny_data, tiny_trainer


def with_species(weight: float, network: str = "fusion") -> RunConfig:
    losses = RECIPE.losses.model_copy(update={"species": weight, "augment": ()})
    return RECIPE.model_copy(update={"losses": losses, "network": network})


TELLING = with_species(2.0)


def relabelled(*labels: str | None) -> TrainingData:
    """Return data whose pictures are of these classes, in turn."""
    data = tiny_data(TELLING)
    examples = tuple(
        dataclasses.replace(example, label=labels[number % len(labels)])
        for number, example in enumerate(data.store.examples)
    )
    return dataclasses.replace(data, store=PictureStore(data.store.pictures, examples, ()))


def test_a_batch_has_the_class_of_each_picture() -> None:
    data = relabelled("rose", "daisy", "lily")
    assert data.species == 3
    labels = data.batch(0).labels
    assert labels is not None
    assert labels.tolist() == [picture % 3 for picture in data.sampler(0).pictures]
    rows = data.batch(0, slice(1, 3)).labels
    assert rows is not None and torch.equal(rows, labels[1:3])


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ((None,), "the data has 0 classes, and 10 of 10 pictures have none"),
        (("rose", "daisy", None), "the data has 2 classes, and 3 of 10 pictures have none"),
        (("rose",), "the data has 1 classes, and 0 of 10 pictures have none"),
    ],
)
def test_data_without_classes_is_refused_in_words(
    labels: tuple[str | None, ...], told: str
) -> None:
    with pytest.raises(DataError, match=rf"losses\.species = 2: {told}.*set losses\.species=0"):
        _ = relabelled(*labels).species


@pytest.mark.parametrize("network", ["fusion", "projected"])
def test_both_players_are_told_the_class_of_a_picture_with_its_weight(network: str) -> None:
    """D with real pictures; G with its own, and the class of their caption."""
    config = with_species(2.0, network)
    trainer, plain, twin = (tiny_trainer(config) for _ in range(3))
    state, batch = trainer.state, trainer.data.batch(0)
    assert batch.labels is not None
    generated = state.generator(batch.noise, batch.matching)
    unlabelled = batch._replace(labels=None)
    without = update_discriminator(plain.state, unlabelled, generated.detach(), config.losses)
    judge: Any = twin.state.discriminator
    told = judge.classify(judge.features(batch.pictures))
    assert told.shape == (len(batch.pictures), 2)
    metrics = update_discriminator(state, batch, generated.detach(), config.losses)
    expected = without["loss_d"] + 2 * F.cross_entropy(told, batch.labels)
    torch.testing.assert_close(metrics["loss_d"], expected.detach())

    metrics = update_generator(state, batch, generated, config.losses)
    weights = {"gan": 1, "mode_seeking": 0.1, "contrastive": 1, "species": 2}
    total = sum(weight * metrics[f"loss_g_{name}"] for name, weight in weights.items())
    torch.testing.assert_close(metrics["loss_g"], total)


def test_the_discriminator_learns_the_classes_of_real_pictures() -> None:
    trainer = tiny_trainer(TELLING)
    batch, state = trainer.data.batch(0), trainer.state
    assert batch.labels is not None
    assert len(set(batch.labels.tolist())) == 2
    state.discriminator_optimiser.param_groups[0]["lr"] = 0.01
    generated = state.generator(batch.noise, batch.matching).detach()
    for _ in range(100):
        update_discriminator(state, batch, generated, TELLING.losses)
    told = state.discriminator.classify(state.discriminator.features(batch.pictures))
    assert (told.argmax(dim=1) == batch.labels).all()


def test_without_a_weight_there_are_no_labels_no_layer_and_no_term() -> None:
    trainer = tiny_trainer(RECIPE)
    batch = trainer.data.batch(0)
    assert batch.labels is None
    assert not any("species" in name for name in trainer.state.discriminator.state_dict())
    assert "loss_g_species" not in training_step(trainer.state, batch, RECIPE.losses)
