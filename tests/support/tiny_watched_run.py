"""The folder of a run of 1,000 steps, as a training leaves it, without a training."""

import json
from pathlib import Path

from captiongan.runs.config import RunConfig
from captiongan.runs.options import TrainingConfig
from captiongan.runs.run_folder import RunFolder

BATCH_SIZE = 4


def watched_run(root: Path) -> RunFolder:
    """Make the folder of a run that has not taken a step."""
    run = RunFolder.create(root / "runs", RunConfig(training=TrainingConfig(kimg=4, batch_size=4)))
    captions = ["a red flower", "a blue flower"]
    run.write_data_facts({"source": "/a/secret/place", "pictures": 9, "sample_captions": captions})
    return run


def metrics(step: int, **others: float) -> dict[str, float]:
    """Return the figures that a training notes after a step."""
    usual = {
        "loss_d": 1.0 / step,
        "loss_g": 1.0,
        "accuracy_real": 0.7,
        "accuracy_generated": 0.6,
        "images_per_second": 50.0,
    }
    return {"step": step, "kimg": step * BATCH_SIZE / 1000, "time": 0.0} | usual | others


def note(run: RunFolder, step: int, **others: float) -> None:
    """Note the figures of a step."""
    run.add_metrics(metrics(step, **others))


def write_raw(run: RunFolder, text: str) -> None:
    """Append to the figures what a kill, or a slow disk, may leave there."""
    with (run.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(text)


def line(step: int) -> str:
    """Return the line of a step, with its end."""
    return json.dumps(metrics(step)) + "\n"
