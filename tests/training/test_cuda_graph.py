"""The step as a CUDA graph: the same steps, only faster; without a GPU, plain steps."""

import dataclasses
import io

import pytest
import torch
from rich.console import Console
from torch import Tensor

from captiongan.runs.config import RunConfig
from captiongan.runs.options import LossConfig
from captiongan.training.cuda_graph import WARM_UP, CapturedStep
from captiongan.training.state import TrainState, new_state
from captiongan.training.step import Batch, Metrics, training_step
from captiongan.training.trainer import Trainer
from support.tiny_run import (
    CONFIG,
    EMBEDDING_DIM,
    RECIPE,
    StubEncoder,
    fields,
    random_batch,
    tiny_trainer,
)

on_a_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="CUDA graphs need an NVIDIA GPU, and there is none"
)
DEVICE = torch.device("cuda")
STEPS = WARM_UP + 5

STILL = RECIPE.model_copy(
    update={
        "generator": CONFIG.generator,
        "losses": RECIPE.losses.model_copy(update={"augment": ()}),
    }
)
"""The recipe without what is drawn at random within a step."""

PENALISED = STILL.model_copy(
    update={
        "losses": STILL.losses.model_copy(
            update={"discriminator": "relativistic-cls", "r1": 1.0, "r2": 1.0}
        )
    }
)


def new(config: RunConfig) -> TrainState:
    return new_state(config, EMBEDDING_DIM, DEVICE)


def batch(number: int) -> Batch:
    return Batch(*(tensor.to(DEVICE) for tensor in fields(random_batch(number))))


def weights(state: TrainState) -> Tensor:
    """Return all weights of both players in one row."""
    players = [*state.generator.parameters(), *state.discriminator.parameters()]
    return torch.cat([weight.detach().flatten() for weight in players])


@on_a_gpu
@pytest.mark.parametrize(
    "config", [CONFIG, STILL, PENALISED], ids=["lecture", "recipe", "penalties"]
)
def test_captured_steps_are_the_plain_ones(config: RunConfig) -> None:
    plain, captured, step = new(config), new(config), CapturedStep(DEVICE)
    start = weights(plain)
    for number in range(STEPS):
        expected = training_step(plain, batch(number), config.losses)
        metrics = step(captured, batch(number), config.losses)
        assert metrics.keys() == expected.keys()
        for name in (name for name in expected if name.startswith("loss")):
            torch.testing.assert_close(metrics[name], expected[name], rtol=0.01, atol=0.001)
    assert captured.step == plain.step == STEPS
    apart, moved = weights(captured) - weights(plain), weights(plain) - start
    assert apart.norm() < 0.1 * moved.norm()


@on_a_gpu
def test_a_blur_that_fades_is_followed_at_each_captured_step_and_to_its_end() -> None:
    plain, captured, step = new(CONFIG), new(CONFIG), CapturedStep(DEVICE)
    amounts = [4.0, 4.0, 4.0, 4.0, 3.0, 2.0, 1.0, None, None]
    for number, amount in enumerate(amounts):
        blur = None if amount is None else torch.tensor(amount, device=DEVICE)
        each = batch(number)._replace(blur=blur)
        expected = training_step(plain, each, CONFIG.losses)
        metrics = step(captured, each, CONFIG.losses)
        for name in ("loss_d", "loss_g_feature"):
            torch.testing.assert_close(metrics[name], expected[name], rtol=0.01, atol=0.001)


@on_a_gpu
def test_figures_of_a_captured_step_outlive_the_next() -> None:
    state, step = new(CONFIG), CapturedStep(DEVICE)
    metrics = [step(state, batch(number), CONFIG.losses) for number in range(STEPS)]
    assert len({float(each["loss_g_pixel"]) for each in metrics}) == STEPS


@on_a_gpu
def test_a_halved_learning_rate_is_followed_at_once() -> None:
    halved_after = WARM_UP + 2
    state, step, moves = new(CONFIG), CapturedStep(DEVICE), []
    state.learning_rate = lambda done: 2e-4 if done < halved_after else 1e-4
    for _ in range(STEPS):
        before = weights(state)
        step(state, batch(0), CONFIG.losses)
        moves.append((weights(state) - before).norm().item())
    assert moves[halved_after] < 0.7 * moves[halved_after - 1]


@on_a_gpu
def test_a_captured_discriminator_learns_at_its_own_rate() -> None:
    optimiser = CONFIG.optimiser.model_copy(update={"discriminator_learning_rate": 1e-12})
    state, step = new(CONFIG.model_copy(update={"optimiser": optimiser})), CapturedStep(DEVICE)
    before = {name: weight.clone() for name, weight in state.discriminator.named_parameters()}
    for _ in range(STEPS):
        step(state, batch(0), CONFIG.losses)
    for name, weight in state.discriminator.named_parameters():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=1e-8, msg=name)


@on_a_gpu
def test_changes_of_pictures_are_drawn_anew_at_each_captured_step_by_the_seed() -> None:
    losses = CONFIG.losses.model_copy(update={"augment": ("translation", "cutout")})
    state, step, read = new(CONFIG), CapturedStep(DEVICE), {}
    state.learning_rate = lambda _: 1e-12  # so that nothing else changes
    for number, seed in enumerate([*range(WARM_UP + 1), 100, 101, 100]):
        torch.manual_seed(seed)
        read[number] = float(step(state, batch(0), losses)["loss_d"])
    *_, one, other, again = read.values()
    assert one == pytest.approx(again, rel=1e-3)
    assert one != pytest.approx(other, rel=1e-3)


def test_without_a_gpu_a_run_takes_plain_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("captiongan.training.trainer.choose_encoder", lambda _: StubEncoder())
    trainer = Trainer.prepare(CONFIG, Console(file=io.StringIO()))
    assert trainer.step is training_step
    assert trainer.state.device.type == trainer.data.device.type == "cpu"
    assert trainer.take_step().keys() >= {"loss_d", "loss_g"}


def test_a_trainer_takes_the_steps_it_is_given_and_averages_after_them() -> None:
    taken: list[Batch] = []

    def step(state: TrainState, batch: Batch, losses: LossConfig) -> Metrics:
        assert losses is CONFIG.losses
        taken.append(batch)
        state.step += 1
        for weight in state.generator.parameters():
            weight.data += 1
        return {}

    trainer = dataclasses.replace(tiny_trainer(), step=step)
    before = next(trainer.state.ema.parameters()).clone()
    assert trainer.take_step() == {}
    assert all(map(torch.equal, fields(taken[0]), fields(trainer.data.batch(0))))
    assert (next(trainer.state.ema.parameters()) > before).all()
