"""The verb `train`: starts a new run, resumes an earlier one, or does a dry run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from captiongan.base.commands import command
from captiongan.base.main_process import is_main_process
from captiongan.base.progress import say
from captiongan.bundle.subject import Subject
from captiongan.compute import distributed
from captiongan.compute.memory import keep_freed_memory
from captiongan.errors import ConfigError
from captiongan.runs.checkpoint import checkpoints
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import load_config
from captiongan.runs.run_folder import RunFolder
from captiongan.text.registry import why_not_exportable
from captiongan.training.data_source import with_absolute_paths
from captiongan.training.discriminator_warm_up import warm_up
from captiongan.training.dry_run import print_dry_run
from captiongan.training.from_bundle import load_bundle_weights
from captiongan.training.logs import check_logs
from captiongan.training.loop import train
from captiongan.training.open_trainer import open_trainer
from captiongan.training.resume import check_same, resume_trainer, why_finished
from captiongan.training.rollback import forget_after
from captiongan.training.sample_grid import SampleGrid
from captiongan.training.starting_config import starting_config
from captiongan.training.thread_choice import use_threads
from captiongan.training.trainer import Trainer

Say = Callable[[str], None]
LiveView = Callable[[RunFolder, Say], AbstractContextManager[object]]
"""A context that shows a run while it is entered, and prints its address."""


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
    logs: Sequence[str] = (),
) -> bool:
    """Start or resume a run; under `torchrun`, together with the other processes.

    Args:
        config: the name of a preset, a YAML file, or None for the defaults.
        data: the data set, if not the configuration's own.
        out: the folder in which a new numbered run folder is created.
        resume: the run folder to resume, instead of a new run.
        overrides: `section.name=value`, applied in order.
        dry_run: whether to print what a run would do, and write nothing.
        live_view: shows the run while it trains.
        into: the run folder: created, or resumed if it exists.
        bundle: the bundle that a new run starts from: a shipped one's name, or a folder.
        logs: names from `logs.LOGS`.

    Returns:
        Whether nothing is left to train.

    Raises:
        BundleError: the bundle is missing or damaged, or a run cannot start from it.
        ConfigError: the options contradict each other or break a rule.
        DataError: the data cannot be used.
        RunError: there is nothing to resume, another process trains the run, or it diverged.
        OutputError: the run folder cannot be written.
    """
    if resume is not None and (config is not None or into is not None or bundle is not None):
        raise ConfigError(
            f"--resume '{resume}' has its own configuration, start and folder; leave out --config, "
            "--from and --into"
        )
    check_logs(logs)
    keep_freed_memory()
    with distributed.joined(), ExitStack() as held:
        console = Console(quiet=not is_main_process())
        run = None if resume is None else RunFolder.open(resume)
        if run is None:
            wanted = _wanted_config(config, data, overrides, bundle, into, dry_run, console)
            if into is not None and _exists(into):
                run, overrides = RunFolder(into), ()
                check_same(wanted, run)
        if run is not None:
            if not dry_run:
                held.enter_context(run.locked())
            trainer = resume_trainer(run, data, overrides, console)
            if reason := why_finished(trainer, run):
                say(console, reason)
                return True
        else:
            trainer = open_trainer(wanted, console)
            if wanted.training.start:
                load_bundle_weights(trainer)
        held.callback(torch.set_num_threads, torch.get_num_threads())
        trainer = use_threads(trainer, console, resumed=run is not None)
        if dry_run:
            print_dry_run(trainer, console)
            return True
        if run is not None:
            with run.writing():
                forget_after(trainer.state.step, run)
                run.write_config(trainer.config)
        else:
            run = _new_run(trainer, out, into)
            held.enter_context(run.locked())
        say(console, f"run folder {run.path}")
        shown = (
            live_view(run, partial(say, console))
            if live_view and is_main_process()
            else nullcontext()
        )
        with _report_quit(run, console), run.writing(), shown:
            if not _warm_up(trainer, run, console):
                return False
            complete = train(trainer, run, console, logs)
        _say_next_step(complete, trainer, run, console)
        return complete


def _wanted_config(
    config: str | Path | None,
    data: str | None,
    overrides: Sequence[str],
    bundle: str | None,
    into: Path | None,
    dry_run: bool,
    console: Console,
) -> RunConfig:
    """Return the configuration that the command line asks for."""
    if bundle is None:
        wanted = with_absolute_paths(load_config(config, overrides, data))
    else:
        wanted = starting_config(bundle, config, overrides, data, partial(say, console))
    distributed.shard(wanted.training.batch_size)
    if into is None and distributed.world_size() > 1 and not dry_run:
        raise ConfigError(
            f"--into is missing; {distributed.world_size()} processes train one run: "
            "name its folder"
        )
    return wanted


def _exists(run: Path) -> bool:
    """Whether there is such a run; every process checks that before one of them creates it."""
    exists = (run / "config.yaml").is_file()
    distributed.barrier()
    return exists


def _new_run(trainer: Trainer, out: Path, into: Path | None) -> RunFolder:
    data = trainer.data
    subject = Subject.of(data.store.captions, data.embeddings.cpu().numpy())
    facts = data.facts() | {
        "sample_captions": SampleGrid(data).captions,
        "subject": subject and subject.to_facts(),
    }
    if into is not None:
        return RunFolder.make(into, trainer.config, facts)
    return RunFolder.create(out, trainer.config, facts)


@contextmanager
def _report_quit(run: RunFolder, console: Console) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say(
            console,
            f"quit without saving; what was saved before: {command('train', '--resume', run.path)}",
        )
        raise


def _warm_up(trainer: Trainer, run: RunFolder, console: Console) -> bool:
    """Warm up a new run that starts from a bundle; return False if a signal stopped it."""
    if not trainer.config.training.start or checkpoints(run.checkpoints):
        return True
    distributed.check_alike(trainer.totals())
    if not warm_up(trainer, partial(say, console)):
        say(
            console,
            "stopped during the warm-up; start it again with: "
            f"{command('train', '--resume', run.path)}",
        )
        return False
    trainer.save(run)
    return True


def _say_next_step(complete: bool, trainer: Trainer, run: RunFolder, console: Console) -> None:
    if not complete:
        say(console, f"stopped and saved; resume with: {command('train', '--resume', run.path)}")
    elif why_not_exportable(trainer.config.text.encoder):
        say(console, f"done; its pictures: {run.path / 'grids'}")
    else:
        say(console, f"done; next: {command('export', run.path, '--out', 'BUNDLE')}")
