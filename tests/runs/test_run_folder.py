import errno
import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image

from captiongan.errors import ConfigError, OutputError, RunError
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.training.start import start
from support.no_plain_files import NO_PLAIN_FILES

CONFIG = RunConfig(name="tiny")


def test_runs_are_numbered_from_zero_and_named_after_the_configuration(tmp_path: Path) -> None:
    names = [RunFolder.create(tmp_path / "runs", CONFIG).path.name for _ in range(2)]
    assert names == ["00000-tiny", "00001-tiny"]


def test_numbering_goes_on_after_the_highest_number(tmp_path: Path) -> None:
    for name in ("00003-other", "00041-tiny", "notes.txt", "7-mine", "100-x"):
        (tmp_path / name).mkdir()
    assert RunFolder.create(tmp_path, CONFIG).path.name == "00042-tiny"


def test_numbering_goes_on_beyond_five_digits(tmp_path: Path) -> None:
    (tmp_path / "99999-tiny").mkdir()
    RunFolder.create(tmp_path, CONFIG)
    assert RunFolder.create(tmp_path, CONFIG).path.name == "100001-tiny"


def test_a_new_run_holds_its_configuration_and_no_other_file(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    assert [path.name for path in run.path.rglob("*") if path.is_file()] == ["config.yaml"]
    assert run.config() == CONFIG
    assert RunFolder.open(run.path).config() == CONFIG


def test_single_values_of_the_configuration_can_be_replaced(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    assert run.config(["training.kimg=9"]).training.kimg == 9
    with pytest.raises(ConfigError, match="unknown option"):
        run.config(["training.kimgs=9"])


def test_a_configuration_that_is_noted_anew_holds_from_then_on(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    run.write_config(run.config(["training.kimg=9"]))
    assert RunFolder.open(run.path).config().training.kimg == 9


def test_a_folder_that_is_no_run_is_refused_with_an_example(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RunError, match=r"is not a run: no config\.yaml.*runs/00000-dcgan"):
            RunFolder.open(path)


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"run folder '.*file.00000.*' cannot be created"):
        RunFolder.create(tmp_path / "file", CONFIG)


def test_grids_are_named_by_step_so_that_their_names_sort(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    names = [run.grid(step).name for step in (4, 20, 1000)]
    assert names == sorted(names)
    assert len(set(names)) == 3
    assert run.grid(20).parent.is_dir()
    assert run.checkpoints.is_dir()


@pytest.mark.parametrize("captions", [None, "a rose", [], [7], {"a": 1}])
def test_captions_of_samples_that_no_training_wrote_are_told(
    captions: object, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    run.write_data_facts({"sample_captions": captions})
    with pytest.raises(RunError, match=r"no captions of samples in its data\.json"):
        run.sample_captions()


def test_data_facts_read_back_the_same(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    facts = {"source": "blüten", "pictures": 3, "skipped": ["a", "b"]}
    run.write_data_facts(facts)
    assert run.data_facts() == facts


def test_figures_of_steps_that_are_taken_again_are_forgotten(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    run.forget_metrics_after(0)
    for step in (10, 20, 30):
        run.add_metrics({"step": step, "loss_d": step / 7})
    run.forget_metrics_after(20)
    run.add_metrics({"step": 21, "loss_d": 0.5})
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 21]
    assert json.loads(lines[0])["loss_d"] == 10 / 7


def test_a_line_of_figures_that_a_kill_cut_short_is_forgotten(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    run.add_metrics({"step": 10})
    with (run.path / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"step": 2')
    run.forget_metrics_after(20)
    assert (run.path / "metrics.jsonl").read_text() == '{"step": 10}\n'


def test_figures_read_back_in_order_and_before_the_first_there_are_none(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    assert run.metrics() == []
    metrics = [{"step": step, "loss_d": step / 7} for step in (10, 20)]
    for line in metrics:
        run.add_metrics(line)
    assert run.metrics() == metrics


def test_a_line_of_figures_that_is_still_being_written_is_passed_over(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    run.add_metrics({"step": 10})
    for unfinished in ('{"step": 2', "0}"):
        with (run.path / "metrics.jsonl").open("a") as metrics:
            metrics.write(unfinished)
        assert run.metrics() == [{"step": 10}]


def test_grids_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    run.write_grid(4, Image.new("RGB", (9, 9), "red"))

    def cut_short(_: Image.Image, file: BinaryIO, kind: str) -> None:
        file.write(kind.encode())
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", cut_short)
    for step in (4, 8):
        with pytest.raises(OSError, match=rf"No space left .*{run.grid(step).name}"):
            run.write_grid(step, Image.new("RGB", (9, 9)))
    assert list(run.grids.iterdir()) == [run.grid(4)]
    with Image.open(run.grid(4)) as picture:
        assert picture.getpixel((0, 0)) == (255, 0, 0)


# The lock


def test_who_takes_the_lock_clears_up_after_a_killed_process(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    torn = [
        run.path / ".metrics.jsonl-0123abcd",
        run.grids / ".step-000000004.png-4567cdef",
    ]
    for path in torn:
        path.write_bytes(b"half")
    mine = run.path / ".notes"
    mine.touch()
    with run.locked():
        assert not any(path.exists() for path in torn)
        assert mine.exists()


HOLD = """
import sys, time
from pathlib import Path
from captiongan.runs.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[tuple[RunFolder, subprocess.Popen[str]]]:
    """A run that another process trains."""
    run = RunFolder.create(tmp_path, CONFIG)
    command = [sys.executable, "-c", HOLD, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield run, process
        process.kill()


def test_a_run_that_another_process_trains_is_refused_and_the_process_named(
    holder: tuple[RunFolder, subprocess.Popen[str]],
) -> None:
    run, process = holder
    words = rf"is being trained by process {process.pid} on {re.escape(socket.gethostname())}"
    with pytest.raises(RunError, match=words), run.locked():
        pass
    with pytest.raises(RunError, match=words):
        start(None, None, run.path.parent, run.path, [], dry_run=False)


def test_the_lock_of_a_killed_process_is_free(
    holder: tuple[RunFolder, subprocess.Popen[str]],
) -> None:
    run, process = holder
    process.kill()
    process.wait()
    with run.locked():
        pass


def test_a_run_can_be_locked_again_after_an_error(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    with pytest.raises(ValueError, match="mishap"), run.locked():
        raise ValueError("mishap")
    with run.locked():
        pass


@pytest.mark.parametrize("make", NO_PLAIN_FILES)
def test_a_run_is_read_from_plain_files_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    run = RunFolder.create(tmp_path, CONFIG, {"source": "data"})
    run.write_grid(1, Image.new("RGB", (8, 8)))
    for name in ("data.json", "metrics.jsonl", "grids/step-000000001.png", "config.yaml"):
        make(run.path / name)
    with pytest.raises(RunError, match=r"no readable data\.json"):
        run.data_facts()
    with pytest.raises(OSError, match=r"it (is|has) "):
        run.read_grid(1)
    with pytest.raises(RunError, match=r"not a run|cannot be read \("):
        RunFolder.open(run.path)
    if (run.path / "metrics.jsonl").is_file():
        with pytest.raises(RunError, match=r"cannot be read \("):
            run.metrics()
    else:
        assert run.metrics() == []


@pytest.mark.parametrize(
    "bad", [b"{", b"[" * 100_000, b"\xff", b"[]", b'{"loss": 1}', b'{"step": "1"}', b"", b"{}"]
)
def test_a_damaged_line_of_figures_is_passed_over_with_its_number(
    bad: bytes, tmp_path: Path
) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    file = run.path / "metrics.jsonl"
    file.write_bytes(b'{"step": 1}\n' + bad + b'\n{"step": 2}\n{"st')
    with pytest.warns(UserWarning, match=r"metrics.jsonl', line 2: .*; it is ignored"):
        assert run.metrics() == [{"step": 1}, {"step": 2}]
    with pytest.warns(UserWarning, match="line 2"):
        run.forget_metrics_after(1)
    assert file.read_bytes() == b'{"step": 1}\n'


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"[]", b"\xff"])
def test_damaged_facts_of_the_data_are_one_line(content: bytes, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, CONFIG)
    (run.path / "data.json").write_bytes(content)
    with pytest.raises(RunError, match=r"no readable data.json; start a new run"):
        run.data_facts()


CREATE = """
import sys
from pathlib import Path
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder

print("ready", flush=True)
sys.stdin.read(1)
for _ in range(10):
    print(RunFolder.create(Path(sys.argv[1]), RunConfig(name="tiny")).path.name)
"""


def test_processes_that_create_runs_at_once_all_get_numbers_of_their_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CREATE, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = [subprocess.Popen(command, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go")
        child.stdin.flush()
    names = [name for child in children for name in child.communicate(timeout=60)[0].split()]
    assert sorted(names) == [f"{number:05d}-tiny" for number in range(20)]


def test_a_run_that_cannot_be_locked_is_one_line_with_a_command_to_paste(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "my runs", CONFIG)
    (run.path / "lock").mkdir()  # as on a disk that is read only, for all users
    told = r"cannot be written \(.*\); fix that, then captiongan train --resume '.*my runs.*tiny'$"
    with pytest.raises(OutputError, match=told), run.locked():
        pass
