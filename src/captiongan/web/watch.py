"""The live view of a training run, from the files of its folder and from nothing else.

It is a process of its own, also where `train --watch` starts it. A thread would take turns with the
training step in one interpreter, and whatever broke in it could break the training. A process takes
what is left of the processor, and all that can happen to it is that it ends. No PyTorch is loaded.
"""

import json
import math
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from secrets import token_hex
from time import time
from typing import Any

from fastapi import FastAPI, HTTPException, Response

from captiongan.errors import RunError
from captiongan.runs.alarms import Alarms
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.web.errors import answer_errors
from captiongan.web.guard import Access, guard
from captiongan.web.limits import Limits
from captiongan.web.serve import LOOPBACK, serve
from captiongan.web.static_files import add_static_files

PORTS = range(8001, 8017)
"""Where `train --watch` looks for a free one: many trainings may run on one machine."""

MOST_LINES = 5_000
"""Lines of figures in one answer; a page asks again for the rest."""

CHUNK = 1 << 20

Metrics = dict[str, float]


class Follower:
    """What a run's `metrics.jsonl` says, read on from where it ended before.

    `generation` names the reading: a resumed run takes back its last lines, and another begins.
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
        """Take in the lines that are new and whole; return when the file was written to, if ever.

        A last line that is still being written waits for its end; one that a kill cut short, and
        that others follow, is passed over.
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
    """Read one line: its finite numbers, or None if it is none of a run's."""
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
    """Return the application that shows a run; raises RunError or ConfigError if it is none."""
    run.config()
    follower, reading = Follower(run.path / "metrics.jsonl"), threading.Lock()
    app = FastAPI(title="captiongan watch", docs_url=None, redoc_url=None, openapi_url=None)
    guard(app, Limits(), access or Access())
    answer_errors(app)
    add_static_files(app, "watch.html")

    @app.get("/v1/run")
    def news(generation: str = "", after: int = 0) -> dict[str, Any]:
        """The run's facts, and the lines of figures from number `after` of a generation on."""
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
        """The sample grid of a step, as PNG."""
        try:
            content = run.grid(step).read_bytes()
        except (OSError, OverflowError):
            content = b""
        if content[-8:-4] != b"IEND":  # there is none, or it is being written
            raise HTTPException(404)
        return Response(content, media_type="image/png", headers={"Cache-Control": "no-cache"})

    return app


def _facts(run: RunFolder) -> dict[str, Any]:
    config: RunConfig = run.config()
    data: dict[str, Any] = {}
    with suppress(RunError):  # a run notes it a moment after it made its folder
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

    With `while_stdin` it ends with whoever holds the other end of the standard input, and gives way
    to all else on the processor. Raises RunError if there is no run, CaptionganError where there is
    no listening.
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


class Companion:
    """The live view beside a training, from entering to leaving.

    Nothing that goes wrong with it reaches the training: it is said, and the training goes on.
    """

    def __init__(self, run: Path, say: Callable[[str], None]) -> None:
        self._run = run
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Companion":
        port = free_port()
        if port is None:
            self._say(
                f"no live view: ports {PORTS[0]} to {PORTS[-1]} are taken; the training goes on, "
                f"watch it with: captiongan watch {self._run} --port 0"
            )
            return self
        command = [sys.executable, "-m", "captiongan", "watch", str(self._run)]
        try:
            self._process = subprocess.Popen(
                [*command, "--port", str(port), "--while-stdin"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the training, which saves first
            )
        except OSError as error:
            self._say(f"no live view ({error}); the training goes on")
        else:
            self._say(f"live view: http://127.0.0.1:{port}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        with suppress(OSError):
            self._process.communicate()  # closes its standard input, with which it ends
        self._say(f"look at it again with: captiongan watch {self._run}")


def free_port() -> int | None:
    """Return the first of `PORTS` at which nobody listens on this machine."""
    for port in PORTS:
        with suppress(OSError), closing(socket.create_server(("127.0.0.1", port))):
            return port
    return None
