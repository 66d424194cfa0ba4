import io
import math
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from captiongan.runs.checkpoint import checkpoints
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.training import rollback
from captiongan.training.batches import WHOLE, TrainingData
from captiongan.training.divergence import DivergenceError, check_finite, check_weights
from captiongan.training.loop import train
from captiongan.training.state import TrainState
from captiongan.training.step import Batch, backward_and_step, training_step
from support.tiny_run import CONFIG, copied, equal, random_batch, tiny_state, tiny_trainer

STEP = CONFIG.training.batch_size / 1000


def weights(state: TrainState) -> dict[str, Tensor]:
    players = {"g": state.generator, "d": state.discriminator}
    return copied(
        {f"{key}.{n}": w for key, net in players.items() for n, w in net.named_parameters()}
    )


def moments(state: TrainState) -> dict[str, Tensor]:
    optimisers = (state.generator_optimiser, state.discriminator_optimiser)
    states = [each for optimiser in optimisers for each in optimiser.state.values()]
    return copied({f"{n}.{name}": t for n, each in enumerate(states) for name, t in each.items()})


def poisoned(field: str, value: float) -> Batch:
    batch = random_batch()
    return batch._replace(**{field: torch.full_like(getattr(batch, field), value)})


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("field", ["pictures", "noise"])
def test_a_step_that_is_not_finite_changes_no_weight_and_no_moment(
    field: str, value: float
) -> None:
    state = tiny_state()
    training_step(state, random_batch(), CONFIG.losses)
    before = weights(state), moments(state)
    training_step(state, poisoned(field, value), CONFIG.losses)
    assert equal(weights(state), before[0])
    assert equal(moments(state), before[1])


def test_once_diverged_no_later_step_changes_a_weight() -> None:
    state = tiny_state()
    training_step(state, poisoned("noise", math.nan), CONFIG.losses)
    before = weights(state)
    training_step(state, random_batch(), CONFIG.losses)
    assert equal(weights(state), before)


def test_the_error_names_the_step_the_network_and_the_terms() -> None:
    state = tiny_state()
    for seed in range(2):
        check_finite(state, training_step(state, random_batch(seed), CONFIG.losses))
    metrics = training_step(state, poisoned("pictures", math.nan), CONFIG.losses)
    with pytest.raises(DivergenceError) as caught:
        check_finite(state, metrics)
    told = str(caught.value)
    assert "at step 3 in the discriminator and the generator: loss_d, gradient_d" in told
    assert "loss_g_feature" in told
    assert "accuracy" not in told
    assert "optimiser.learning_rate" in told


def test_the_generator_alone_is_named_when_it_alone_diverges() -> None:
    state = tiny_state()
    metrics = {"loss_d": 1.0, "gradient_d": 1.0, "loss_g": 1.0, "gradient_g": math.inf}
    state.diverged.fill_(1)
    with pytest.raises(DivergenceError, match=r"at step 1 in the generator: gradient_g not finite"):
        check_finite(state, metrics)


def test_a_gradient_that_is_not_finite_counts_though_the_loss_is() -> None:
    state = tiny_state()
    weight = next(state.generator.parameters())
    with torch.no_grad():
        weight.zero_()
    before = weights(state)
    loss = weight.square().sum().sqrt()  # 0, with the gradient 0 / 0
    backward_and_step(state, loss, state.generator_optimiser)
    assert loss.isfinite()
    assert state.diverged
    assert equal(weights(state), before)


def test_the_length_of_a_gradient_is_that_of_all_weights_together() -> None:
    state = tiny_state()
    weight = next(state.generator.parameters())
    length = backward_and_step(state, 3.0 * weight.sum(), state.generator_optimiser)
    torch.testing.assert_close(length, torch.tensor(3.0 * math.sqrt(weight.numel())))


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_weights_that_are_not_finite_are_found_and_their_network_named(network: str) -> None:
    state = tiny_state()
    check_weights(state)
    with torch.no_grad():
        next(getattr(state, network).parameters())[-1] = float("nan")
    with pytest.raises(DivergenceError, match=f"the {network} is not finite"):
        check_weights(state)


