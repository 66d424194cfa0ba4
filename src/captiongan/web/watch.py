"""The live view of training runs: reads only the files of their folders, without PyTorch."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from time import time
from typing import Any, BinaryIO

from fastapi import FastAPI, HTTPException, Response

from captiongan.base.lines import BadTextError, parsed_object
from captiongan.base.safe_reading import UnsafeFileError, open_regular
from captiongan.errors import RunError
from captiongan.runs.alarms import Alarms
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.web.access import Access
from captiongan.web.errors import answer_errors
from captiongan.web.guard import guard
from captiongan.web.limits import Limits
from captiongan.web.serve import own_names, serve
from captiongan.web.static_files import add_static_files

MOST_RUNS = 6
"""The most runs in one view: its lines have six colours."""

MOST_LINES = 5_000
"""The most lines of figures in one answer; the page asks again for the rest."""

MOST_READ = 50_000
"""The most lines of figures that are read for one answer."""

LARGEST_METRICS = 1 << 26
"""The most bytes of figures: the view holds all of them in memory."""

CHUNK = 1 << 16
LONGEST_LINE = 1 << 20

FAR = 1e300
"""Figures beyond this count as not finite."""

Metrics = dict[str, float]


class Follower:
    """Reads a run's `metrics.jsonl` as it grows.

    Attributes:
        lines: the finite numbers of each line, in order.
        alarms: what the training's alarms say about these lines.
        behind: whether there are more complete lines in the file.
        generation: a name for this reading. A resumed run takes back its last lines; then the file
            is read anew, under another name.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begin(identity=None)

    def _begin(self, identity: int | None) -> None:
        self._identity = identity
        self._offset = 0
        self.behind = False
        self.generation = token_hex(4)
        self.lines: list[Metrics] = []
        self.alarms: list[str] = []
        self._listening = Alarms(0, self.alarms.append)

    def read_on(self) -> float | None:
        """Take in the new complete lines; return the time of the last write, or None.

        A last line that is still being written waits for its end. A line that a kill cut short is
        skipped once others follow it.
        """
        place = (self._file, self._file.parent, LARGEST_METRICS)
        self.behind = False
        try:
            with open_regular(*place) as file:
                facts = os.fstat(file.fileno())
                if facts.st_ino != self._identity or facts.st_size < self._offset:
                    self._begin(facts.st_ino)
                self._read_lines(file)
                return facts.st_mtime
        except FileNotFoundError:
            return None
        except UnsafeFileError as error:
            self._begin(identity=None)
            self.alarms.append(f"metrics.jsonl is not read: {error.strerror}")
            return None

    def _read_lines(self, file: BinaryIO) -> None:
        file.seek(self._offset)
        rest, read = b"", 0
        while chunk := file.read(CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:  # no training wrote it
                whole, rest = [*whole, rest], b""
            self._offset = file.tell() - len(rest)
            for line in whole:
                self._take(line)
            read += len(whole)
            if read > MOST_READ:
                self.behind = True
                return

    def _take(self, line: bytes) -> None:
        metrics = _figures(line)
        if metrics is None:
            return
        self.lines.append(metrics)
        step = int(metrics["step"])
        if {"accuracy_real", "accuracy_generated"} <= metrics.keys():
            self._listening.check_metrics(step, metrics)
        if "health_noise_spread" in metrics:
            self._listening.check_grid(step, metrics)
        if "score_error" in metrics:
            self._listening.check_scores(step, metrics)


def _figures(line: bytes) -> Metrics | None:
    """Return the finite numbers of a line, or None if a training did not write it."""
    try:
        metrics = parsed_object(line)
    except BadTextError:
        return None
    finite = {
        name: value
        for name, value in metrics.items()
        if isinstance(value, int | float) and abs(value) < FAR
    }
    return finite if {"step", "kimg"} <= finite.keys() else None


def create_watch_app(*runs: RunFolder, access: Access | None = None) -> FastAPI:
    """Return the application that shows runs; raises RunError or ConfigError if one is no run."""
    followers = [Follower(run.path / "metrics.jsonl") for run in runs if run.config()]
    names, reading = _names(runs), threading.Lock()
    app = FastAPI(title="captiongan watch", docs_url=None, redoc_url=None, openapi_url=None)
    guard(app, Limits(), access or Access())
    answer_errors(app)
    add_static_files(app, "watch.html")

    def numbered(number: int) -> RunFolder:
        if not 0 <= number < len(runs):
            raise HTTPException(404)
        return runs[number]

    @app.get("/v1/run")
    def news(run: int = 0, generation: str = "", after: int = 0) -> dict[str, Any]:
        """Return a run's facts and the lines of a generation from number `after` on."""
        folder = numbered(run)
        with reading:
            follower = followers[run]
            written = follower.read_on()
            start = max(0, after) if generation == follower.generation else 0
            lines = follower.lines[start : start + MOST_LINES]
            return _facts(folder) | {
                "runs": names,
                "generation": follower.generation,
                "first": start,
                "lines": lines,
                "more": follower.behind or start + len(lines) < len(follower.lines),
                "alarms": follower.alarms,
                "grids": folder.grid_steps(),
                "judged": folder.judged_steps(),
                "silent": None if written is None else max(0.0, time() - written),
            }

    @app.get("/grids/{step}")
    def grid(step: int, run: int = 0) -> Response:
        """Return the sample grid of a step, as PNG."""
        try:
            content = numbered(run).read_grid(step)
        except (OSError, OverflowError):
            content = b""
        if content[-8:-4] != b"IEND":  # missing, or still being written
            raise HTTPException(404)
        return Response(content, media_type="image/png", headers={"Cache-Control": "no-cache"})

    @app.get("/v1/judged/{step}")
    def judged(step: int, run: int = 0) -> dict[str, Any]:
        """Return what the discriminator said of the sample grid of a step."""
        try:
            return numbered(run).read_judged(step)
        except (OSError, OverflowError, BadTextError):
            raise HTTPException(404) from None

    return app


def _names(runs: Sequence[RunFolder]) -> list[str]:
    """Return the names of the folders, or the paths if two have the same name."""
    names = [run.path.resolve().name for run in runs]
    return names if len({*names}) == len(names) else [str(run.path) for run in runs]


def _facts(run: RunFolder) -> dict[str, Any]:
    config: RunConfig = run.config()
    data: dict[str, Any] = {}
    with suppress(OSError, BadTextError):  # a run writes it a moment after it creates its folder
        data = parsed_object(run.read("data.json"))
    captions = data.get("sample_captions")
    captions = captions if isinstance(captions, list) else []
    return {
        "name": run.path.resolve().name,
        "kimg": config.training.kimg,
        "batch_size": config.training.batch_size,
        "resolution": config.data.resolution,
        "network": config.network,
        "data": {name: _number(data.get(name)) for name in ("pictures", "captions", "classes")},
        "captions": [each for each in captions if isinstance(each, str)],
    }


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def watch(
    runs: Sequence[Path],
    host: str,
    port: int,
    say: Callable[[str], None],
    open_browser: bool = False,
    while_stdin: bool = False,
) -> None:
    """Serve the live view of runs until SIGINT or SIGTERM.

    Args:
        runs: the run folders, at most `MOST_RUNS`.
        host: the address to listen on.
        port: the port to listen on; 0 for a free one.
        say: receives the address of the page.
        open_browser: open the page.
        while_stdin: end when the standard input ends, and run at low priority.

    Raises:
        RunError: there is no run in a folder, or there are too many.
        CaptionganError: the address or the port is not available.
    """
    if len(runs) > MOST_RUNS:
        raise RunError(
            f"{len(runs)} runs: at most {MOST_RUNS} fit on the same axes; choose some of them"
        )
    folders = [RunFolder.open(run) for run in runs]
    app = create_watch_app(*folders, access=Access(hosts=own_names(host)))
    if while_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
        with suppress(AttributeError, OSError):  # Windows has no nice
            os.nice(10)
    serve(app, Limits(), host, port, say, open_browser)


def _end_with_stdin() -> None:
    while sys.stdin.buffer.read(CHUNK):
        pass
    os._exit(0)
