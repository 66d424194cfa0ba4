"""A leg on another machine: what is carried there and back is what it was."""

import json
import os
import signal
import sys
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from captiongan.data.store import open_store
from captiongan.data.toy import write_toy_folder
from captiongan.errors import ConfigError, DataError, OutputError, RunError
from captiongan.runs import checkpoint
from captiongan.runs.checkpoint import latest_checkpoint, load_checkpoint
from captiongan.runs.load_trained import load_trained
from captiongan.runs.options import OptimiserConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.text.registry import choose_encoder
from support.command_line import captiongan
from support.tiny_bundle import write_parts
from support.tiny_run import equal, tiny_run, tiny_state
from tools.gpu_leg import __main__ as gpu_leg
from tools.gpu_leg import runs as gpu_leg_runs
from tools.gpu_leg.data import add_file
from tools.gpu_leg.runs import newest_run, read_entries

WEIGHTS = ("generator", "discriminator", "average")
OPTIMISERS = ("generator_optimiser", "discriminator_optimiser")

STAND_IN = """
import signal, sys, time
from pathlib import Path

asked = sys.argv[1:]
print("asked for", *asked, flush=True)
if "broken.yaml" in asked:
    sys.exit("error: no such preset")
options = dict(zip(asked[1::2], asked[2::2]))
name = next(word for word in asked if word.startswith("name=")) if "--out" in asked else ""
run = Path(options.get("--resume") or f"{options['--out']}/00000-{name[5:]}")

def stop(*_):
    (run / "checkpoints" / "step-000000002").mkdir(parents=True)
    print("stopped and saved", flush=True)
    sys.exit(130)

signal.signal(signal.SIGINT, stop)
print("0.5/9 kimg  5 images/s", flush=True)
print("1.0/9 kimg  6 images/s", flush=True)
time.sleep(60)
"""


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Eight toy flowers of 100 px; one is shrunk to 70 px, another to 40."""
    folder = tmp_path / "flowers" / "train"
    write_toy_folder(folder, 8, 100, 0)
    for number, side in ((2, 70), (5, 40)):
        picture = folder / f"toy_{number:06}.png"
        with Image.open(picture) as drawn:
            drawn.resize((side, side)).save(picture)
    return folder


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runs be of a command that learns nothing, and starts at once."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    monkeypatch.setattr(gpu_leg_runs, "CAPTIONGAN", (sys.executable, str(script)))


def carried(run: RunFolder, root: Path, *, half: bool, data: Path | None = None) -> RunFolder:
    """Split a run in parts of 2 kB and join them again elsewhere."""
    gpu_leg.split(run.path, root / "parts", part_mb=0.002, half=half)
    gpu_leg.join(root / "parts", root / "back", data)
    return RunFolder.open(root / "back" / run.path.name)


def tensors(run: RunFolder, part: str) -> dict[str, Tensor]:
    return load_file(latest_checkpoint(run.checkpoints).path / f"{part}.safetensors")


def with_beta1(run: RunFolder, beta1: float) -> RunFolder:
    plan = OptimiserConfig(beta1=beta1)
    run.write_config(run.config().model_copy(update={"optimiser": plan}))
    return run


def listed(tmp_path: Path, *entries: dict[str, object]) -> Path:
    file = tmp_path / "runs.yaml"
    file.write_text(json.dumps(entries))
    return file


def entry(name: str, config: str = "toy.yaml") -> dict[str, object]:
    return {"name": name, "config": config, "data": "toy:9", "set": ["training.kimg=9"]}


def test_a_packed_folder_comes_out_with_the_same_captions_and_digest(
    flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "out" / "data.tar.gz"
    archive.parent.mkdir()
    before = sorted(tmp_path.rglob("*"))
    gpu_leg.pack([flowers], archive)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, archive])
    assert "flowers/train: 7 pictures; left out: 1 too small" in capsys.readouterr().out

    gpu_leg.unpack(archive, tmp_path / "there")
    there = tmp_path / "there" / "flowers" / "train"
    assert (there / "metadata.jsonl").read_bytes() == (flowers / "metadata.jsonl").read_bytes()
    ours, theirs = (open_store(str(folder), 76, 64) for folder in (flowers, there))
    assert ours.captions == theirs.captions
    assert ours.digest == theirs.digest
    off = np.abs(ours.pictures.astype(int) - theirs.pictures.astype(int))
    assert off.mean() < 3
    for picture in there.glob("*.png"):
        with Image.open(picture) as packed:
            assert (packed.format, packed.size) == ("JPEG", (76, 76))


def test_several_folders_keep_their_names_and_two_of_one_name_are_refused(
    flowers: Path, tmp_path: Path
) -> None:
    write_toy_folder(tmp_path / "birds" / "train", 3, 80, 1)
    write_toy_folder(tmp_path / "old" / "birds" / "train", 3, 80, 1)
    gpu_leg.pack([flowers, tmp_path / "birds" / "train"], tmp_path / "data.tar.gz")
    gpu_leg.unpack(tmp_path / "data.tar.gz", tmp_path / "there")
    found = {path.parent for path in (tmp_path / "there").rglob("metadata.jsonl")}
    assert found == {tmp_path / "there" / name / "train" for name in ("flowers", "birds")}
    with pytest.raises(ConfigError, match="birds/train"):
        gpu_leg.pack(
            [tmp_path / "birds" / "train", tmp_path / "old" / "birds" / "train"],
            tmp_path / "other.tar.gz",
        )


def test_packing_that_fails_leaves_what_was_there(flowers: Path, tmp_path: Path) -> None:
    archive = tmp_path / "data.tar.gz"
    archive.write_text("before")
    with pytest.raises(DataError, match="nothing usable is left"):
        gpu_leg.pack([flowers], archive, side=200, minimum_side=200)
    with pytest.raises(ConfigError, match="--side 32 is less than --minimum-side 64"):
        gpu_leg.pack([flowers], archive, side=32)
    assert archive.read_text() == "before"
    assert sorted(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("name", ["../escaped.txt", "a/../../escaped.txt"])
def test_an_archive_that_reaches_outside_is_refused_and_leaves_nothing(
    name: str, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as tar:
        add_file(tar, "flowers/train/metadata.jsonl", b"{}")
        add_file(tar, name, b"outside")
    with pytest.raises(DataError, match="outside the destination"):
        gpu_leg.unpack(tmp_path / "evil.tar.gz", tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["evil.tar.gz"]


def test_an_archive_cut_short_is_refused(flowers: Path, tmp_path: Path) -> None:
    archive = tmp_path / "data.tar.gz"
    gpu_leg.pack([flowers], archive)
    archive.write_bytes(archive.read_bytes()[:-2000])
    with pytest.raises(DataError, match="pack and bring it again"):
        gpu_leg.unpack(archive, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_whole_run_comes_back_bit_for_bit(tmp_path: Path) -> None:
    run = with_beta1(tiny_run(tmp_path, 2), 0)
    back = carried(run, tmp_path, half=False)
    for part in (*WEIGHTS, *OPTIMISERS):
        assert equal(tensors(run, part), tensors(back, part)), part
    for name in ("config.yaml", "data.json"):
        assert (run.path / name).read_bytes() == (back.path / name).read_bytes()


@pytest.mark.parametrize("beta1", [0, 0.5])
def test_a_run_in_half_precision_comes_back_within_it(beta1: float, tmp_path: Path) -> None:
    run = with_beta1(tiny_run(tmp_path, 2), beta1)
    back = carried(run, tmp_path, half=True)
    for part in WEIGHTS:
        before, after = tensors(run, part), tensors(back, part)
        torch.testing.assert_close(after, before, rtol=2**-11, atol=2**-24)
    for part in OPTIMISERS:
        before, after = tensors(run, part), tensors(back, part)
        if beta1 == 0:
            firsts = [name for name in before if name.endswith(".exp_avg")]
            assert firsts and not any(after[name].any() for name in firsts)
            before |= {name: after[name] for name in firsts}
        torch.testing.assert_close(after, before, rtol=2**-8, atol=0)
        assert all(after[name].equal(before[name]) for name in before if name.endswith(".step"))


def test_only_the_newest_checkpoint_and_grid_travel_in_parts_of_the_asked_size(
    tmp_path: Path,
) -> None:
    run = tiny_run(tmp_path, 1, 2)
    for step in (1, 2):
        Image.new("RGB", (4, 4)).save(run.grid(step))
    run.add_metrics({"step": 2, "loss_d": 1.0})
    back = carried(run, tmp_path, half=True)
    parts = sorted((tmp_path / "parts").glob("*.tar.*"))
    assert len(parts) > 2 and all(part.stat().st_size <= 2000 for part in parts)
    assert [path.name for path in back.checkpoints.iterdir()] == ["step-000000002"]
    assert [path.name for path in (back.path / "grids").iterdir()] == ["step-000000002.png"]
    assert back.metrics() == run.metrics()
    load_checkpoint(
        latest_checkpoint(back.checkpoints),
        tiny_state(back.config()),
        choose_encoder(back.config().text.encoder).identity,
    )


def test_a_joined_run_draws_and_is_resumed_on_its_data_at_another_place(
    flowers: Path, tmp_path: Path
) -> None:
    write_parts(tmp_path / "words")
    tiny = ["data.resolution=16", "data.margin=2", "training.batch_size=4", "scores.every_kimg=0"]
    tiny += ["generator.features=2", "discriminator.features=2", f"text.encoder={tmp_path}/words"]
    options = [word for each in tiny for word in ("--set", each)]
    assert captiongan(
        "train", *options, "--set", "training.kimg=0.008", "--data", flowers, "--out", tmp_path
    ) == 0  # fmt: skip
    moved = flowers.rename(tmp_path / "moved")
    back = carried(RunFolder.open(tmp_path / "00000-dcgan"), tmp_path, half=True, data=moved)
    assert back.config().data.source == str(moved)
    assert load_trained(back).checkpoint.step == 2
    assert captiongan("train", "--resume", back.path, "--set", "training.kimg=0.016") == 0
    assert latest_checkpoint(back.checkpoints).step == 4


def test_other_data_is_refused_and_a_run_that_is_there_is_left_alone(
    flowers: Path, tmp_path: Path
) -> None:
    run = tiny_run(tmp_path, 1)
    gpu_leg.split(run.path, tmp_path / "parts")
    with pytest.raises(DataError, match="not what the run was trained on"):
        gpu_leg.join(tmp_path / "parts", tmp_path / "back", flowers)
    assert list((tmp_path / "back").iterdir()) == []
    with pytest.raises(OutputError, match="exists already"):
        gpu_leg.join(tmp_path / "parts", run.path.parent)


def test_parts_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    run, parts = tiny_run(tmp_path, 1), tmp_path / "parts"
    gpu_leg.split(run.path, parts, part_mb=0.002)
    name = run.path.name
    (parts / f"{name}.tar.001").unlink()
    (parts / f"{name}.tar.002").write_bytes(b"damaged")
    expected = rf"{name}\.tar\.001 is missing, {name}\.tar\.002 is damaged"
    with pytest.raises(RunError, match=expected):
        gpu_leg.join(parts, tmp_path / "back")
    (parts / f"{name}.sha256").unlink()
    with pytest.raises(RunError, match="holds 0 lists of parts"):
        gpu_leg.join(parts, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_weight_beyond_half_precision_is_refused_by_name(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    state = tiny_state(run.config())
    name, weight = next(iter(state.generator.state_dict().items()))
    weight.view(-1)[0] = 70_000
    encoder = choose_encoder(run.config().text.encoder).identity
    checkpoint.save_checkpoint(state, encoder, run.checkpoints, 1, run.identity)
    with pytest.raises(RunError, match=r"70000, and half precision ends at 65504; .* --whole"):
        gpu_leg.split(run.path, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    back = carried(run, tmp_path, half=False)
    assert tensors(back, "generator")[name].max() == 70_000


@pytest.mark.usefixtures("stand_in")
def test_runs_stop_in_time_with_their_state_saved_and_go_on_in_the_next_leg(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, file = tmp_path / "runs", listed(tmp_path, entry("roses"), entry("birds"))
    (runs / "00007-red-roses" / "checkpoints" / "step-000000001").mkdir(parents=True)
    started = time.monotonic()
    gpu_leg.train(file, runs, minutes=3 / 60)
    assert 3 <= time.monotonic() - started < 20
    assert capsys.readouterr().out.splitlines() == [
        "roses: 1.0/9 kimg  6 images/s",
        "birds: 1.0/9 kimg  6 images/s",
    ]
    roses = newest_run(runs, "roses")
    assert roses == runs / "00000-roses"
    given = "--data toy:9 --set training.kimg=9"
    new = f"asked for train --config toy.yaml --out {runs} --set name=roses {given}"
    assert (runs / "roses.log").read_text().startswith(new)

    (roses / "checkpoints" / "step-000000002").rename(roses / "checkpoints" / "step-000000001")
    gpu_leg.train(listed(tmp_path, entry("roses")), runs, minutes=3 / 60)
    assert f"asked for train --resume {roses} {given}\n" in (runs / "roses.log").read_text()
    assert (roses / "checkpoints" / "step-000000002").is_dir()


@pytest.mark.usefixtures("stand_in")
def test_ctrl_c_stops_and_saves_the_runs_before_time_is_up(tmp_path: Path) -> None:
    log = tmp_path / "runs" / "roses.log"

    def press_once_it_trains() -> None:
        while not log.is_file() or b"kimg" not in log.read_bytes():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_once_it_trains, daemon=True).start()
    gpu_leg.train(listed(tmp_path, entry("roses")), tmp_path / "runs", minutes=5)
    assert newest_run(tmp_path / "runs", "roses")


@pytest.mark.usefixtures("stand_in")
def test_a_run_that_fails_is_told_with_its_last_lines_and_spares_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = listed(tmp_path, entry("roses", "broken.yaml"), entry("birds"))
    with pytest.raises(typer.Exit) as ended:
        gpu_leg.train(file, tmp_path / "runs", minutes=3 / 60)
    assert ended.value.exit_code == 1
    told = capsys.readouterr().out
    assert "roses: failed with exit code 1" in told
    assert "error: no such preset" in told
    assert "birds: 1.0/9 kimg" in told
    assert newest_run(tmp_path / "runs", "birds")


def test_a_list_of_runs_that_breaks_a_rule_is_refused_by_field(tmp_path: Path) -> None:
    for broken, expected in (
        ([entry("a"), entry("a")], "a name of its own"),
        ([], "at least one run"),
        ([entry("A b")], r"0\.name"),
        ([entry("a") | {"minutes": 3}], r"0\.minutes"),
    ):
        with pytest.raises(ConfigError, match=expected):
            read_entries(listed(tmp_path, *broken))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_entries(tmp_path / "nowhere.yaml")
