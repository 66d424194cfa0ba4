"""A disk without room: files that cannot grow, and a small file system that is really full."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def room_for(most: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: what is more is an OSError (EFBIG)."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Give a file system of that size; skip the test where none may be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"no small file system can be had: {error}")
    if done.returncode:
        pytest.skip(f"no small file system can be had: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        code = subprocess.run(["umount", str(folder)], check=False).returncode
        if code:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
            raise AssertionError("something on the small file system is still open")
