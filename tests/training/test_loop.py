import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from captiongan.data.store import Pictures
from captiongan.errors import RunError
from captiongan.evaluation import extractors, probe_training
from captiongan.evaluation.distances import Features
from captiongan.networks.dcgan import Generator
from captiongan.runs.checkpoint import checkpoints, latest_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.options import ScoresConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.training import self_scoring
from captiongan.training.loop import train
from captiongan.training.sample_grid import SampleGrid
from captiongan.training.self_scoring import RunScores
from captiongan.training.start import start
from captiongan.training.trainer import SETTLING_BATCHES
from support.tiny_exam import BlockMeans, WordEncoder
from support.tiny_run import CONFIG, equal, tiny_trainer


def test_a_saved_average_is_settled_and_ready_to_draw(tmp_path: Path) -> None:
    run, trainer = RunFolder.create(tmp_path, CONFIG), tiny_trainer()
    trainer.take_step()
    trainer.save(run)
    ema = latest_checkpoint(run.checkpoints).tensors("average")
    counters = [value for name, value in ema.items() if name.endswith("num_batches_tracked")]
    assert counters
    assert all(counter == SETTLING_BATCHES for counter in counters)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_weights_that_are_not_finite_are_never_saved(network: str, tmp_path: Path) -> None:
    run, trainer = RunFolder.create(tmp_path, CONFIG), tiny_trainer()
    with torch.no_grad():
        next(getattr(trainer.state, network).parameters())[-1] = float("inf")
    with pytest.raises(RunError, match=f"the {network} is not finite"):
        trainer.save(run)
    assert checkpoints(run.checkpoints) == []


# Scores


class StubScores:
    """Gives out errors one after the other, and draws random numbers as networks may do."""

    def __init__(self, *errors: float) -> None:
        self._errors = iter(errors)

    def measure(self, ema: Generator) -> dict[str, float]:
        assert not ema.training
        torch.rand(3)
        error = next(self._errors)
        return {
            "score_kid": error,
            "score_kid_standard_error": error / 10,
            "score_r_at_1": 0.0,
            "score_error": error,
        }


def scored_every(steps: int, length: int, *, checkpoint_every: int = 100) -> RunConfig:
    kimg = CONFIG.training.batch_size / 1000
    training = {
        "kimg": length * kimg,
        "log_every_kimg": kimg,
        "checkpoint_every_kimg": checkpoint_every * kimg,
    }
    return CONFIG.model_copy(
        update={
            "training": CONFIG.training.model_copy(update=training),
            "scores": ScoresConfig(every_kimg=steps * kimg),
        }
    )


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what makes runs score these errors, one after the other."""

    def give(*errors: float) -> None:
        monkeypatch.setattr(RunScores, "open", lambda *_: StubScores(*errors))

    return give


def trained(folder: Path, config: RunConfig, out: io.StringIO | None = None) -> RunFolder:
    run = RunFolder.create(folder, config)
    assert train(tiny_trainer(config), run, Console(file=out or io.StringIO()))
    return run


def scored(run: RunFolder) -> dict[float, float]:
    """Return the error of each step that was scored."""
    return {line["step"]: line["score_error"] for line in run.metrics() if "score_error" in line}


def best_of(run: RunFolder) -> list[int]:
    return [saved.step for saved in checkpoints(run.best)]


def test_the_scores_of_every_so_many_steps_and_of_the_last_are_noted_and_told(
    tmp_path: Path, give: Callable[..., None]
) -> None:
    give(0.5, 0.25, 0.125)
    out = io.StringIO()
    run = trained(tmp_path, scored_every(2, length=5), out)
    (first, *_) = (line for line in run.metrics() if "score_error" in line)
    assert first.keys() >= {"step", "kimg", "time"}
    assert first | {"time": 0} == {
        "step": 2,
        "kimg": 0.008,
        "time": 0,
        "score_kid": 0.5,
        "score_kid_standard_error": 0.05,
        "score_r_at_1": 0.0,
        "score_error": 0.5,
    }
    assert scored(run) == {2: 0.5, 4: 0.25, 5: 0.125}
    assert "KID 0.2500 +- 0.0250, R@1 0.000" in out.getvalue()
    assert len([line for line in run.metrics() if "loss_d" in line]) == 5


@pytest.mark.parametrize(
    ("errors", "best"),
    [((3, 1, 2, 5), 4), ((1, 2, 3, 4), 2), ((4, 3, 2, 1), 8), ((2, 1, 1, 3), 6), ((0, 0, 0, 0), 8)],
)
def test_the_checkpoint_of_the_lowest_error_is_kept_and_of_equals_the_newest(
    errors: tuple[float, ...], best: int, tmp_path: Path, give: Callable[..., None]
) -> None:
    give(*errors)
    run = trained(tmp_path, scored_every(2, length=8))
    assert best_of(run) == [best]
    assert latest_checkpoint(run.checkpoints).step == 8


def test_the_best_checkpoint_holds_the_weights_of_its_step(
    tmp_path: Path, give: Callable[..., None]
) -> None:
    give(1, 2)
    run = trained(tmp_path / "long", scored_every(2, length=4))
    give(1)
    short = trained(tmp_path / "short", scored_every(2, length=2))
    (best,) = checkpoints(run.best)
    ema = best.tensors("average")
    assert equal(ema, latest_checkpoint(short.checkpoints).tensors("average"))
    counters = [value for name, value in ema.items() if name.endswith("_tracked")]
    assert all(counter == SETTLING_BATCHES for counter in counters)


def test_scoring_leaves_the_training_as_it_is_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With probes that train, and an extractor that uses random numbers up."""

    class Wasteful(BlockMeans):
        def features(self, pictures: Pictures) -> Features:
            torch.rand(7)
            np.random.rand(7)
            return super().features(pictures)

    monkeypatch.setattr(self_scoring, "choose_encoder", lambda _: WordEncoder())
    monkeypatch.setattr(probe_training, "STEPS", 3)
    monkeypatch.setitem(extractors.EXTRACTORS, "lite0", lambda *_: Wasteful("lite0"))
    config = scored_every(1, length=4)
    source = config.data.model_copy(update={"source": "toy:500"})
    often = trained(tmp_path / "often", config.model_copy(update={"data": source}))
    assert len(scored(often)) == 4
    never = trained(
        tmp_path / "never", config.model_copy(update={"scores": ScoresConfig(every_kimg=0)})
    )
    assert scored(never) == {}
    states = [latest_checkpoint(run.checkpoints).path for run in (often, never)]
    for file in states[0].glob("*.safetensors"):
        one, other = (load_file(state / file.name) for state in states)
        assert equal(one, other), file.name


