"""The benchmark of training on a GPU, as far as it goes without one."""

import itertools
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_step
from benchmarks.gpu_step import BASELINE, in_words, seconds_of_steps
from benchmarks.marked_page import BEGIN, END
from captiongan.errors import ConfigError
from captiongan.runs.load_config import load_config


def test_without_a_gpu_it_says_so_and_leaves_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    page = tmp_path / "gpu.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    with pytest.raises(ConfigError, match="no NVIDIA GPU here"):
        gpu_step.main(1, page)
    assert page.read_text() == f"{BEGIN}\n{END}\n"


def test_steps_take_turns_and_the_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    seconds = {"slow": itertools.cycle([0.5]), "quick": iter([0.1, 0.1, 9.0, 0.2])}

    def timed(step: gpu_step.Step, repeats: int) -> float:
        del repeats
        return next(seconds[str(step())])

    monkeypatch.setattr(gpu_step, "_mean_seconds", timed)

    def take(name: str) -> str:
        taken.append(name)
        return name

    found = seconds_of_steps({name: lambda name=name: take(name) for name in seconds}, 3)  # type: ignore[misc]
    assert taken == ["slow", "quick"] * 4
    assert found == {"slow": 0.5, "quick": 0.2}


def test_the_table_holds_the_lectures_presets_against_the_exercise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    monkeypatch.setattr(gpu_step, "_ceiling", lambda: 7e14)
    speeds = {BASELINE: 3000.0, "`gan-cls-l1-fm`, bf16": 12000.0, "`projected`, bf16": 5000.0}
    words = in_words(speeds)
    assert "One A GPU" in words
    assert "700 TFLOP/s" in words
    assert "| `gan-cls-l1-fm`, bf16 | 12,000 | 4.0 |" in words
    assert "| `projected`, bf16 | 5,000 |  |" in words


def test_the_exercise_and_our_step_run_on_the_device_at_hand() -> None:
    config = load_config(
        "gan-cls-l1-fm",
        ["training.batch_size=4", "generator.features=8", "discriminator.features=8"],
        "toy:20",
    )
    for step in (gpu_step._exercise(config), gpu_step._ours(config, "32-true")):
        step()
