"""The verb `train`: a new run, an earlier one to go on with, or a dry run."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path

from rich.console import Console

from captiongan.base.main_process import is_main_process
from captiongan.base.progress import say
from captiongan.compute import distributed
from captiongan.compute.memory import keep_freed_memory
from captiongan.errors import ConfigError, DataError, RunError
from captiongan.runs.checkpoint import checkpoints, latest_checkpoint, load_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import load_config
from captiongan.runs.run_folder import RunFolder
from captiongan.text.registry import choose_encoder, is_folder, why_it_stays
from captiongan.training.cuda_graph import WARM_UP
from captiongan.training.data_source import with_absolute_paths
from captiongan.training.loop import Trainer
from captiongan.training.patience import impatience
from captiongan.training.rollback import calmer, forget_after, train_with_rollbacks
from captiongan.training.sample_grid import SampleGrid
from captiongan.training.step import Metrics
from captiongan.training.warm_start import starting_config, take_over, warm_up

LiveView = Callable[[RunFolder, Callable[[str], None]], AbstractContextManager[object]]
"""Shows a run beside its training, and says where, until it is left."""

FIXED = (
    "network",
    *(f"data.{name}" for name in ("resolution", "margin", "flip", "facing", "squash")),
    *("data.mismatching", "data.typical_share", "losses.species"),
    *(f"text.{name}" for name in ("captions", "averaged", "wording")),
    *(f"generator.{name}" for name in ("features", "noise_dim", "projected_dim", "attention")),
    *(f"discriminator.{name}" for name in ("features", "projected_dim", "beside")),
    *(f"training.{name}" for name in ("batch_size", "seed", "start")),
    *(f"scores.{name}" for name in ("every_kimg", "extractor")),
)
"""What a resumed run cannot change."""

TIMED_STEPS = 5
UNTIMED_STEPS = WARM_UP + 1
"""The recording of a step is the last of them."""


def start(
    config: str | Path | None,
    data: str | None,
    out: Path,
    resume: Path | None,
    overrides: Sequence[str],
    dry_run: bool,
    live_view: LiveView | None = None,
    into: Path | None = None,
    bundle: str | None = None,
) -> bool:
    """Do what the command line asks for; return whether nothing is left to train.

    Started by `torchrun`, do it together with the other processes. With a `bundle`, a shipped one's
    name or a folder, the run starts from its weights.

    Raises:
        BundleError: the bundle is missing or damaged, or a run cannot start from it.
        ConfigError: the options contradict each other or break a rule.
        DataError: the data cannot be used.
        RunError: there is nothing to resume, another process trains the run, or it diverged.
        OutputError: the run folder cannot be written.
    """
    if resume is not None and (config is not None or into is not None or bundle is not None):
        raise ConfigError(
            f"--resume '{resume}' has its own configuration, start and folder; leave --config, "
            "--from and --into out"
        )
    keep_freed_memory()
    with distributed.joined():
        console = Console(quiet=not is_main_process())
        if resume is not None:
            return _resume(RunFolder.open(resume), data, overrides, dry_run, live_view, console)
        if bundle is None:
            wanted = with_absolute_paths(load_config(config, overrides, data))
        else:
            wanted = starting_config(bundle, config, overrides, data, partial(say, console))
        distributed.shard(wanted.training.batch_size)
        if into is not None and _is_there(into):
            earlier = RunFolder(into)
            _check_same(wanted, earlier)
            return _resume(earlier, data, (), dry_run, live_view, console)
        if into is None and distributed.world_size() > 1 and not dry_run:
            raise ConfigError(
                f"--into is missing; {distributed.world_size()} processes train one run; "
                "name its folder"
            )
        trainer = _prepare(wanted, console)
        if wanted.training.start:
            take_over(trainer)
        if dry_run:
            return _tell_dry_run(trainer, console)
        new = _new_run(trainer, out, into)
        with new.locked():
            return _train(trainer, new, console, live_view)


def _is_there(run: Path) -> bool:
    """Whether there is such a run; all processes have looked before one of them makes it."""
    there = (run / "config.yaml").is_file()
    distributed.barrier()
    return there


def _check_same(wanted: RunConfig, run: RunFolder) -> None:
    """Make sure that the run of a folder is the one that is asked for; it may be calmer by now.

    Raises:
        ConfigError: it is another one; the message names an option.
    """
    for _ in range(wanted.training.rollbacks - run.config().training.rollbacks):
        wanted = calmer(wanted)
    kept = run.config(source=wanted.data.source)
    if _same_encoder(wanted.text.encoder, kept.text.encoder):
        wanted = wanted.with_encoder(kept.text.encoder)
    had = kept.model_dump()
    for section, value in wanted.model_dump().items():
        before = had[section]
        if before != value:
            raise ConfigError(
                f"--into '{run.path}': the run there has {section} {_difference(before, value)}; "
                "name another folder, or change the run with --resume and --set"
            )


def _same_encoder(one: str, other: str) -> bool:
    """Whether two text encoders are folders of the same content: a run keeps a copy of its own."""
    if not (is_folder(one) and is_folder(other)):
        return False
    return choose_encoder(one).identity.sha256 == choose_encoder(other).identity.sha256


def _difference(before: object, value: object) -> str:
    """Say in which options two sections of a configuration differ."""
    if not (isinstance(before, dict) and isinstance(value, dict)):
        return f"{before}, not {value}"
    differing = [name for name in value if before.get(name) != value[name]]
    return ", ".join(f"{name} {before.get(name)}, not {value[name]}" for name in differing)


def _resume(
    run: RunFolder,
    data: str | None,
    overrides: Sequence[str],
    dry_run: bool,
    live_view: LiveView | None,
    console: Console,
) -> bool:
    with nullcontext() if dry_run else run.locked():
        try:
            trainer = _prepare(_resumed_config(run, overrides, data), console)
        except DataError as error:
            raise DataError(
                f"{error}; if the data moved, name its new place with --data"
            ) from error
        _restore(trainer, run, console)
        if trainer.state.step >= trainer.steps(trainer.config.training.kimg):
            return _tell_complete(trainer, run, console)
        reached = [line for line in run.metrics() if line["step"] <= trainer.state.step]
        if enough := impatience(reached, trainer.config.scores):
            say(console, enough)
            return True
        if dry_run:
            return _tell_dry_run(trainer, console)
        with run.writing():
            forget_after(trainer.state.step, run)
            run.write_config(trainer.config)
        return _train(trainer, run, console, live_view)


def _resumed_config(run: RunFolder, overrides: Sequence[str], data: str | None) -> RunConfig:
    after = with_absolute_paths(run.config(overrides, data))
    _check_fixed(run.config(), after)
    return after


def _check_fixed(before: RunConfig, after: RunConfig) -> None:
    """Make sure that a run goes on as it began.

    Raises:
        ConfigError: it would not; the message names the option.
    """
    for option in FIXED:
        old, new = (attrgetter(option)(config) for config in (before, after))
        if old != new:
            raise ConfigError(
                f"--set {option}={new}: the run began with {old}, which a resumed run "
                "cannot change; leave it, or start a new run"
            )


def _prepare(config: RunConfig, console: Console) -> Trainer:
    say(console, f"opening {config.data.source}; the first time decodes and encodes it")
    trainer = Trainer.prepare(config, console)
    facts = trainer.data.facts()
    say(
        console,
        f"{facts['pictures']:,} pictures, {facts['captions']:,} captions, "
        f"{facts['classes']} classes, {len(facts['skipped'])} lines skipped",
    )
    if facts["left_out"]:
        say(console, f"{facts['left_out']:,} less typical pictures left out (data.typical_share)")
    if trainer.data.turned is not None:
        count = trainer.data.turned.sum()
        say(console, f"data.facing: {count:,} pictures are mirrored, so that all face one way")
    for reject in facts["skipped"][:5]:
        say(console, f"  skipped {reject}")
    if len(facts["skipped"]) > 5:
        say(console, f"  and others; all: captiongan data check {facts['source']}")
    if reason := why_it_stays(config.text.encoder):
        say(console, f"text.encoder={config.text.encoder}: this run cannot be exported, {reason}")
    return trainer


def _restore(trainer: Trainer, run: RunFolder, console: Console) -> None:
    if run.data_facts().get("digest") != trainer.data.store.digest:
        raise RunError(
            f"'{trainer.config.data.source}' is not what '{run.path}' was trained on: its "
            "pictures or captions have changed; bring them back, or start a new run"
        )
    if any(run.checkpoints.glob("step-*")):
        load_checkpoint(latest_checkpoint(run.checkpoints), trainer.state, trainer.encoder.identity)
    else:
        say(console, f"'{run.path}' holds no checkpoint yet; it begins again")
        if trainer.config.training.start:
            take_over(trainer)


def _tell_complete(trainer: Trainer, run: RunFolder, console: Console) -> bool:
    reached = trainer.kimg(trainer.state.step)
    say(
        console,
        f"run folder {run.path} has reached {reached:g} kimg; go further with "
        f"--set training.kimg={2 * reached:g}",
    )
    return True


def _new_run(trainer: Trainer, out: Path, into: Path | None) -> RunFolder:
    facts = trainer.data.facts() | {"sample_captions": SampleGrid(trainer.data).captions}
    if into is not None:
        return RunFolder.make(into, trainer.config, facts)
    return RunFolder.create(out, trainer.config, facts)


def _train(trainer: Trainer, run: RunFolder, console: Console, live_view: LiveView | None) -> bool:
    say(console, f"run folder {run.path}")
    try:
        watch = live_view if is_main_process() else None
        shown = watch(run, partial(say, console)) if watch else nullcontext()
        with run.writing(), shown:
            if trainer.config.training.start and not checkpoints(run.checkpoints):
                distributed.check_alike(trainer.totals())
                if not warm_up(trainer, partial(say, console)):
                    say(
                        console,
                        "stopped during the warm-up; begin it again with: "
                        f"captiongan train --resume {run.path}",
                    )
                    return False
                trainer.save(run)
            complete = train_with_rollbacks(trainer, run, console)
    except KeyboardInterrupt:
        say(
            console,
            f"quit without saving; what was saved before: captiongan train --resume {run.path}",
        )
        raise
    if complete and why_it_stays(trainer.config.text.encoder):
        say(console, f"done; its pictures: {run.path / 'grids'}")
    elif complete:
        say(console, f"done; next: captiongan export {run.path} --out BUNDLE")
    else:
        say(console, f"stopped and saved; go on with: captiongan train --resume {run.path}")
    return complete


def _tell_dry_run(trainer: Trainer, console: Console) -> bool:
    say(console, trainer.config.to_yaml())
    state = trainer.state
    for name, network in (("generator", state.generator), ("discriminator", state.discriminator)):
        say(console, f"{name}: {sum(w.numel() for w in network.parameters()):,} parameters")
    steps_left = trainer.steps(trainer.config.training.kimg) - state.step
    for _ in range(UNTIMED_STEPS):
        metrics = trainer.take_step()
    started = _time_when_done(metrics)
    for _ in range(TIMED_STEPS):
        metrics = trainer.take_step()
    seconds = (_time_when_done(metrics) - started) / TIMED_STEPS
    whole = timedelta(seconds=round(steps_left * seconds))
    say(
        console,
        f"one step: {seconds:.3f} s ({trainer.config.training.batch_size / seconds:.0f} images/s), "
        f"{steps_left:,} steps: {whole}. No run was started.",
    )
    return True


def _time_when_done(metrics: Metrics) -> float:
    """Wait until the device has computed the figures; return the time."""
    float(metrics["loss_d"])
    return time.perf_counter()
