"""Measures training with one thread, with all, and with the chosen number; idle and beside others.

`python -m benchmarks threads` needs a machine with nothing else to do, and prints a table. It takes
a quarter of an hour.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from captiongan.base.threads import threads

app = typer.Typer()

PRESETS = ("toy", "dcgan", "projected")
NEIGHBOUR = "while True: pass"
SPEED = re.compile(r"\((\d+) images/s\)")
CHOSEN = re.compile(r"^  threads: (\d+)", re.MULTILINE)


@app.command()
def measure(data: str = "toy:600", neighbours: int = 1) -> None:
    """Print images per second, with the threads in brackets."""
    print(f"| preset | other processes | one thread | {threads()} threads | chosen |")
    print("|---|---|---|---|---|")
    for preset in PRESETS:
        for others in (0, neighbours):
            with _busy(others):
                numbers: tuple[int | None, ...] = (1, threads(), None)
                cells = [_speed(preset, data, number) for number in numbers]
            print(f"| `{preset}` | {others} | {' | '.join(cells)} |", flush=True)


@contextmanager
def _busy(others: int) -> Iterator[None]:
    """Keep so many other processes computing for the block."""
    running = [subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) for _ in range(others)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def _speed(preset: str, data: str, number: int | None) -> str:
    """Return the speed of a dry run with a number of threads, or the chosen one."""
    options = ["--config", preset, "--data", data, "--dry-run"]
    options += [] if number is None else ["--threads", str(number)]
    command = [sys.executable, "-m", "captiongan", "train", *options]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    speed, chosen = SPEED.search(told), CHOSEN.search(told)
    assert speed and chosen, told
    return f"{speed[1]} ({chosen[1]})"
