"""The verb `train`: a new run, an earlier one to go on with, or a dry run."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from captiongan.config import RunConfig, load_config
from captiongan.errors import ConfigError
from captiongan.training.loop import Setting, train
from captiongan.training.run_folder import RunFolder

FIXED = ("data", "text", "generator", "discriminator", "training.batch_size", "training.seed")
"""What a resumed run cannot change."""


def start(
    config: Path | None,
    data: str | None,
    out: Path,
    resume: Path | None,
    overrides: Sequence[str],
    dry_run: bool,
) -> bool:
    """Do what the command line asks for; return whether nothing is left to train.

    Raises:
        ConfigError: the options contradict each other or break a rule.
        DataError: the data cannot be used.
        RunError: there is nothing to resume, or the training diverged.
        OutputError: the run folder cannot be written.
    """
    console = Console()
    if resume is not None:
        return _resume(resume, config, data, overrides, console)
    resolved = load_config(config, overrides, _absolute(data))
    if not resolved.data.source:
        raise ConfigError("--data is missing; name a captioned folder, or use --data toy")
    setting = Setting.prepare(resolved, console)
    _tell_data(setting, console)
    if dry_run:
        _tell_dry_run(setting, console)
        return True
    run = RunFolder.create(out, resolved)
    return _train(setting, run, console, resume=False)


def _resume(
    path: Path, config: Path | None, data: str | None, overrides: Sequence[str], console: Console
) -> bool:
    if config is not None or data is not None:
        raise ConfigError(
            f"--resume '{path}' has its own configuration and data; "
            "leave --config and --data out, change single values with --set"
        )
    run = RunFolder.open(path)
    resolved = run.config(overrides)
    _check_unchanged(run.config(), resolved)
    setting = Setting.prepare(resolved, console)
    _tell_data(setting, console)
    return _train(setting, run, console, resume=True)


def _check_unchanged(before: RunConfig, after: RunConfig) -> None:
    """Refuse to resume with another course of batches or other networks."""
    for address in FIXED:
        section, _, name = address.partition(".")
        old, new = (getattr(config, section) for config in (before, after))
        if name:
            old, new = getattr(old, name), getattr(new, name)
        if old != new:
            raise ConfigError(
                f"--set {address}: '{new}' is not what the run began with, '{old}'; "
                "leave it, or start a new run"
            )


def _train(setting: Setting, run: RunFolder, console: Console, resume: bool) -> bool:
    _say(console, f"run folder {run.path}")
    complete = train(setting, run, console, resume)
    if complete:
        _say(console, f"done: captiongan export {run.path} --out BUNDLE")
    else:
        _say(console, f"stopped and saved; go on with: captiongan train --resume {run.path}")
    return complete


def _absolute(data: str | None) -> str | None:
    """Make a folder's path independent of where a run is resumed from."""
    if data is None or data.partition(":")[0] == "toy":
        return data
    return str(Path(data).resolve())


def _tell_data(setting: Setting, console: Console) -> None:
    facts = setting.data_facts()
    _say(
        console,
        f"{facts['source']}: {facts['pictures']:,} pictures, {facts['captions']:,} captions, "
        f"{facts['classes']} classes, {len(facts['skipped'])} lines skipped",
    )
    for reject in facts["skipped"][:5]:
        _say(console, f"  skipped {reject}")
    if len(facts["skipped"]) > 5:
        _say(console, f"  and others; all: captiongan data check {facts['source']}")


def _tell_dry_run(setting: Setting, console: Console) -> None:
    _say(console, setting.config.to_yaml())
    for network, weights in setting.parameters().items():
        _say(console, f"{network}: {weights:,} parameters")
    setting.take_step()
    started = time.perf_counter()
    setting.take_step()
    seconds = time.perf_counter() - started
    steps = setting.steps(setting.config.training.kimg)
    _say(
        console,
        f"one step: {seconds:.3f} s ({setting.config.training.batch_size / seconds:.0f} images/s); "
        f"the whole run of {steps:,} steps: {steps * seconds / 3600:.1f} h. Nothing was written.",
    )


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
