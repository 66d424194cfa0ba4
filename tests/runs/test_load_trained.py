"""Which checkpoint of a run draws, and which runs draw nothing at all."""

import shutil
from pathlib import Path

import pytest
import torch

from captiongan.errors import RunError
from captiongan.runs.checkpoint import checkpoints, save_checkpoint
from captiongan.runs.load_trained import Which, load_trained
from captiongan.runs.run_folder import RunFolder
from support.tiny_run import equal, tiny_run, tiny_state


def keep_as_best(run: RunFolder, step: int) -> None:
    """Take a checkpoint of the run for its best one."""
    name = f"step-{step:09d}"
    shutil.copytree(run.checkpoints / name, run.best / name)


@pytest.mark.parametrize(("which", "step"), [("best", 2), ("newest", 4)])
def test_the_best_checkpoint_draws_or_the_newest_as_wished(
    which: Which, step: int, tmp_path: Path
) -> None:
    run = tiny_run(tmp_path, 2, 4)
    keep_as_best(run, 2)
    trained = load_trained(run, which)
    assert trained.checkpoint.step == step
    saved = {each.step: each.tensors("average") for each in checkpoints(run.checkpoints)}
    assert equal(dict(trained.generator.state_dict()), saved[step])
    assert not equal(saved[2], saved[4])
    assert trained.kimg == round(step * 4 / 1000, 1)


@pytest.mark.parametrize("which", ["best", "newest"])
def test_without_scores_the_newest_checkpoint_draws(which: Which, tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1, 3)
    assert not run.best.exists()
    assert load_trained(run, which).checkpoint.step == 3


def test_the_best_checkpoint_is_taken_by_default(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1, 3)
    keep_as_best(run, 1)
    assert load_trained(run).checkpoint.step == 1


def test_a_damaged_best_checkpoint_gives_way_to_the_newest_with_a_warning(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1, 3)
    keep_as_best(run, 1)
    (run.best / "step-000000001" / "average.safetensors").write_bytes(b"")
    with pytest.warns(UserWarning, match="ignored"):
        assert load_trained(run).checkpoint.step == 3


def test_the_generator_is_ready_to_draw_and_learns_no_more(tmp_path: Path) -> None:
    generator = load_trained(tiny_run(tmp_path, 1)).generator
    assert not generator.training
    assert not any(weight.requires_grad for weight in generator.parameters())


def test_a_run_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no complete checkpoint; start a new run"):
        load_trained(tiny_run(tmp_path))


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(broken: float, tmp_path: Path) -> None:
    run, state = tiny_run(tmp_path, 1), tiny_state()
    with torch.no_grad():
        next(state.ema.parameters())[-1] = broken
    state.step = 9
    encoder = load_trained(run).checkpoint.encoder
    save_checkpoint(state, encoder, run.checkpoints, 2, run.identity)
    with pytest.raises(RunError, match=r"step-000000009' has weights that are not finite"):
        load_trained(run)


def test_another_encoder_than_the_runs_own_is_refused_with_both_names(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1)
    with (run.path / "text_encoder" / "words" / "tokenizer.json").open("a") as tokenizer:
        tokenizer.write("\n")
    with pytest.raises(RunError, match=r"was trained with text encoder words.*is now words"):
        load_trained(run)


def test_a_configuration_of_other_networks_is_refused_in_one_line(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1)
    config = run.config()
    larger = config.generator.model_copy(update={"features": 3})
    run.write_config(config.model_copy(update={"generator": larger}))
    with pytest.raises(RunError, match=r"does not fit the networks in config\.yaml \([^\n]*\)"):
        load_trained(run)
