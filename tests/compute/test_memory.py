"""Freed memory stays with a process that computes for long."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from captiongan.compute.memory import keep_freed_memory
from support.command_line import captiongan

FAULTS = """
import resource
import torch
from captiongan.compute.memory import keep_freed_memory

def faults(blocks):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(blocks):
        torch.zeros(64 * 2**20, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

default = faults(20)
keep_freed_memory()
faults(20)
print(default, faults(20))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc can be told")
def test_freed_blocks_are_used_again_instead_of_being_fetched_from_the_kernel() -> None:
    told = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    )
    default, kept = map(int, told.stdout.split())
    assert kept < default / 10


@pytest.mark.parametrize("libc", ["", "musl"])
def test_without_glibc_nothing_is_called(libc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, ""))
    monkeypatch.setattr("captiongan.compute.memory.ctypes.CDLL", None)
    keep_freed_memory()


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("training.start", "train --data toy:10 --dry-run"),
        ("evaluation.evaluate", "evaluate flowers --data nowhere"),
        ("text_training.train", "text train toy:10 --out encoder"),
        ("training.train_style_encoder", "style train flowers toy:10 --out bundle"),
    ],
)
def test_all_long_computations_keep_it(
    module: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def called() -> None:
        raise CalledError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"captiongan.{module}.keep_freed_memory", called)
    with pytest.raises(CalledError):
        captiongan(*command.split())


class CalledError(Exception):
    """The function was called."""
