"""Two processes that train one model: what they reach is what one reaches."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest
import torch
from safetensors.torch import load_file

from captiongan.base.cache import CACHE_VARIABLE
from captiongan.base.main_process import is_main_process
from captiongan.compute import distributed
from captiongan.errors import ConfigError, RunError
from captiongan.runs.checkpoint import latest_checkpoint
from captiongan.runs.run_folder import RunFolder
from support import two_processes
from support.command_line import captiongan
from support.two_processes import RUNS, deviation_and_gradient, take_steps

OPTIONS = [
    *("--data", "toy:40", "--set", "data.resolution=16", "--set", "data.margin=2"),
    *("--set", "generator.features=4", "--set", "discriminator.features=4"),
    *("--set", "training.batch_size=8", "--set", "training.log_every_kimg=0.008"),
    *("--set", "training.grid_every_kimg=0.024", "--set", "training.checkpoint_every_kimg=0.024"),
    *("--set", "training.kimg=0.064", "--set", "scores.every_kimg=0"),
]
"""Eight steps, saved after the third, the sixth and the last."""


def in_two_processes(cache: Path, *arguments: object, restarts: int = 0) -> None:
    """Run `two_processes.py` under torchrun, with a cache that several runs share."""
    torchrun = f"-m torch.distributed.run --standalone --nproc-per-node 2 --max-restarts {restarts}"
    script = Path(two_processes.__file__)
    command = [sys.executable, *torchrun.split(), str(script), *map(str, arguments)]
    variable, value = distributed.OWN_STORE.split("=")
    tests = {"PYTHONPATH": os.pathsep.join([str(script.parents[1]), *sys.path])}
    environment = {**os.environ, **tests, variable: value, CACHE_VARIABLE: str(cache)}
    subprocess.run(command, env=environment, check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes gave for each of `RUNS`, what a layer made of their rows, and a run."""
    folder = tmp_path_factory.mktemp("two")
    in_two_processes(folder / "cache", "figures", folder, *OPTIONS, "--into", folder / "run")
    return folder


def without_quantiles(metrics: dict[str, float]) -> dict[str, float]:
    """A mean of the quantiles of two shards is none of the whole batch."""
    return {name: value for name, value in metrics.items() if not name.startswith("logit_")}


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_have_the_figures_and_weights_of_one_with_the_whole_batch(
    name: str, folder: Path
) -> None:
    metrics, weights = take_steps(RUNS[name])
    for of_one, of_two in zip(
        metrics, json.loads((folder / f"{name}.json").read_text()), strict=True
    ):
        expected = pytest.approx(without_quantiles(of_one), rel=1e-4, abs=1e-5)
        assert without_quantiles(of_two) == expected
    together = load_file(folder / f"{name}.safetensors")
    for part, weight in weights.items():
        torch.testing.assert_close(together[part], weight, rtol=1e-2, atol=1e-4)


def test_the_deviation_of_a_batch_and_its_gradients_are_those_of_all_rows(folder: Path) -> None:
    said, gradient = deviation_and_gradient()
    halves = [load_file(folder / f"deviation-{number}") for number in range(2)]
    torch.testing.assert_close(torch.cat([half["said"] for half in halves]), said)
    # The loss of the whole is the mean of the two: of each half, half.
    together = torch.cat([half["gradient"] for half in halves]) / 2
    torch.testing.assert_close(together, gradient)


def test_a_killed_process_restarts_with_the_others_and_the_run_ends_as_if_nothing_had_been(
    folder: Path, tmp_path: Path
) -> None:
    runs = folder / "run", tmp_path / "run"
    in_two_processes(folder / "cache", "dying", 5, *OPTIONS, "--into", runs[1], restarts=1)
    unbroken, broken = (latest_checkpoint(run / "checkpoints").path for run in runs)
    for part in unbroken.glob("*.safetensors"):
        assert part.read_bytes() == (broken / part.name).read_bytes(), part.name
    for grid in (runs[0] / "grids").iterdir():
        assert grid.read_bytes() == (runs[1] / "grids" / grid.name).read_bytes()
    metrics = [RunFolder(run).metrics() for run in runs]
    for of_unbroken, of_broken in zip(*metrics, strict=True):
        differ = {key for key in of_unbroken if of_unbroken[key] != of_broken[key]}
        assert differ <= {"time", "images_per_second"}


def test_one_process_goes_on_with_what_two_began(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    copytree(folder / "run", run)
    assert captiongan("train", "--resume", run, "--set", "training.kimg=0.08") == 0
    assert latest_checkpoint(run / "checkpoints").step == 10
    again = [*OPTIONS, "--set", "training.kimg=0.08", "--into", run]
    assert captiongan("train", *again) == 0
    assert "has reached 0.08 kimg" in capsys.readouterr().out
    assert captiongan("train", *again, "--set", "losses.pixel_wise=7") == 2
    assert "the run there has losses pixel_wise 50.0, not 7.0" in capsys.readouterr().err


def test_restarts_that_would_wait_for_ever_are_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"RUN_ID": "1", "USE_AGENT_STORE": "True", "MAX_RESTARTS": "3"}.items():
        monkeypatch.setenv(f"TORCHELASTIC_{name}", value)
    assert captiongan("train", *OPTIONS) == 2
    told = capsys.readouterr().err
    assert "--max-restarts 3" in told and distributed.OWN_STORE in told


def test_processes_with_other_weights_do_not_train_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor, *_: tensor.mul_(2))
    distributed.check_alike([3.0, 0.5])
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor, *_: tensor.add_(1))
    with pytest.raises(RunError, match="process 0 has other data or weights"):
        distributed.check_alike([3.0, 0.5])


def test_a_batch_that_cannot_be_shared_equally_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    with pytest.raises(ConfigError, match=r"batch_size = 64: must be a multiple of the 3.* to 63"):
        distributed.shard(64)


def test_alone_nothing_changes() -> None:
    rows = torch.rand(4, 2, requires_grad=True)
    for same in (distributed.mean(rows), distributed.gathered(rows), distributed.own_rows(rows)):
        assert torch.equal(same, rows)
    assert torch.equal(distributed.rolled(rows), rows.roll(1, dims=0))
    assert distributed.any_rank(True) and not distributed.any_rank(False)
    assert is_main_process()
