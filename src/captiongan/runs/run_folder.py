"""The folder of one training run, and its contents.

00003-dcgan/
  config.yaml       the resolved configuration, written first
  data.json         what the run was trained on, and what was skipped
  metrics.jsonl     a line of metrics every `log_every_kimg`
  grids/            sample grids, named by step
  judged/           what the discriminator said of each grid, named by step
  checkpoints/      training states, named by step; the newest complete one counts
  best/             the training state with the best scores so far, where a run is scored
  text_encoder/     a copy of the text encoder, where `text.encoder` is a folder
  tensorboard/, wandb/  logs for other programs, where `train --log` asks for them
  lock, owner.json  held while a process trains; the process that holds it, or held it last
"""

import json
import os
import re
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from PIL.Image import Image

from captiongan.base.commands import command
from captiongan.base.files import (
    naming,
    os_errors_as,
    remove_leftovers,
    replace_file,
    whole_file,
    whole_folder,
)
from captiongan.base.lines import BadTextError, parsed_object
from captiongan.base.main_process import is_main_process, main_process_only
from captiongan.bundle.text_encoder import ENCODER_FILES
from captiongan.errors import OutputError, RunError
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import KEPT_ENCODER, SCHEMA, load_config
from captiongan.runs.run_files import metrics_of, read_run_file
from captiongan.version import __version__


