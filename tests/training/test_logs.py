"""Logs for TensorBoard and Weights & Biases, beside `metrics.jsonl`."""

import io
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from tensorboardX.proto.event_pb2 import Event

from captiongan.runs.options import ScoresConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.training.logs import open_logs
from captiongan.training.loop import train
from support.command_line import captiongan
from support.tiny_run import CONFIG, tiny_trainer

SHORT = CONFIG.model_copy(
    update={
        "scores": ScoresConfig(every_kimg=0),
        "training": CONFIG.training.model_copy(
            update={"kimg": 0.012, "log_every_kimg": 0.004, "grid_every_kimg": 0.012}
        ),
    }
)
"""Three steps, a line of metrics after each, and a grid after the last."""


def events(file: Path) -> Iterator[Any]:
    """Yield the events of a TensorBoard file: length, its checksum, content, its checksum."""
    content = io.BytesIO(file.read_bytes())
    while head := content.read(12):
        (length,) = struct.unpack("<Q", head[:8])
        yield Event.FromString(content.read(length))
        content.read(4)


def read_back(folder: Path) -> dict[int, dict[str, float]]:
    """Return the scalars of each step as TensorBoard shows them: a restart repeats steps."""
    found: dict[int, dict[str, float]] = {}
    for file in sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime_ns):
        for event in events(file):
            if event.HasField("session_log"):
                found = {step: line for step, line in found.items() if step < event.step}
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found.setdefault(event.step, {})[value.tag] = value.simple_value
    return found


def test_tensorboard_gets_the_metrics_of_the_run_at_their_steps_and_its_grids(
    tmp_path: Path,
) -> None:
    run = RunFolder.create(tmp_path, SHORT)
    assert train(tiny_trainer(SHORT), run, Console(quiet=True), ["tensorboard"])
    expected: dict[int, dict[str, float]] = {}
    for line in run.metrics():
        values = {name: line[name] for name in line.keys() - {"step", "time"}}
        expected.setdefault(int(line["step"]), {}).update(values)
    logged = read_back(run.path / "tensorboard")
    assert logged.keys() == expected.keys() == {1, 2, 3}
    for step, line in expected.items():
        assert logged[step] == pytest.approx(line, rel=1e-6)
    (file,) = (run.path / "tensorboard").iterdir()
    images = [v.image for event in events(file) for v in event.summary.value if v.tag == "grid"]
    with (
        Image.open(run.grid(3)) as kept,
        Image.open(io.BytesIO(images[-1].encoded_image_string)) as logged_grid,
    ):
        assert logged_grid.tobytes() == kept.tobytes()


def test_a_resumed_run_goes_on_in_its_tensorboard_log_and_repeated_steps_count_once(
    tmp_path: Path,
) -> None:
    run = RunFolder.create(tmp_path, SHORT)
    for start, steps in ((0, (1, 2, 3)), (2, (3, 4))):
        with open_logs(["tensorboard"], run, start) as (log,):
            for step in steps:
                log.add({"step": step, "time": 1.7e9 + step, "loss_d": start + step})
    losses = {step: line["loss_d"] for step, line in read_back(run.path / "tensorboard").items()}
    assert losses == {1: 1, 2: 2, 3: 5, 4: 6}


class Stub(ModuleType):
    """Stands for the package wandb, which is too big for the tests: keeps what it is told."""

    Error = RuntimeError
    Settings = Image = staticmethod(lambda *given, **_: given)

    def __init__(self) -> None:
        super().__init__("wandb")
        self.opened: list[dict[str, Any]] = []
        self.logged: list[tuple[int, dict[str, Any]]] = []

    def init(self, **options: Any) -> "Stub":
        self.opened.append(options)
        return self

    def log(self, data: dict[str, Any], step: int) -> None:
        self.logged.append((step, data))

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *_: object) -> None:
        self.logged.append((-1, {}))


def test_wandb_gets_the_lines_of_the_run_in_its_folder_and_a_resumed_run_keeps_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = Stub()
    monkeypatch.setitem(sys.modules, "wandb", stub)
    run = RunFolder.create(tmp_path, SHORT)
    assert train(tiny_trainer(SHORT), run, Console(quiet=True), ["wandb"])
    lines = [(step, data) for step, data in stub.logged if "step" in data]
    assert lines == [(line["step"], line) for line in run.metrics()]
    assert [step for step, data in stub.logged if "grid" in data] == [3]
    assert stub.logged[-1] == (-1, {})  # closed
    with open_logs(["wandb"], run, 3):
        pass
    first, second = stub.opened
    assert first["id"] == second["id"]
    assert (first["resume"], first["dir"], first["name"]) == ("allow", run.path, run.path.name)
    assert "source" not in first["config"]["data"]  # a path of this machine


@pytest.mark.parametrize(("log", "package"), [("tensorboard", "tensorboardX"), ("wandb", "wandb")])
def test_a_log_whose_package_is_missing_is_refused_before_anything_is_written(
    log: str,
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    command = ("train", "--data", "toy:40", "--out", tmp_path / "runs")
    assert captiongan(*command, "--log", log) == 2
    told = capsys.readouterr().err
    assert f"--log {log} needs the package '{package}'" in told
    assert f"pip install 'captiongan[{log}]'" in told
    assert captiongan(*command, "--log", "paper") == 2
    assert "--log 'paper' is unknown; choose tensorboard or wandb" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
