"""Commands that run out of room: from a random moment on, no file may grow beyond so many bytes.

Whatever is being written then, the command must say so in one line that names the file, and the
same command must come to the same end once there is room.
"""

import contextlib
import io
import multiprocessing
import os
import random
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.soak.kills import DATA, TINY, latest_step, outcome
from captiongan.base.cache import CACHE_VARIABLE
from captiongan.cli import main
from captiongan.runs.run_folder import RunFolder

ROWS = 12
SMALLEST_ROOM = 200
COLD_CACHES = 0.3
"""How often a command starts without caches, and has to write them, too."""

Arguments = Sequence[object]


@dataclass(frozen=True)
class FullDisk:
    """What became of a command that was tried so often with too little room.

    `full` tries ran out of it; `unclear` are those whose error was not one line with the file's
    name; `different` came to another end when there was room again.
    """

    tries: int
    full: int
    unclear: list[str]
    different: int


@dataclass(frozen=True)
class Limit:
    """How large files may grow, in bytes, and after how many seconds that begins."""

    room: int
    seconds: float

    def hold(self) -> None:
        """Keep it in this process, which it may be too late for."""
        # Python ignores the signal that comes with it, so that writing on is an OSError (EFBIG).
        setting = (resource.RLIMIT_FSIZE, (self.room, self.room))
        if self.seconds:
            timer = threading.Timer(self.seconds, resource.setrlimit, setting)
            timer.daemon = True
            timer.start()
        else:
            resource.setrlimit(*setting)


@dataclass(frozen=True)
class Command:
    """A command that writes into a folder: its arguments, and what it leaves there."""

    arguments: Callable[[Path], Arguments]
    leaves: Callable[[Path], Mapping[str, object]]


def run_out_of_room(folder: Path, tries: Mapping[str, int], seed: int) -> dict[str, FullDisk]:
    """Try each of `COMMANDS` so often, in a folder of its own, with room that `seed` draws."""
    given = folder / "given"
    given.mkdir(parents=True)
    (given / "prompts.txt").write_text("a red bird\n" * ROWS)
    _must("data", "toy", given / "toy", "--size", ROWS)
    if tries.get("export"):
        _must("train", "--data", DATA, *_set(TINY), "--out", given / "runs")
    return {
        name: _try(COMMANDS[name], folder / name.replace(" ", "-"), count, random.Random(seed))
        for name, count in tries.items()
        if count
    }


def _try(command: Command, folder: Path, tries: int, moments: random.Random) -> FullDisk:
    started = time.perf_counter()
    _must(*command.arguments(folder / "room"))
    seconds = time.perf_counter() - started
    expected = command.leaves(folder / "room")
    largest = max(path.stat().st_size for path in (folder / "room").rglob("*") if path.is_file())
    full = different = 0
    unclear: list[str] = []
    for number in range(tries):
        place, shared = folder / str(number), os.environ[CACHE_VARIABLE]
        if moments.random() < COLD_CACHES:
            os.environ[CACHE_VARIABLE] = str(place / "cache")
        for limit in (*(_drawn(moments, largest, seconds) for _ in range(2)), None):
            code, told = _in_a_child(command.arguments(place), limit)
            if code == 0:
                break
            full += 1
            if not is_clear(code, told, place) or limit is None:
                unclear.append(f"try {number}, {limit}: code {code}: {told}")
        os.environ[CACHE_VARIABLE] = shared
        different += code == 0 and command.leaves(place) != expected
    return FullDisk(tries, full, unclear, different)


def _drawn(moments: random.Random, largest: int, seconds: float) -> Limit:
    """Draw a size, small ones as often as large ones, and a moment, half of them the beginning."""
    size = int(SMALLEST_ROOM * (1.1 * largest / SMALLEST_ROOM) ** moments.random())
    return Limit(size, moments.choice([0, moments.uniform(0, seconds)]))


def is_clear(code: int, told: str, place: Path) -> bool:
    """Whether a command ended with one line of error, after its progress, with the file's name."""
    *before, last = told.splitlines() or [""]
    one = last.startswith("error: ") and not any(line.startswith("error: ") for line in before)
    fits = code == 2 and str(place) in last and "too large" in last
    return one and fits and "Traceback" not in told


def _must(*arguments: object) -> None:
    code, told = _in_a_child(arguments, None)
    if code:
        raise RuntimeError(f"captiongan {' '.join(map(str, arguments))} ended with {code}: {told}")


def _in_a_child(arguments: Arguments, limit: Limit | None) -> tuple[int, str]:
    """Run a command in a process of its own; return its code and what it said of errors."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(arguments, limit, sending))
    child.start()
    sending.close()
    try:
        code, told = receiving.recv()
    except EOFError:
        code, told = -1, "the process died"
    child.join()
    return code, told


def _run(arguments: Arguments, limit: Limit | None, sending: Connection) -> None:
    sys.argv = ["captiongan", *map(str, arguments)]
    if limit:
        limit.hold()
    told, code = io.StringIO(), 0
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            code = 1
            traceback.print_exc()
    sending.send((code, told.getvalue()))
    sending.close()


def _set(settings: Sequence[str]) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


def _train(place: Path) -> Arguments:
    """Begin a run, or go on with the one that has saved something."""
    for run in sorted((place / "runs").glob("0*")):
        if latest_step(RunFolder(run)):
            return ["train", "--resume", run]
    return ["train", "--data", DATA, *_set(TINY), "--out", place / "runs"]


def _newest_run(place: Path) -> Mapping[str, object]:
    return outcome(RunFolder(max((place / "runs").glob("0*"))))


def _files(place: Path) -> Mapping[str, object]:
    """Read all that a command left in its folder, hidden files too."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in (place / "out").rglob("*")
        if path.is_file()
    }


def _given(place: Path) -> Path:
    return place.parents[1] / "given"


def _pictures(place: Path) -> Arguments:
    (place / "out").mkdir(parents=True, exist_ok=True)
    output = place / "out" / "bird.png"
    return ["generate", "a red bird", "-n", 4, "-o", output, "--bundle", "birds"]


def _bulk(place: Path) -> Arguments:
    prompts = _given(place) / "prompts.txt"
    into = ["--out", place / "out", "--bundle", "birds", "--shard-size", 5]
    return ["bulk", prompts, *into, "--format", "imagefolder"]


COMMANDS = {
    "train": Command(_train, _newest_run),
    "export": Command(
        lambda place: ["export", _given(place) / "runs" / "00000-dcgan", "--out", place / "out"],
        _files,
    ),
    "data import": Command(
        lambda place: ["data", "import", "folder", _given(place) / "toy", place / "out"], _files
    ),
    "data toy": Command(lambda place: ["data", "toy", place / "out", "--size", ROWS], _files),
    "generate": Command(_pictures, _files),
    "bulk": Command(_bulk, _files),
}