@dataclass(frozen=True)
class RunFolder:
    """One run on disk; if several processes train it, only the main one writes."""

    path: Path

    @classmethod
    def create(
        cls, runs: Path, config: RunConfig, facts: dict[str, Any] | None = None
    ) -> "RunFolder":
        """Create the next numbered folder in `runs`, as `make` does.

        Raises:
            OutputError: it cannot be created.
        """
        while True:
            names = (NUMBERED.match(entry.name) for entry in runs.glob("*"))
            number = max((int(name[1]) for name in names if name), default=-1) + 1
            path = runs / f"{number:05d}-{config.name}"
            try:
                return cls.make(path, config, facts)
            except OutputError:
                if not (path / "config.yaml").is_file():  # else another process was first
                    raise

    @classmethod
    def make(
        cls, path: Path, config: RunConfig, facts: dict[str, Any] | None = None
    ) -> "RunFolder":
        """Create a folder with the configuration, and the facts about the data if there are any.

        Raises:
            OutputError: it cannot be created.
        """
        what = f"run folder '{path}' cannot be created"
        with os_errors_as(OutputError, what, "choose another place"):
            cls._make(path, config, facts)
        return cls(path)

    @staticmethod
    @main_process_only
    def _make(path: Path, config: RunConfig, facts: dict[str, Any] | None) -> None:
        with whole_folder(path) as work:
            run = RunFolder(work)
            run.grids.mkdir()
            run.checkpoints.mkdir()
            run.write_config(config)
            if facts is not None:
                run.write_data_facts(facts)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open the folder of an earlier run.

        Raises:
            RunError: it is not the folder of a run.
        """
        run = cls(path)
        if not (path / "config.yaml").is_file():
            raise RunError(
                f"'{path}' is not a run: no config.yaml in it; "
                "name a folder such as runs/00000-dcgan"
            )
        with os_errors_as(RunError, f"run '{path}' cannot be read", "copy the run again"):
            run.read("config.yaml")
        return run

    def read(self, name: str) -> bytes:
        """Return the content of a regular file in this folder; raises OSError for any other."""
        return read_run_file(self.path, name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run against other processes for the block; clean up after killed ones.

        The operating system releases the lock when its process ends, so none outlives a kill.

        Raises:
            OutputError: nothing can be written here.
            RunError: another process trains it; the message names it.
        """
        if not is_main_process():
            yield
            return
        with self.writing():
            held = self._lock()
        with held:
            with self.writing():
                for folder in (self.path, self.grids):
                    remove_leftovers(folder)
                owner = {"pid": os.getpid(), "host": socket.gethostname()}
                replace_file(self.path / "owner.json", json.dumps(owner).encode())
            yield

    def _lock(self) -> AbstractContextManager[object]:
        try:
            return FileLock(self.path / "lock").acquire(blocking=False)
        except Timeout:
            raise RunError(
                f"run folder '{self.path}' is being trained by {self._owner()}; wait for it, or "
                "stop it first"
            ) from None

    def writing(self) -> AbstractContextManager[None]:
        """Turn an OSError of the block into an OutputError that says how to resume."""
        what = f"run folder '{self.path}' cannot be written"
        fix = f"fix that, then {command('train', '--resume', self.path)}"
        return os_errors_as(OutputError, what, fix)

    def _owner(self) -> str:
        try:
            owner = parsed_object(self.read("owner.json"))
            return f"process {owner['pid']} on {owner['host']}"
        except (OSError, BadTextError, KeyError):
            return "another process"

    @property
    def grids(self) -> Path:
        """Where the sample grids are."""
        return self.path / "grids"

    @property
    def checkpoints(self) -> Path:
        """Where the training states are."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """Where the training state with the best scores is."""
        return self.path / "best"

    def config(self, overrides: Sequence[str] = (), source: str | None = None) -> RunConfig:
        """Read the run's configuration, with single options or the data set overridden."""
        return load_config(self.path / "config.yaml", overrides, source, schema=1)

    @main_process_only
    def write_config(self, config: RunConfig) -> None:
        """Write the configuration; copy the text encoder if it is a folder."""
        encoder = Path(config.text.encoder)
        if encoder.is_absolute():
            self._keep_encoder(encoder)
            config = config.with_encoder(f"{KEPT_ENCODER}/{encoder.name}")
        origin = f"schema: {SCHEMA}\ncaptiongan: {__version__}\n"
        replace_file(self.path / "config.yaml", (origin + config.to_yaml()).encode())

    def _keep_encoder(self, encoder: Path) -> None:
        """Copy a text encoder, unless it is the copy itself, or was removed after it was copied."""
        kept = self.path / KEPT_ENCODER / encoder.name
        if kept.is_dir() and (not encoder.is_dir() or kept.samefile(encoder)):
            return
        kept.mkdir(parents=True, exist_ok=True)
        for file in ENCODER_FILES:
            replace_file(kept / file, (encoder / file).read_bytes())

    def grid(self, step: int) -> Path:
        """Return the path of the sample grid after a step."""
        return self.grids / f"step-{step:09d}.png"

    def grid_steps(self) -> list[int]:
        """Return the steps after which there are sample grids, in order."""
        return _steps(self.grids, "png")

    def read_grid(self, step: int) -> bytes:
        """Return the PNG of the sample grid after a step; raises OSError without one."""
        return self.read(f"{self.grids.name}/{self.grid(step).name}")

    def write_grid(self, step: int, sheet: Image) -> None:
        """Write the sample grid after a step."""
        with whole_file(self.grid(step)) as file:
            sheet.save(file, "PNG")

    def judged(self, step: int) -> Path:
        """Return the path of what the discriminator said of the sample grid after a step."""
        return self.path / "judged" / f"step-{step:09d}.json"

    def judged_steps(self) -> list[int]:
        """Return the steps after which the discriminator was asked, in order."""
        return _steps(self.path / "judged", "json")

    def read_judged(self, step: int) -> dict[str, Any]:
        """Return what `write_judged` wrote; raises OSError or BadTextError without it."""
        return parsed_object(self.read(f"judged/{self.judged(step).name}"))

    def write_judged(self, step: int, facts: dict[str, Any]) -> None:
        """Write what the discriminator said of the sample grid after a step."""
        self.judged(step).parent.mkdir(exist_ok=True)
        replace_file(self.judged(step), json.dumps(facts).encode())

    @main_process_only
    def write_data_facts(self, facts: dict[str, Any]) -> None:
        """Write what the run is trained on."""
        replace_file(self.path / "data.json", (json.dumps(facts, indent=2) + "\n").encode())

    def data_facts(self) -> dict[str, Any]:
        """Read what the run was trained on.

        Raises:
            RunError: the file is missing or damaged.
        """
        try:
            return parsed_object(self.read("data.json"))
        except (OSError, BadTextError) as error:
            raise RunError(f"'{self.path}' has no readable data.json; start a new run") from error

    def sample_captions(self) -> list[str]:
        """Return the captions of the sample grids, which are also those of a bundle's sample.

        Raises:
            RunError: `data.json` is missing, or has none.
        """
        captions = self.data_facts().get("sample_captions")
        if (
            isinstance(captions, list)
            and captions
            and all(isinstance(one, str) for one in captions)
        ):
            return captions
        raise RunError(
            f"'{self.path}' has no captions of samples in its data.json; start a new run"
        )

    @cached_property
    def identity(self) -> str:
        """The name of the run in its checkpoints; empty for one of before runs had names."""
        try:
            return str(self.data_facts().get("run", ""))
        except RunError:
            return ""

    @main_process_only
    def add_metrics(self, metrics: dict[str, float]) -> None:
        """Append one line of metrics."""
        file = self.path / "metrics.jsonl"
        with naming(file), file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(metrics) + "\n")

    def metrics(self) -> list[dict[str, float]]:
        """Read all lines of metrics, oldest first.

        A line cut short by a kill is ignored, and so is a damaged one, with a warning.
        """
        file = self.path / "metrics.jsonl"
        if not file.is_file():
            return []
        with os_errors_as(RunError, f"run '{self.path}' cannot be read", "copy the run again"):
            lines = self.read(file.name).split(b"\n")[:-1]
        found = []
        for number, line in enumerate(lines, 1):
            try:
                found.append(metrics_of(line))
            except BadTextError as bad:
                warnings.warn(f"'{file}', line {number}: {bad}; it is ignored", stacklevel=2)
        return found

    def forget_metrics_after(self, step: int) -> None:
        """Remove the metrics after a step, and a line cut short by a kill."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["step"] <= step]
        replace_file(self.path / "metrics.jsonl", "".join(kept).encode())


def _steps(folder: Path, ending: str) -> list[int]:
    names = (re.fullmatch(rf"step-(\d+)\.{ending}", file.name) for file in folder.glob("step-*"))
    return sorted(int(name[1]) for name in names if name)


NUMBERED = re.compile(r"(\d{5,})-")
