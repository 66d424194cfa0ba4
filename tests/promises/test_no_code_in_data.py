"""A model is data: nothing that reads one could run what is in it."""

import json
import pickle
import re
from pathlib import Path

import pytest

from captiongan.base.files import sha256_of
from captiongan.errors import RunError
from captiongan.runs.checkpoint import MANIFEST, latest_checkpoint, load_checkpoint, sealed
from support.tiny_run import tiny_run, tiny_state

SOURCES = sorted((Path(__file__).parents[2] / "src").rglob("*.py"))
RUNS_CODE = re.compile(
    r"\b(import (pickle|dill|marshal|shelve)|from (pickle|dill|marshal|shelve)"
    r"|torch\.load\((?!.*weights_only=True)|allow_pickle=True|yaml\.(unsafe_|full_)?load\(|joblib\.load\(|eval\(|exec\()"
)


def test_no_source_reads_what_can_run_code() -> None:
    assert len(SOURCES) > 50
    found = [
        f"{path.name}: {line.strip()}"
        for path in SOURCES
        for line in path.read_text(encoding="utf-8").splitlines()
        if RUNS_CODE.search(line.replace(".eval()", ""))
    ]
    assert found == []


class Mine:
    """Unpickled, it leaves a file behind."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.file,)


def test_a_pickle_in_the_place_of_weights_is_refused_and_not_run(tmp_path: Path) -> None:
    run, trap = tiny_run(tmp_path, 1), tmp_path / "sprung"
    saved = latest_checkpoint(run.checkpoints)
    part = saved.path / "average.safetensors"
    part.write_bytes(pickle.dumps(Mine(trap)))
    manifest = json.loads((saved.path / MANIFEST).read_text())
    manifest["files"][part.name] = sha256_of(part)
    (saved.path / MANIFEST).write_bytes(sealed(manifest))
    with pytest.raises(RunError, match="cannot be read"):
        load_checkpoint(latest_checkpoint(run.checkpoints), tiny_state(), saved.encoder)
    assert not trap.exists()
    pickle.loads(part.read_bytes())
    assert trap.exists()  # so it would have been noticed
