"""The folder of one training run, and what is where in it.

00003-dcgan/
  config.yaml       the resolved configuration, written first
  data.json         what the run was trained on, and what was skipped
  metrics.jsonl     a line of figures every `log_every_kimg`
  grids/            sample grids, named by step
  checkpoints/      training states, named by step; the newest complete one counts
  best/             the training state with the best scores so far, where a run is scored
  text_encoder/     a copy of the text encoder, where `text.encoder` is a folder
  lock, owner.json  held while a process trains, and which one that is or was last
"""

import json
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from PIL.Image import Image

from captiongan.base.files import (
    naming,
    os_errors_as,
    remove_leftovers,
    replace_file,
    whole_file,
    whole_folder,
)
from captiongan.base.main_process import is_main_process, main_process_only
from captiongan.bundle.text_encoder import ENCODER_FILES
from captiongan.errors import OutputError, RunError
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import KEPT_ENCODER, SCHEMA, load_config
from captiongan.version import __version__

"""Where a run keeps its copy of a text encoder; `config.yaml` names it relative to the run."""


@dataclass(frozen=True)
class RunFolder:
    """One run on disk; of several processes that train it, only the first one writes."""

    path: Path

    @classmethod
    def create(
        cls, runs: Path, config: RunConfig, facts: dict[str, Any] | None = None
    ) -> "RunFolder":
        """Make the next numbered folder in `runs`, as `make` does.

        Raises:
            OutputError: it cannot be made.
        """
        taken = [int(found[1]) for entry in runs.glob("*") if (found := NUMBERED.match(entry.name))]
        return cls.make(runs / f"{max(taken, default=-1) + 1:05d}-{config.name}", config, facts)

    @classmethod
    def make(
        cls, path: Path, config: RunConfig, facts: dict[str, Any] | None = None
    ) -> "RunFolder":
        """Make a folder with the configuration, and the facts of the data if they are known.

        Raises:
            OutputError: it cannot be made.
        """
        what = f"run folder '{path}' cannot be made"
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
            RunError: it is not one.
        """
        if not (path / "config.yaml").is_file():
            raise RunError(
                f"'{path}' is not a run: no config.yaml in it; "
                "name a folder such as runs/00000-dcgan"
            )
        return cls(path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training this run meanwhile; clear up after killed ones.

        The system drops the lock with the process that holds it, so none outlives a kill.

        Raises:
            OutputError: nothing can be written here.
            RunError: another process trains it; the message names it.
        """
        if not is_main_process():
            yield
            return
        try:
            held = FileLock(self.path / "lock").acquire(blocking=False)
        except Timeout:
            raise RunError(
                f"run folder '{self.path}' is being trained by {self._owner()}; wait for it, or "
                "stop it first"
            ) from None
        with held:
            with self.writing():
                for folder in (self.path, self.grids):
                    remove_leftovers(folder)
                owner = {"pid": os.getpid(), "host": socket.gethostname()}
                replace_file(self.path / "owner.json", json.dumps(owner).encode())
            yield

    def writing(self) -> AbstractContextManager[None]:
        """Turn an OSError of the block into an OutputError that says how to resume."""
        what = f"run folder '{self.path}' cannot be written"
        fix = f"fix that, then captiongan train --resume {self.path}"
        return os_errors_as(OutputError, what, fix)

    def _owner(self) -> str:
        try:
            owner = json.loads((self.path / "owner.json").read_bytes())
            return f"process {owner['pid']} on {owner['host']}"
        except (OSError, ValueError, KeyError, TypeError):
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
        """Read the run's configuration, with single values, or the data set, replaced."""
        return load_config(self.path / "config.yaml", overrides, source, schema=1)

    @main_process_only
    def write_config(self, config: RunConfig) -> None:
        """Note the configuration that holds from now on; keep a text encoder that is a folder."""
        encoder = Path(config.text.encoder)
        if encoder.is_absolute():
            self._keep_encoder(encoder)
            config = config.with_encoder(f"{KEPT_ENCODER}/{encoder.name}")
        origin = f"schema: {SCHEMA}\ncaptiongan: {__version__}\n"
        replace_file(self.path / "config.yaml", (origin + config.to_yaml()).encode())

    def _keep_encoder(self, encoder: Path) -> None:
        """Copy a text encoder, unless it is the copy, or gone since it was copied."""
        kept = self.path / KEPT_ENCODER / encoder.name
        if kept.is_dir() and (not encoder.is_dir() or kept.samefile(encoder)):
            return
        kept.mkdir(parents=True, exist_ok=True)
        for file in ENCODER_FILES:
            replace_file(kept / file, (encoder / file).read_bytes())

    def grid(self, step: int) -> Path:
        """Name the sample grid after a step."""
        return self.grids / f"step-{step:09d}.png"

    def grid_steps(self) -> list[int]:
        """Return the steps after which there are sample grids, in order."""
        files = self.grids.glob("step-*.png")
        names = (re.fullmatch(r"step-(\d+)\.png", file.name) for file in files)
        return sorted(int(name[1]) for name in names if name)

    def write_grid(self, step: int, sheet: Image) -> None:
        """Write the sample grid after a step."""
        with whole_file(self.grid(step)) as file:
            sheet.save(file, "PNG")

    @main_process_only
    def write_data_facts(self, facts: dict[str, Any]) -> None:
        """Note what the run is trained on."""
        replace_file(self.path / "data.json", (json.dumps(facts, indent=2) + "\n").encode())

    def data_facts(self) -> dict[str, Any]:
        """Read what the run was trained on.

        Raises:
            RunError: that was never noted, or is damaged.
        """
        try:
            facts: dict[str, Any] = json.loads((self.path / "data.json").read_bytes())
        except (OSError, ValueError) as error:
            raise RunError(f"'{self.path}' has no readable data.json; start a new run") from error
        return facts

    @main_process_only
    def add_metrics(self, metrics: dict[str, float]) -> None:
        """Append one line of figures."""
        file = self.path / "metrics.jsonl"
        with naming(file), file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(metrics) + "\n")

    def metrics(self) -> list[dict[str, float]]:
        """Read all lines of figures, oldest first; a line cut short by a kill is passed over."""
        file = self.path / "metrics.jsonl"
        if not file.is_file():
            return []
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def forget_metrics_after(self, step: int) -> None:
        """Drop the figures of steps that will be taken again, and a line cut short by a kill."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["step"] <= step]
        replace_file(self.path / "metrics.jsonl", "".join(kept).encode())


NUMBERED = re.compile(r"(\d{5,})-")
