"""Logs of a run for other programs: TensorBoard, and Weights & Biases.

A log lies in the run folder, and gets the lines of `metrics.jsonl` and the sample grids. Its
package is imported only if the log is asked for.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from typing import NamedTuple

import numpy as np
from PIL.Image import Image

from captiongan.base.files import replace_file
from captiongan.base.main_process import is_main_process
from captiongan.errors import ConfigError, needs_extra
from captiongan.export.export import without_places
from captiongan.runs.run_folder import RunFolder


class Log(NamedTuple):
    """An open log: `add` takes a line of `metrics.jsonl`, `show` a sample grid and its step."""

    add: Callable[[Mapping[str, float]], None]
    show: Callable[[int, Image], None]


@contextmanager
def _tensorboard(run: RunFolder, step: int) -> Iterator[Log]:
    from tensorboardX import SummaryWriter

    folder = run.path / "tensorboard"
    writer = SummaryWriter(
        str(folder),
        purge_step=step + 1 if folder.exists() else None,  # what earlier files say is forgotten
        filename_suffix=f".{step}",  # a file is named after the second, and none may be replaced
    )

    def add(line: Mapping[str, float]) -> None:
        for name in line.keys() - {"step", "time"}:
            writer.add_scalar(name, line[name], int(line["step"]), line["time"])

    def show(step: int, sheet: Image) -> None:
        writer.add_image("grid", np.asarray(sheet.convert("RGB")), step, dataformats="HWC")

    with writer:
        yield Log(add, show)


@contextmanager
def _wandb(run: RunFolder, step: int) -> Iterator[Log]:  # noqa: ARG001  W&B drops repeated steps
    import wandb

    try:
        opened = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "captiongan"),
            name=run.path.name,
            id=_kept_id(run),
            resume="allow",
            dir=run.path,
            config=without_places(run.config()),
            settings=wandb.Settings(console="off", quiet=True),
        )
    except wandb.Error as error:
        raise ConfigError(
            f"--log wandb: {error}; run `wandb login`, or set WANDB_MODE=offline"
        ) from error
    with opened:
        yield Log(
            add=lambda line: opened.log(dict(line), step=int(line["step"])),
            show=lambda step, sheet: opened.log({"grid": wandb.Image(sheet)}, step=step),
        )


def _kept_id(run: RunFolder) -> str:
    """Return the run's id at Weights & Biases, which a resumed run keeps."""
    file = run.path / "wandb" / "id"
    if not file.is_file():
        file.parent.mkdir(exist_ok=True)
        replace_file(file, secrets.token_hex(8).encode())
    return run.read("wandb/id").decode()


OpenLog = Callable[[RunFolder, int], AbstractContextManager[Log]]

LOGS: Mapping[str, tuple[str, OpenLog]] = {
    "tensorboard": ("tensorboardX", _tensorboard),
    "wandb": ("wandb", _wandb),
}
"""The package of each log, and how it is opened; the extra that installs it has the log's name."""


def check_logs(names: Sequence[str]) -> None:
    """Check that there are such logs, and that their packages are installed.

    Raises:
        ConfigError: there is no such log.
        CaptionganError: a package is missing; the message names the extra.
    """
    for name in names:
        if name not in LOGS:
            raise ConfigError(f"--log '{name}' is unknown; choose {' or '.join(LOGS)}")
        with needs_extra(name, f"--log {name}", "it"):
            import_module(LOGS[name][0])


@contextmanager
def open_logs(names: Sequence[str], run: RunFolder, step: int) -> Iterator[list[Log]]:
    """Open the logs of a run for the steps after `step`, in the main process alone.

    The log of a run that is resumed goes on.

    Raises:
        ConfigError: Weights & Biases refuses; the message says why.
    """
    with ExitStack() as held:
        yield [held.enter_context(LOGS[name][1](run, step)) for name in names if is_main_process()]
