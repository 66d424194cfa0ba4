"""`captiongan train` as a person uses it, on a few toy flowers."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import load_file

from captiongan.runs.checkpoint import latest_checkpoint
from captiongan.runs.run_folder import RunFolder
from captiongan.training.rollback import after_rollback
from support.command_line import captiongan

TINY = [
    *("--data", "toy:40", "--set", "data.resolution=16", "--set", "data.margin=2"),
    *("--set", "generator.features=4", "--set", "discriminator.features=4"),
    *("--set", "training.batch_size=8", "--set", "training.log_every_kimg=0.008"),
    *("--set", "training.grid_every_kimg=0.08", "--set", "training.checkpoint_every_kimg=0.08"),
]
STEPS_40 = ["--set", "training.kimg=0.32"]


def finished_run(runs: Path) -> Path:
    """Train ten steps, 0.08 kimg; return the run folder."""
    assert captiongan("train", *TINY, "--set", "training.kimg=0.08", "--out", runs) == 0
    return runs / "00000-dcgan"


def readings(run: Path) -> list[dict[str, float]]:
    """Return the lines of a run's figures, less those of its grids and scores."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss_d" in line]


def test_a_run_leaves_its_configuration_data_facts_figures_grids_and_checkpoints(
    tmp_path: Path,
) -> None:
    assert captiongan("train", *TINY, *STEPS_40, "--out", tmp_path / "runs") == 0
    run = tmp_path / "runs" / "00000-dcgan"
    assert "kimg: 0.32" in (run / "config.yaml").read_text()
    assert json.loads((run / "data.json").read_text())["pictures"] == 40
    metrics = readings(run)
    assert [line["step"] for line in metrics] == list(range(1, 41))
    assert {"loss_d", "loss_g", "accuracy_mismatching", "images_per_second"} <= metrics[0].keys()
    assert len(list((run / "grids").glob("*.png"))) >= 1
    assert latest_checkpoint(run / "checkpoints").step == 40


def test_a_dry_run_shows_everything_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert captiongan("train", *TINY, "--out", tmp_path / "runs", "--dry-run") == 0
    shown = capsys.readouterr().out
    for part in ("resolution: 16", "40 pictures", "generator:", "discriminator:", "images/s"):
        assert part in shown
    assert not (tmp_path / "runs").exists()


