"""An earlier run to go on with: what of it may change, and where it has come to."""

from collections.abc import Sequence
from operator import attrgetter

from rich.console import Console

from captiongan.base.progress import say
from captiongan.errors import ConfigError, DataError, RunError
from captiongan.runs.checkpoint import latest_checkpoint, load_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.text.registry import choose_encoder, is_folder
from captiongan.training.data_source import with_absolute_paths
from captiongan.training.opening import opened
from captiongan.training.patience import impatience
from captiongan.training.rollback import calmer
from captiongan.training.trainer import Trainer
from captiongan.training.warm_start import take_over

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


def resumed(
    run: RunFolder, data: str | None, overrides: Sequence[str], console: Console
) -> Trainer:
    """Return a run as it was left, with some options changed.

    Raises:
        ConfigError: an option breaks its rule, or a resumed run cannot change it.
        DataError: the data cannot be used.
        RunError: the data is not what the run was trained on, or no checkpoint fits.
    """
    try:
        trainer = opened(_resumed_config(run, overrides, data), console)
    except DataError as error:
        raise DataError(f"{error}; if the data moved, name its new place with --data") from error
    _restore(trainer, run, console)
    return trainer


def why_over(trainer: Trainer, run: RunFolder) -> str:
    """Say in words why a run has nothing left to train; empty if it has."""
    plan, step = trainer.config.training, trainer.state.step
    if step >= plan.steps(plan.kimg):
        reached = plan.kimg_after(step)
        return (
            f"run folder {run.path} has reached {reached:g} kimg; go further with "
            f"--set training.kimg={2 * reached:g}"
        )
    lines = [line for line in run.metrics() if line["step"] <= step]
    return impatience(lines, trainer.config.scores)


def check_same(wanted: RunConfig, run: RunFolder) -> None:
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