def test_a_run_that_is_not_to_be_scored_opens_no_exam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(RunScores, "open", fail)
    config = scored_every(0, length=2)
    assert tiny_trainer(config).open_scores(Console(file=io.StringIO())) is None
    run = trained(tmp_path, config)
    assert not run.best.exists()


def test_a_run_with_too_few_pictures_says_so_and_trains_without_scores(tmp_path: Path) -> None:
    out = io.StringIO()
    run = trained(tmp_path, scored_every(1, length=2), out)
    assert out.getvalue().startswith("no scores: 10 pictures, at least 50 are needed\n")
    assert scored(run) == {}


def test_a_run_that_repeats_its_training_pictures_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Repeating(StubScores):
        def measure(self, ema: Generator) -> dict[str, float]:
            return super().measure(ema) | {"score_novelty": 0.25}

    monkeypatch.setattr(RunScores, "open", lambda *_: Repeating(1, 2))
    out = io.StringIO()
    trained(tmp_path, scored_every(2, length=4), out)
    assert out.getvalue().count("alarm at step 2: the generator repeats its training pict") == 1


def test_a_run_whose_scores_no_longer_improve_stops_saves_and_says_so_again_when_resumed(
    tmp_path: Path, give: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    give(3, 1, 2, 2, 0, 0)
    patient = [*TINY_RUN, "scores.patience=2", "training.kimg=0.1"]
    assert start(None, "toy:24", tmp_path, None, patient, dry_run=False)
    run = RunFolder.open(tmp_path / "00000-dcgan")
    assert scored(run) == {2: 3, 4: 1, 6: 2, 8: 2}
    assert best_of(run) == [4]
    assert latest_checkpoint(run.checkpoints).step == 8
    assert run.metrics()[-1]["stopped_early"] == 1
    assert "stopped early at 0.032 kimg" in capsys.readouterr().out
    assert start(None, None, tmp_path, run.path, [], dry_run=False)
    assert "stopped early at 0.032 kimg" in capsys.readouterr().out
    assert latest_checkpoint(run.checkpoints).step == 8
    give(0, 0)
    longer = ["scores.patience=3", "training.kimg=0.04"]
    assert start(None, None, tmp_path, run.path, longer, dry_run=False)
    assert latest_checkpoint(run.checkpoints).step == 10
    assert "stopped_early" not in run.metrics()[-1]


def test_weights_that_are_not_finite_are_never_scored(tmp_path: Path) -> None:
    run, trainer = RunFolder.create(tmp_path, CONFIG), tiny_trainer()
    with torch.no_grad():
        next(trainer.state.generator.parameters())[-1] = float("nan")
    with pytest.raises(RunError, match="diverged"):
        trainer.score(run, cast(RunScores, StubScores(1)))
    assert not run.best.exists()


TINY_RUN = [
    *("data.resolution=16", "data.margin=2", "generator.features=2", "discriminator.features=2"),
    *("training.batch_size=4", "training.precision=32-true", "scores.every_kimg=0.008"),
    *("training.log_every_kimg=0.004", "training.grid_every_kimg=9"),
]


def killed_after_its_best(folder: Path, give: Callable[..., None]) -> RunFolder:
    """Train 8 steps with the best at step 6, and go back to the moment after the fourth."""
    give(5, 4, 1, 2)
    saved = ["training.checkpoint_every_kimg=0.016", "training.kimg=0.032"]
    start(None, "toy:24", folder, None, [*TINY_RUN, *saved], dry_run=False)
    run = RunFolder.open(folder / "00000-dcgan")
    assert best_of(run) == [6]
    shutil.rmtree(latest_checkpoint(run.checkpoints).path)
    assert latest_checkpoint(run.checkpoints).step == 4
    return run


@pytest.mark.parametrize(
    ("errors", "best"), [((4.5, 4.25), 8), ((3, 6), 6), ((6, 7), 6)], ids=["last", "first", "worse"]
)
def test_a_resumed_run_forgets_the_scores_and_the_best_of_steps_that_it_takes_again(
    errors: tuple[float, ...], best: int, tmp_path: Path, give: Callable[..., None]
) -> None:
    """It learns at another rate from then on, so that its steps and scores are not the old ones."""
    run = killed_after_its_best(tmp_path, give)
    (old,) = checkpoints(run.best)
    forgotten = old.tensors("average")
    give(*errors)
    start(None, None, tmp_path, run.path, ["optimiser.learning_rate=0.001"], dry_run=False)
    assert scored(run) == {2: 5, 4: 4, 6: errors[0], 8: errors[1]}
    assert best_of(run) == [best]
    (kept,) = checkpoints(run.best)
    assert not equal(kept.tensors("average"), forgotten)


@pytest.mark.parametrize("killed_in", ["draw", "sheet"])
def test_a_run_killed_while_it_draws_a_grid_lacks_nothing_when_it_is_resumed(
    killed_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_second_step = [f"training.{what}_every_kimg=0.008" for what in ("grid", "checkpoint")]
    plan = [*TINY_RUN, "scores.every_kimg=0", "training.kimg=0.024", *each_second_step]
    start(None, "toy:24", tmp_path / "unbroken", None, plan, dry_run=False)
    whole, calls = getattr(SampleGrid, killed_in), iter([False, True, False, False])

    def killed(*arguments: object) -> object:
        if next(calls):
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(SampleGrid, killed_in, killed)
    with pytest.raises(KeyboardInterrupt):
        start(None, "toy:24", tmp_path / "killed", None, plan, dry_run=False)
    run, unbroken = (
        RunFolder.open(tmp_path / name / "00000-dcgan") for name in ("killed", "unbroken")
    )
    start(None, None, tmp_path, run.path, [], dry_run=False)
    grids = [
        {
            file.name: file.read_bytes()
            for kind in ("grids", "judged")
            for file in (each.path / kind).iterdir()
        }
        for each in (run, unbroken)
    ]
    assert len(grids[0]) == 2 * 3
    assert grids[0] == grids[1]
    metrics = [[(line["step"], line.keys()) for line in each.metrics()] for each in (run, unbroken)]
    assert metrics[0] == metrics[1]


def test_a_resumed_run_keeps_the_best_of_steps_before_it_and_holds_new_scores_against_it(
    tmp_path: Path, give: Callable[..., None]
) -> None:
    give(1, 4)
    begin = [*TINY_RUN, "training.kimg=0.016"]
    start(None, "toy:24", tmp_path, None, begin, dry_run=False)
    run = RunFolder.open(tmp_path / "00000-dcgan")
    assert best_of(run) == [2]
    give(2, 3)
    start(None, None, tmp_path, run.path, ["training.kimg=0.032"], dry_run=False)
    assert best_of(run) == [2]
    give(0.5)
    start(None, None, tmp_path, run.path, ["training.kimg=0.04"], dry_run=False)
    assert best_of(run) == [10]
    assert scored(run) == {2: 1, 4: 4, 6: 2, 8: 3, 10: 0.5}
