"""Resumes a run: checks which options may change, and loads the latest checkpoint."""

from collections.abc import Sequence
from operator import attrgetter

from rich.console import Console

from captiongan.base.progress import say
from captiongan.data.store import PictureStore
from captiongan.errors import ConfigError, DataError, RunError
from captiongan.runs.checkpoint import latest_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.identity import FIXED
from captiongan.runs.run_folder import RunFolder
from captiongan.text.registry import choose_encoder, is_folder
from captiongan.training.data_source import with_absolute_paths
from captiongan.training.early_stopping import reason_to_stop
from captiongan.training.from_bundle import load_bundle_weights
from captiongan.training.open_trainer import open_trainer
from captiongan.training.rollback import after_rollback
from captiongan.training.trainer import Trainer


def resume_trainer(
    run: RunFolder, data: str | None, overrides: Sequence[str], console: Console
) -> Trainer:
    """Return the trainer of an earlier run at its latest checkpoint, with some options changed.

    Raises:
        ConfigError: an option breaks its rule, or a resumed run cannot change it.
        DataError: the data cannot be used.
        RunError: the data is not what the run was trained on, or no checkpoint fits.
    """
    try:
        trainer = open_trainer(_resumed_config(run, overrides, data), console, resumed=True)
    except DataError as error:
        raise DataError(f"{error}; if the data moved, name its new place with --data") from error
    _restore(trainer, run, console)
    return trainer


def why_finished(trainer: Trainer, run: RunFolder) -> str:
    """Say why a run has nothing left to train; empty if it has."""
    plan, step = trainer.config.training, trainer.state.step
    if step >= plan.steps(plan.kimg):
        reached = plan.kimg_after(step)
        return (
            f"run folder {run.path} has reached {reached:g} kimg; train it longer with "
            f"--set training.kimg={2 * reached:g}"
        )
    lines = [line for line in run.metrics() if line["step"] <= step]
    return reason_to_stop(lines, trainer.config.scores)


def check_same(wanted: RunConfig, run: RunFolder) -> None:
    """Check that the run in a folder has the wanted configuration, except for its rollbacks.

    Raises:
        ConfigError: it is another run; the message names an option.
    """
    for _ in range(wanted.training.rollbacks - run.config().training.rollbacks):
        wanted = after_rollback(wanted)
    kept = run.config(source=wanted.data.source)
    if wanted.training.threads is None:  # the run has chosen
        wanted = wanted.with_threads(kept.training.threads)
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
    """Whether two text encoders are folders with the same content, as a run keeps its own copy."""
    if not (is_folder(one) and is_folder(other)):
        return False
    return choose_encoder(one).identity.sha256 == choose_encoder(other).identity.sha256


def _difference(before: object, value: object) -> str:
    """Say in which options two sections of a configuration differ."""
    if not (isinstance(before, dict) and isinstance(value, dict)):
        return f"{before}, not {value}"
    differing = [name for name in value if before.get(name) != value[name]]
    return ", ".join(f"{name} {before.get(name)}, not {value[name]}" for name in differing)


def _resumed_config(run: RunFolder, overrides: Sequence[str], data: str | None) -> RunConfig:
    after = with_absolute_paths(run.config(overrides, data))
    _check_fixed(run.config(), after)
    return after


def _check_fixed(before: RunConfig, after: RunConfig) -> None:
    """Check that no option changes which a resumed run must keep.

    Raises:
        ConfigError: one changes; the message names it.
    """
    for option in FIXED:
        old, new = (attrgetter(option)(config) for config in (before, after))
        if old != new:
            raise ConfigError(
                f"--set {option}={new}: the run began with {old}, which a resumed run "
                "cannot change; leave it out, or start a new run"
            )


def _restore(trainer: Trainer, run: RunFolder, console: Console) -> None:
    _check_data(trainer.data.store, run, trainer.config.data.source)
    if any(run.checkpoints.glob("step-*")):
        trainer.go_back_to(latest_checkpoint(run.checkpoints), run)
    else:
        say(console, f"'{run.path}' has no checkpoint yet; it starts again")
        if trainer.config.training.start:
            load_bundle_weights(trainer)


def _check_data(store: PictureStore, run: RunFolder, source: str) -> None:
    facts = run.data_facts()
    if facts.get("digest") != store.digest:
        changed = "its pictures or captions have changed; bring them back"
    elif facts.get("pixels_sha256", store.pixels_sha256) != store.pixels_sha256:
        changed = (
            "its pictures have changed, or another version of Pillow decodes them; bring back "
            "the former"
        )
    else:
        return
    raise RunError(
        f"'{source}' is not what '{run.path}' was trained on: {changed}, or start a new run"
    )