# Runs


def saved_every(steps: int, length: int, **training: object) -> RunConfig:
    plan = {
        "kimg": length * STEP,
        "log_every_kimg": STEP,
        "grid_every_kimg": 100.0,
        "checkpoint_every_kimg": steps * STEP,
        **training,
    }
    return CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update=plan)})


def poison(monkeypatch: pytest.MonkeyPatch, step: int, times: int) -> None:
    """Give a run noise that is not a number at one step, so many times."""
    whole, left = TrainingData.batch, [times]

    def batch(data: TrainingData, number: int, rows: slice = WHOLE) -> Batch:
        drawn = whole(data, number, rows)
        if number != step - 1 or not left[0]:
            return drawn
        left[0] -= 1
        return drawn._replace(noise=torch.full_like(drawn.noise, math.nan))

    monkeypatch.setattr(TrainingData, "batch", batch)
    monkeypatch.setattr("captiongan.training.trainer.SETTLING_BATCHES", 1)


def test_a_run_that_diverges_stops_and_keeps_its_last_good_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, step=6, times=1)
    config = saved_every(2, length=8)
    run = RunFolder.create(tmp_path, config)
    with pytest.raises(DivergenceError, match="at step 6"):
        train(tiny_trainer(config), run, Console(file=io.StringIO()))
    assert [saved.step for saved in checkpoints(run.checkpoints)] == [2, 4]
    assert [line["step"] for line in run.metrics() if "loss_d" in line] == [1, 2, 3, 4, 5]


def test_a_rollback_goes_on_from_the_last_checkpoint_at_half_the_learning_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, step=6, times=1)
    config = saved_every(2, length=8, on_divergence="rollback")
    run, out = RunFolder.create(tmp_path, config), io.StringIO()
    assert train(tiny_trainer(config), run, Console(file=out))
    assert checkpoints(run.checkpoints)[-1].step == 8
    (note,) = (line for line in run.metrics() if "rolled_back_from" in line)
    rate = config.optimiser.learning_rate / 2
    assert (note["step"], note["rolled_back_from"], note["learning_rate"]) == (4, 6, rate)
    assert run.config().optimiser.learning_rate == rate
    assert run.config().training.rollbacks == 2
    assert "diverged at step 6" in out.getvalue()
    assert f"rolled back to step 4; learning rate {rate:g}" in out.getvalue()
    steps = [line["step"] for line in run.metrics() if "loss_d" in line]
    assert steps == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_rollback_before_the_first_checkpoint_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, step=2, times=1)
    config = saved_every(100, length=3, on_divergence="rollback")
    run = RunFolder.create(tmp_path, config)
    assert train(tiny_trainer(config), run, Console(file=io.StringIO()))
    assert [line["step"] for line in run.metrics() if "loss_d" in line] == [1, 2, 3]


def test_a_run_is_rolled_back_so_often_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, step=2, times=3)
    config = saved_every(1, length=3, on_divergence="rollback", rollbacks=2)
    run = RunFolder.create(tmp_path, config)
    with pytest.raises(DivergenceError):
        train(tiny_trainer(config), run, Console(file=io.StringIO()))
    assert run.config().training.rollbacks == 0
    assert checkpoints(run.checkpoints)[-1].step == 1


def test_a_run_that_is_to_stop_is_not_rolled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, step=2, times=1)
    monkeypatch.setattr(rollback, "after_rollback", lambda *_: pytest.fail("rolled back"))
    config = saved_every(1, length=3)
    run = RunFolder.create(tmp_path, config)
    with pytest.raises(DivergenceError):
        train(tiny_trainer(config), run, Console(file=io.StringIO()))
