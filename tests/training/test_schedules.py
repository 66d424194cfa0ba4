"""What changes while a run trains, and that a resume changes nothing about it."""

from pathlib import Path

import pytest
import torch

from captiongan.runs.checkpoint import load_checkpoint, save_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.training.schedules import blur_sigma, text_weight
from support.tiny_run import BATCH_SIZE, CONFIG, equal, fields, tiny_data, tiny_trainer

FOUR_STEPS = 4 * BATCH_SIZE / 1000


def with_losses(**values: float) -> RunConfig:
    return CONFIG.model_copy(update={"losses": CONFIG.losses.model_copy(update=values)})


BLURRED = with_losses(blur_kimg=FOUR_STEPS, blur_sigma=2)
FADED_IN = with_losses(text_fade_kimg=FOUR_STEPS, contrastive=1)


def test_a_blur_fades_in_a_straight_line_and_is_over_then() -> None:
    sigmas = [blur_sigma(BLURRED, step) for step in range(6)]
    assert sigmas == [2, 1.5, 1, 0.5, None, None]


def test_the_text_fades_in_in_a_straight_line_and_counts_in_full_then() -> None:
    weights = [text_weight(FADED_IN, step) for step in range(6)]
    assert weights == [0, 0.25, 0.5, 0.75, None, None]


def test_the_batch_of_a_step_says_how_much_to_blur_and_how_far_text_counts() -> None:
    for config, name, amounts in (
        (BLURRED, "blur", [2, 1.5, 1, 0.5, None]),
        (FADED_IN, "text_weight", [0, 0.25, 0.5, 0.75, None]),
    ):
        data = tiny_data(config)
        found = [getattr(data.batch(step), name) for step in range(5)]
        assert [None if amount is None else amount.item() for amount in found] == amounts


def test_without_these_options_a_batch_is_what_it_was() -> None:
    plain, blurred = tiny_data().batch(1), tiny_data(BLURRED).batch(1)
    assert plain.blur is plain.text_weight is None
    assert all(map(torch.equal, fields(plain), fields(blurred)))


@pytest.mark.parametrize("config", [BLURRED, FADED_IN], ids=["blur", "text"])
def test_a_resumed_run_takes_the_steps_of_the_unbroken_one(
    config: RunConfig, tmp_path: Path
) -> None:
    straight, plain = tiny_trainer(config), tiny_trainer()
    for _ in range(2):
        straight.take_step()
    saved = save_checkpoint(straight.state, straight.encoder.identity, tmp_path, keep=1)
    resumed = tiny_trainer(config)
    load_checkpoint(saved, resumed.state, resumed.encoder.identity)
    for trainer, steps in ((straight, 3), (resumed, 3), (plain, 5)):
        for _ in range(steps):
            trainer.take_step()
    weights = [trainer.state.generator.state_dict() for trainer in (straight, resumed, plain)]
    assert equal(weights[0], weights[1])
    assert not equal(weights[0], weights[2])
