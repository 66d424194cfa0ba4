"""A short form of `make torture`."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from captiongan.errors import CaptionganError
from torture import Torture, in_words
from torture_inputs import Tried, try_inputs
from torture_kills import Kills

TORTURE = Path(__file__).parents[1] / "benchmarks" / "torture.py"


@pytest.fixture(scope="module")
def short() -> dict[str, Any]:
    """Run it in a process of its own: it forks, and a test runner has threads."""
    command = [sys.executable, str(TORTURE), "--json", "--kills", "4", "--inputs", "300"]
    done = subprocess.run(
        [*command, "--bundles", "30"],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_a_run_killed_at_any_moment_ends_as_one_that_never_was(short: dict[str, Any]) -> None:
    kills = short["kills"]
    assert kills["kills"] >= 4
    assert kills["runs"] >= 1
    assert kills["different"] == 0


@pytest.mark.parametrize("kind", ["pictures", "lines of metadata", "bundles"])
def test_hostile_files_are_used_or_refused_in_words(kind: str, short: dict[str, Any]) -> None:
    tried = short["tried"][kind]
    assert tried["crashes"] == []
    assert sum(tried["answers"].values()) == tried["inputs"] >= 30
    assert len(tried["answers"]) > 1
    assert tried["megabytes"] < 1000


def used(_: random.Random, folder: Path) -> str:
    assert folder.is_dir()
    return "read"


def fails(moments: random.Random, _: Path) -> str:
    raise IndexError(f"out of {moments.random()}")


def refuses_in_lines(_: random.Random, __: Path) -> str:
    raise CaptionganError("one\ntwo")


def dies(_: random.Random, __: Path) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_goes_wrong_is_counted_as_a_crash() -> None:
    assert try_inputs(used, 3, 0).crashes == []
    assert [each.split(":")[0] for each in try_inputs(fails, 2, 0).crashes] == [
        "input 0",
        "input 1",
    ]
    assert try_inputs(refuses_in_lines, 1, 0).crashes == ["input 0: an error of several lines"]
    assert try_inputs(dies, 2, 0).crashes == ["input 0: the process ended with code -9"]


@pytest.mark.parametrize(
    ("kills", "crashes", "survived"),
    [
        (Kills(9, 1, 3, 3, 0), [], True),
        (Kills(9, 1, 3, 3, 1), [], False),
        (Kills(9, 1, 3, 4, 0), [], False),
        (Kills(9, 1, 3, 3, 0), ["input 1: ..."], False),
    ],
)
def test_only_what_lost_nothing_counts_as_survived(
    kills: Kills, crashes: list[str], survived: bool
) -> None:
    tried = Tried(10, {"read": 8, "DataError": 2}, crashes, 50)
    torture = Torture(kills, {"pictures": tried}, 1.0)
    assert torture.survived == survived
    assert f"| pictures | 10 | DataError 2 | 8 | {len(crashes)} | 50 MB |" in in_words(torture)
