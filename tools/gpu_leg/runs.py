"""Several runs at once, each a process of its own, for a limited time."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from captiongan.errors import ConfigError, OutputError
from captiongan.runs.run_folder import NUMBERED
from captiongan.training.interrupt import StopRequest

CAPTIONGAN = (sys.executable, "-m", "captiongan")
GRACE_SECONDS = 120
"""How long a run may take to finish what it is at and save."""
STOPPED = 130
"""The exit code of a run that was stopped and saved."""
PROGRESS = re.compile(r"^[\d.]+/\S+ kimg .*$", re.MULTILINE)
TAIL_LINES = 8


class Entry(BaseModel):
    """One run of the list: its name, preset, data set, and single values of its configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    config: str
    data: str
    overrides: list[str] = Field([], alias="set")


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its last line of progress, or, if it failed, its last lines of any kind."""

    name: str
    failed: bool
    said: str


@dataclass(frozen=True)
class _Running:
    entry: Entry
    process: "subprocess.Popen[bytes]"
    log: Path
    begin: int


def read_entries(file: Path) -> list[Entry]:
    """Read a list of runs.

    Raises:
        ConfigError: it cannot be read, breaks a rule, or names two runs alike.
    """
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
        entries = TypeAdapter(list[Entry]).validate_python(tree)
    except OSError as error:
        raise ConfigError(f"'{file}' cannot be read ({error.strerror}); name a list") from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"'{file}': {'; '.join(faults)}; see docs/gpu.md") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"'{file}' is not YAML: {error}") from error
    if not entries or len({entry.name for entry in entries}) < len(entries):
        raise ConfigError(f"'{file}' must list at least one run, each with a name of its own")
    return entries


def train_together(entries: Sequence[Entry], runs: Path, seconds: float) -> list[Outcome]:
    """Train runs at once, or go on with the newest of each name; stop them when time is up.

    What they say is appended to NAME.log in `runs`. Ctrl-C stops and saves them, too.

    Raises:
        OutputError: `runs` cannot be written.
    """
    running: list[_Running] = []
    end = time.monotonic() + seconds
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with StopRequest() as stop:
            for entry in entries:
                running.append(_start(entry, runs))  # noqa: PERF401, one may fail to start
            while _alive(running) and time.monotonic() < end and not stop.requested:
                time.sleep(0.1)
            for each in _alive(running):
                each.process.send_signal(signal.SIGINT)
            _wait(running)
    except OSError as error:
        raise OutputError(
            f"--out '{runs}' cannot be written ({error.strerror}); choose another folder"
        ) from error
    finally:
        for each in _alive(running):
            each.process.kill()
            each.process.wait()
    return [_outcome(each, runs) for each in running]


def newest_run(runs: Path, name: str) -> Path | None:
    """Return the newest run of that name that has something to go on from."""
    named = re.compile(NUMBERED.pattern + re.escape(name))
    begun = (path for path in runs.glob(f"*-{name}") if named.fullmatch(path.name))
    return max((path for path in begun if any(path.glob("checkpoints/step-*"))), default=None)


def command(entry: Entry, runs: Path) -> list[str]:
    """Return the command that begins a run, or goes on with it."""
    begun = newest_run(runs, entry.name)
    new = ["--config", entry.config, "--out", str(runs), "--set", f"name={entry.name}"]
    which = ["--resume", str(begun)] if begun else new
    overrides = [word for each in entry.overrides for word in ("--set", each)]
    return [*CAPTIONGAN, "train", *which, "--data", entry.data, *overrides]


def _start(entry: Entry, runs: Path) -> _Running:
    path = runs / f"{entry.name}.log"
    with path.open("ab") as log:
        begin = log.tell()
        # In a session of its own, a run hears of a Ctrl-C once, from here: a second one would
        # make it quit without saving.
        process = subprocess.Popen(
            command(entry, runs), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    return _Running(entry, process, path, begin)


def _alive(running: Sequence[_Running]) -> list[_Running]:
    return [each for each in running if each.process.poll() is None]


def _wait(running: Sequence[_Running]) -> None:
    end = time.monotonic() + GRACE_SECONDS
    while _alive(running) and time.monotonic() < end:
        time.sleep(0.1)


def _outcome(ended: _Running, runs: Path) -> Outcome:
    name, code = ended.entry.name, ended.process.returncode
    said = ended.log.read_bytes()[ended.begin :].decode(errors="replace")
    if code not in (0, STOPPED) or newest_run(runs, name) is None:
        tail = "\n".join(said.splitlines()[-TAIL_LINES:])
        return Outcome(name, True, f"failed with exit code {code}; the end of {ended.log}:\n{tail}")
    return Outcome(name, False, (PROGRESS.findall(said) or ["no figures yet"])[-1])
