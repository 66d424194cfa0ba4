"""A full disk in the midst of writing: one line that names the file, nothing torn that counts.

How each command goes on when there is room again is tried at random in `test_torture.py`.
"""

import errno
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from captiongan import cli
from captiongan.base.files import naming, whole_file, whole_folder
from captiongan.bundle.bundle import Bundle
from captiongan.data.folder import METADATA
from captiongan.data.importers.fitting import Fit
from captiongan.data.importers.importing import import_pictures
from captiongan.data.importers.items import Found, Note
from captiongan.data.importers.journal import JOURNAL
from captiongan.data.toy import write_toy_folder
from captiongan.draw.picture import read_metadata
from captiongan.errors import OutputError
from captiongan.export.export import export_run
from captiongan.runs.checkpoint import checkpoints, save_checkpoint
from captiongan.runs.load_trained import load_trained
from captiongan.runs.run_folder import RunFolder
from support.command_line import captiongan
from support.little_room import room_for, small_disk
from support.tiny_layouts import picture
from support.tiny_run import CONFIG, StubEncoder, tiny_run, tiny_state

ENCODER = StubEncoder().identity


def test_a_file_that_has_no_room_is_named_and_what_was_there_stays(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_bytes(b"old")
    refused = pytest.raises(OSError, match=r"File too large: '.*/figures\.json'")
    with room_for(100), refused, whole_file(file) as work:
        work.write(b"new" * 100)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {file.name: b"old"}


def test_a_folder_that_has_no_room_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    refused = pytest.raises(OSError, match=r"File too large: '.*/shard'")
    with room_for(100), refused, whole_folder(tmp_path / "shard") as work:
        (work / "small").write_bytes(b"fits")
        (work / "large").write_bytes(b"too much" * 100)
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_names_a_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"), naming(tmp_path / "other"):
        (tmp_path / "missing").read_bytes()


def test_a_checkpoint_that_has_no_room_leaves_those_before_and_can_be_saved_later(
    tmp_path: Path,
) -> None:
    state = tiny_state()
    state.step = 1
    before = save_checkpoint(state, ENCODER, tmp_path, keep=1)
    state.step = 2
    with room_for(3000), pytest.raises(OSError, match=r"File too large: .*step-000000002"):
        save_checkpoint(state, ENCODER, tmp_path, keep=1)
    assert checkpoints(tmp_path) == [before]
    assert list(tmp_path.iterdir()) == [before.path]
    assert save_checkpoint(state, ENCODER, tmp_path, keep=1).step == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_a_line_of_figures_that_has_no_room_does_not_count(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    run.add_metrics({"step": 1})
    with room_for(20), pytest.raises(OSError, match=r"File too large: .*metrics\.jsonl"):
        run.add_metrics({"step": 2, "loss_d": 0.123456789})
    assert (run.path / "metrics.jsonl").stat().st_size == 20  # a torn line
    assert run.metrics() == [{"step": 1}]
    run.forget_metrics_after(1)
    run.add_metrics({"step": 2})
    assert run.metrics() == [{"step": 1}, {"step": 2}]


def test_a_run_that_cannot_even_be_locked_says_so_and_how_to_go_on(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1)
    advice = f"fix that, then captiongan train --resume {run.path}"
    refused = pytest.raises(OutputError, match=r"owner\.json.*" + advice)
    with room_for(5), refused, run.locked():
        raise AssertionError("it was locked")


def imported(out: Path) -> dict[str, bytes]:
    """Import six small pictures with long captions; return all that is left in the folder."""
    note = Note(("a red flower with many words " * 20,))
    items = [Found(f"{n}.jpg", note, partial(picture, n, 24)) for n in range(6)]
    import_pictures(iter(items), out, {"kind": "test"}, Fit())
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")}


@pytest.mark.parametrize(("most", "named"), [(500, r"pictures/0\.jpg"), (2500, JOURNAL)])
def test_an_import_that_has_no_room_names_the_file_and_goes_on_later(
    most: int, named: str, tmp_path: Path
) -> None:
    with room_for(most), pytest.raises(OutputError, match=f"{named}'\\); make room"):
        imported(tmp_path / "out")
    assert not (tmp_path / "out" / METADATA).exists()
    assert imported(tmp_path / "out") == imported(tmp_path / "room")


def test_an_import_whose_captions_have_no_room_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    with monkeypatch.context() as patch:
        patch.setattr("captiongan.data.importers.importing.whole_file", full)
        with pytest.raises(OutputError, match=f"No space left.*{METADATA}'"):
            imported(tmp_path / "out")
    assert imported(tmp_path / "out") == imported(tmp_path / "room")


def test_a_toy_set_that_has_no_room_leaves_nothing_and_can_be_written_later(
    tmp_path: Path,
) -> None:
    with room_for(500), pytest.raises(OutputError, match=r"File too large.*make room"):
        write_toy_folder(tmp_path / "toy", size=2, side=32)
    assert list(tmp_path.iterdir()) == []
    write_toy_folder(tmp_path / "toy", size=2, side=32)
    assert (tmp_path / "toy" / METADATA).is_file()


def test_a_bundle_that_has_no_room_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    trained = load_trained(tiny_run(tmp_path, 1))
    before = set(tmp_path.iterdir())
    with room_for(2000), pytest.raises(OutputError, match=r"bundle folder '.*out' cannot be"):
        export_run(trained, tmp_path / "out", "tiny", "1", ["a red flower"])
    assert set(tmp_path.iterdir()) == before


def test_a_picture_that_has_no_room_is_one_line_and_the_old_one_stays(
    tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing = ("generate", "a red flower", "--bundle", tiny.folder, "-o", tmp_path / "out.png")
    assert captiongan(*drawing, "--seed", 1) == 0
    capsys.readouterr()
    with room_for(200):
        assert captiongan(*drawing, "--seed", 2) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: output '{tmp_path / 'out.png'}' cannot be written (File too")
    assert told.count("\n") == 1
    assert read_metadata(tmp_path / "out.png")["seed"] == "1"
    assert captiongan(*drawing, "--seed", 2) == 0
    assert read_metadata(tmp_path / "out.png")["seed"] == "2"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_log_that_has_no_room_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "captiongan", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: 'standard output' cannot be written (No space left")
    assert done.stderr.count("\n") == 1


def test_an_error_of_the_system_that_is_no_full_disk_is_not_taken_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setitem(cli.main.__globals__, "app", fail)
    with pytest.raises(OSError, match="Input/output"):
        cli.main()


TINY = [
    *("--data", "toy:24", "--set", "data.resolution=16", "--set", "data.margin=2"),
    *("--set", "generator.features=2", "--set", "discriminator.features=2"),
    *("--set", "training.batch_size=4", "--set", "training.precision=32-true"),
    *("--set", "training.kimg=0.2", "--set", "training.log_every_kimg=0.004"),
    *("--set", "training.checkpoint_every_kimg=0.02", "--set", "training.keep_checkpoints=99"),
]


def outcome(run: Path) -> dict[str, Any]:
    """Return the last checkpoint and all figures, but for times."""
    last = max((run / "checkpoints").iterdir())
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    metrics = [line | {"time": 0, "images_per_second": 0} for line in lines]
    return {path.name: path.read_bytes() for path in last.iterdir()} | {"figures": metrics}


def test_a_training_goes_on_from_where_the_disk_was_full_as_if_it_never_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert captiongan("train", *TINY, "--out", tmp_path / "unbroken") == 0
    unbroken = tmp_path / "unbroken" / "00000-dcgan"
    saved = max((unbroken / "checkpoints").iterdir())
    kilobytes = sum(path.stat().st_size for path in saved.iterdir()) // 1024
    with small_disk(tmp_path / "disk", 12 * kilobytes) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(8 * kilobytes * 1024))
        assert captiongan("train", *TINY, "--out", disk) == 2
        run = disk / "00000-dcgan"
        told = capsys.readouterr().err
        assert told.startswith(f"error: run folder '{run}' cannot be written (No space left")
        assert told.count("\n") == 1
        assert "step-000000" in told and f"captiongan train --resume {run}" in told
        reached = len(checkpoints(run / "checkpoints"))
        assert 1 <= reached < 10
        assert not [path for path in run.rglob(".*")]
        assert captiongan("train", "--resume", run) == 2  # still full
        assert len(checkpoints(run / "checkpoints")) == reached
        ballast.unlink()
        assert captiongan("train", "--resume", run, "--set", "training.keep_checkpoints=2") == 0
        assert outcome(run) == outcome(unbroken)