def test_a_watched_run_says_where_its_live_view_is_and_trains_as_usual(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--set", "training.kimg=0.08"]
    assert captiongan("train", *TINY, *short, "--out", tmp_path / "runs", "--watch") == 0
    said = capsys.readouterr().out
    assert "live view: http://127.0.0.1:80" in said
    assert "look at it again with: captiongan watch " in said
    assert len(readings(tmp_path / "runs" / "00000-dcgan")) == 10


def stopped_in_the_middle(runs: Path, *signals: signal.Signals) -> tuple[int, str, Path]:
    """Train 1,000 steps, long enough to be caught; return code, output and run folder."""
    command = [sys.executable, "-m", "captiongan", "train", *TINY, "--set", "training.kimg=8"]
    process = subprocess.Popen([*command, "--out", str(runs)], stdout=subprocess.PIPE, text=True)
    metrics = runs / "00000-dcgan" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not metrics.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    for number in signals:
        process.send_signal(number)
    told, _ = process.communicate(timeout=60)
    return process.returncode, told, metrics.parent


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_lost_connection_saves(tmp_path: Path) -> None:
    code, told, run = stopped_in_the_middle(tmp_path, signal.SIGHUP, signal.SIGHUP)
    assert (code, "saved" in told) == (130, False)
    assert 0 < latest_checkpoint(run / "checkpoints").step < 1000


def test_ctrl_c_saves_and_the_resumed_run_equals_the_one_that_was_never_stopped(
    tmp_path: Path,
) -> None:
    code, told, stopped = stopped_in_the_middle(tmp_path / "stopped", signal.SIGINT)
    assert code == 130
    assert f"captiongan train --resume {stopped}" in told
    assert "stopping: saving" in told
    reached = latest_checkpoint(stopped / "checkpoints").step
    assert 0 < reached < 1000

    # Both go on to the same step: a few more than the stopped run had reached.
    length = ["--set", f"training.kimg={(reached + 25) * 8 / 1000}"]
    assert captiongan("train", "--resume", stopped, *length) == 0
    assert captiongan("train", *TINY, *length, "--out", tmp_path / "unbroken") == 0
    unbroken = tmp_path / "unbroken" / "00000-dcgan"
    states = [latest_checkpoint(run / "checkpoints") for run in (stopped, unbroken)]
    assert states[0].step == states[1].step == reached + 25
    for file in sorted(path.name for path in states[1].path.glob("*.safetensors")):
        resumed, straight = (load_file(state.path / file) for state in states)
        assert resumed.keys() == straight.keys()
        assert all(resumed[name].equal(straight[name]) for name in resumed), file
    assert [line["step"] for line in readings(stopped)] == list(range(1, reached + 26))


def test_unusable_lines_are_told_and_the_rest_is_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "toy"
    assert captiongan("data", "toy", data, "--size", 24, "--side", 32) == 0
    (data / "toy_000003.png").write_bytes(b"no picture")
    options = TINY[2:]
    assert captiongan("train", "--data", data, *options, "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "23 pictures" in shown
    assert "1 lines skipped" in shown
    assert "metadata.jsonl:4: toy_000003.png" in shown
    assert "23 pictures are too few to learn from" in shown
    assert "captiongan train --from flowers --data" in shown


def test_captions_that_are_all_the_same_are_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "toy"
    assert captiongan("data", "toy", data, "--size", 4, "--side", 32) == 0
    lines = [json.loads(line) for line in (data / "metadata.jsonl").read_text().splitlines()]
    same = "".join(json.dumps(line | {"text": "a flower"}) + "\n" for line in lines)
    (data / "metadata.jsonl").write_text(same)
    assert captiongan("train", "--data", data, *TINY[2:], "--out", tmp_path / "runs") == 2
    assert "all 4 pictures have the same caption 'a flower'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_resumed_run_keeps_its_batches_and_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished_run(tmp_path)
    before = (run / "config.yaml").read_text()
    changes = ["network=reed", "data.squash=true", "data.mismatching=batch", "text.averaged=2"]
    changes += ["text.captions=first", "training.batch_size=16", "generator.features=8"]
    changes += ["scores.every_kimg=0", "scores.extractor=lite1"]
    for change in changes:
        assert captiongan("train", "--resume", run, "--set", change) == 2
        told = capsys.readouterr().err
        assert f"--set {change.partition('=')[0]}=" in told
        assert "a resumed run cannot change" in told
    assert captiongan("train", "--resume", run, "--set", "data.source=toy:41") == 2
    assert "toy:41" in capsys.readouterr().err
    assert (run / "config.yaml").read_text() == before


def test_a_run_goes_on_where_its_data_moved_but_not_on_other_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, options = tmp_path / "toy", [*TINY[2:], "--set", "training.kimg=0.08"]
    assert captiongan("data", "toy", data, "--size", 12, "--side", 32) == 0
    assert captiongan("train", "--data", data, *options, "--out", tmp_path / "runs") == 0
    run, moved = tmp_path / "runs" / "00000-dcgan", tmp_path / "moved"
    data.rename(moved)
    assert captiongan("train", "--resume", run) == 2
    assert "name its new place with --data" in capsys.readouterr().err
    resume = ["train", "--resume", run, "--data", moved, "--set", "training.kimg=0.16"]
    assert captiongan(*resume) == 0
    assert str(moved) in (run / "config.yaml").read_text()
    drawn = {picture: picture.read_bytes() for picture in moved.glob("*.png")}
    for picture in drawn:
        with Image.open(picture) as opened:
            Image.new("RGB", opened.size).save(picture)
    assert captiongan(*resume, "--set", "training.kimg=0.24") == 2
    assert "its pictures have changed" in capsys.readouterr().err
    facts = json.loads((run / "data.json").read_text())
    del facts["pixels_sha256"]  # as before it told them
    (run / "data.json").write_text(json.dumps(facts))
    assert captiongan(*resume, "--set", "training.kimg=0.24") == 0
    metadata = moved / "metadata.jsonl"
    metadata.write_text("".join(metadata.read_text().splitlines(keepends=True)[:-1]))
    assert captiongan(*resume, "--set", "training.kimg=0.24") == 2
    assert "have changed" in capsys.readouterr().err


UNCONDITIONAL = [
    *("--set", "text.encoder=none", "--set", "losses.discriminator=gan"),
    *("--set", "losses.pixel_wise=0", "--set", "losses.feature_matching=0"),
]


@pytest.mark.parametrize("network", ["gan", "dcgan"])
def test_a_run_without_text_trains_draws_goes_on_and_says_that_it_cannot_be_exported(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without_text = [*UNCONDITIONAL, "--set", f"network={network}", "--set", "training.kimg=0.08"]
    assert captiongan("train", *TINY, *without_text, "--out", tmp_path) == 0
    run = tmp_path / "00000-dcgan"
    told = capsys.readouterr().out
    assert "text.encoder=none: this run cannot be exported, a bundle draws from text" in told
    assert "captiongan export" not in told
    assert captiongan("train", "--resume", run, "--set", "training.kimg=0.16") == 0
    assert len(list((run / "grids").glob("*.png"))) == 2
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["step"] == 20
    assert {name for name in metrics[0] if name.startswith(("loss", "accuracy"))} == {
        *("loss_d", "loss_g", "loss_g_gan", "accuracy_real", "accuracy_generated")
    }
    capsys.readouterr()
    assert captiongan("export", run, "--out", tmp_path / "bundle") == 2
    assert "draws from text, and this run has none" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_a_dry_run_of_a_resumed_run_takes_no_step_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished_run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    capsys.readouterr()
    resume = ["train", "--resume", run, "--set", "training.kimg=0.16", "--dry-run"]
    assert captiongan(*resume) == 0
    assert "10 steps:" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_disk_that_refuses_in_the_middle_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("captiongan.training.trainer.save_checkpoint", full)
    assert captiongan("train", *TINY, "--set", "training.kimg=0.08", "--out", tmp_path) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "No space left" in told
    assert "--resume" in told


def test_a_complete_run_says_so_and_how_to_go_further(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished_run(tmp_path)
    before = (run / "config.yaml").read_text()
    for further in ([], ["--set", "training.kimg=0.04"]):
        assert captiongan("train", "--resume", run, *further) == 0
        assert "has reached 0.08 kimg; train it longer with" in capsys.readouterr().out
    assert (run / "config.yaml").read_text() == before


def test_the_command_that_began_a_run_goes_on_with_it_after_a_rollback_but_not_with_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(tmp_path / "night")
    command = ["train", *TINY, "--set", "training.kimg=0.08", "--into", run.path]
    assert captiongan(*command) == 0
    run.write_config(after_rollback(run.config()))
    assert captiongan(*command) == 0
    assert "has reached 0.08 kimg" in capsys.readouterr().out
    assert captiongan(*command, "--set", "optimiser.learning_rate=0.5") == 2
    assert "the run there has optimiser learning_rate 0.0001, not 0.25" in capsys.readouterr().err


BAD = {
    "no data": (["train"], "--data is missing"),
    "a missing folder": (["train", "--data", "nowhere"], "nowhere"),
    "a toy set of one": (["train", "--data", "toy:1"], "toy:1"),
    "an unknown option": (["train", *TINY, "--set", "training.speed=9"], "training.speed"),
    "a value out of range": (["train", *TINY, "--set", "training.kimg=-1"], "training.kimg"),
    "an unknown encoder": (["train", *TINY, "--set", "text.encoder=gpt"], "gpt' is unknown"),
    "a missing file": (["train", *TINY, "--config", "nowhere.yaml"], "nowhere.yaml"),
    "no run": (["train", "--resume", "nowhere"], "not a run"),
    "resume with a file": (["train", "--resume", "x", "--config", "y"], "leave out --config"),
    "an export of nothing": (["export", "nowhere", "--out", "bundle"], "not a run"),
    "a check of nothing": (["data", "check", "nowhere"], "nowhere"),
}


@pytest.mark.parametrize("arguments, part", BAD.values(), ids=BAD.keys())
def test_bad_input_ends_with_one_line_and_code_2(
    arguments: list[str],
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert captiongan(*arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert part in told
    assert list(tmp_path.glob("runs*")) == list(tmp_path.glob("bundle*")) == []
