"""The live view of a training run: reads only the files of the run folder, without PyTorch."""

import json
import math
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from time import time
from typing import Any

from fastapi import FastAPI, HTTPException, Response

from captiongan.errors import RunError
from captiongan.runs.alarms import Alarms
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.web.access import Access
from captiongan.web.errors import answer_errors
from captiongan.web.guard import guard
from captiongan.web.limits import Limits
from captiongan.web.serve import LOOPBACK, serve
from captiongan.web.static_files import add_static_files

MOST_LINES = 5_000
"""The most lines of figures in one answer; the page asks again for the rest."""

CHUNK = 1 << 20

Metrics = dict[str, float]


class Follower:
    """Reads a run's `metrics.jsonl` as it grows.

    Attributes:
        lines: the finite numbers of each line, in order.
        alarms: what the training's alarms say about these lines.
        generation: a name for this reading. A resumed run takes back its last lines; then the file
            is read anew, under another name.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begin(identity=None)

    def _begin(self, identity: int | None) -> None:
        self._identity = identity
        self._offset = 0
        self.generation = token_hex(4)
        self.lines: list[Metrics] = []
        self.alarms: list[str] = []
        self._listening = Alarms(0, self.alarms.append)

    def read_on(self) -> float | None:
        """Take in the new complete lines; return the time of the last write, or None.

        A last line that is still being written waits for its end. A line that a kill cut short is
        skipped once others follow it.
        """
        with suppress(FileNotFoundError), self._file.open("rb") as file:
            facts = os.fstat(file.fileno())
            if facts.st_ino != self._identity or facts.st_size < self._offset:
                self._begin(facts.st_ino)
            file.seek(self._offset)
            rest = b""
            while chunk := file.read(CHUNK):
                *whole, rest = (rest + chunk).split(b"\n")
                self._offset += sum(len(line) + 1 for line in whole)
                for line in whole:
                    self._take(line)
            return facts.st_mtime
        return None

    def _take(self, line: bytes) -> None:
        metrics = _figures(line)
        if metrics is None:
            return
        self.lines.append(metrics)
        step = int(metrics["step"])
        if {"accuracy_real", "accuracy_generated"} <= metrics.keys():
            self._listening.hear_reading(step, metrics)
        if "health_noise_spread" in metrics:
            self._listening.hear_grid(step, metrics)
        if "score_error" in metrics:
            self._listening.hear_scores(step, metrics)


def _figures(line: bytes) -> Metrics | None:
    """Return the finite numbers of a line, or None if a training did not write it."""
    try:
        metrics = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(metrics, dict):
        return None
    finite = {
        name: value
        for name, value in metrics.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
    return finite if {"step", "kimg"} <= finite.keys() else None


def create_watch_app(run: RunFolder, access: Access | None = None) -> FastAPI:
    """Return the application that shows a run; raises RunError or ConfigError if it is no run."""
    run.config()
    follower, reading = Follower(run.path / "metrics.jsonl"), threading.Lock()
    app = FastAPI(title="captiongan watch", docs_url=None, redoc_url=None, openapi_url=None)
    guard(app, Limits(), access or Access())
    answer_errors(app)
    add_static_files(app, "watch.html")

    @app.get("/v1/run")
    def news(generation: str = "", after: int = 0) -> dict[str, Any]:
        """Return the run's facts and the lines of a generation from number `after` on."""
        with reading:
            written = follower.read_on()
            start = max(0, after) if generation == follower.generation else 0
            lines = follower.lines[start : start + MOST_LINES]
            return _facts(run) | {
                "generation": follower.generation,
                "first": start,
                "lines": lines,
                "more": start + len(lines) < len(follower.lines),
                "alarms": follower.alarms,
                "grids": run.grid_steps(),
                "silent": None if written is None else max(0.0, time() - written),
            }

    @app.get("/grids/{step}")
    def grid(step: int) -> Response:
        """Return the sample grid of a step, as PNG."""
        try:
            content = run.grid(step).read_bytes()
        except (OSError, OverflowError):
            content = b""
        if content[-8:-4] != b"IEND":  # missing, or still being written
            raise HTTPException(404)
        return Response(content, media_type="image/png", headers={"Cache-Control": "no-cache"})

    return app


def _facts(run: RunFolder) -> dict[str, Any]:
    config: RunConfig = run.config()
    data: dict[str, Any] = {}
    with suppress(RunError):  # a run writes this a moment after it creates its folder
        data = run.data_facts()
    return {
        "name": run.path.resolve().name,
        "kimg": config.training.kimg,
        "batch_size": config.training.batch_size,
        "resolution": config.data.resolution,
        "network": config.network,
        "data": {name: data.get(name) for name in ("pictures", "captions", "classes")},
        "captions": data.get("sample_captions", []),
    }


def watch(
    run: Path,
    host: str,
    port: int,
    say: Callable[[str], None],
    open_browser: bool = False,
    while_stdin: bool = False,
) -> None:
    """Serve the live view of a run until SIGINT or SIGTERM.

    Args:
        run: the run folder.
        host: the address to listen on.
        port: the port to listen on; 0 for a free one.
        say: receives the address of the page.
        open_browser: open the page.
        while_stdin: end when the standard input ends, and run at low priority.

    Raises:
        RunError: there is no run in the folder.
        CaptionganError: the address or the port is not available.
    """
    access = Access(hosts=LOOPBACK if host in LOOPBACK else ())
    app = create_watch_app(RunFolder.open(run), access)
    if while_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
        with suppress(AttributeError, OSError):  # Windows has no nice
            os.nice(10)
    serve(app, Limits(), host, port, say, open_browser)


def _end_with_stdin() -> None:
    while sys.stdin.buffer.read(CHUNK):
        pass
    os._exit(0)
