"""Opens data, text encoder and networks of a run, and says what was found."""

from rich.console import Console

from captiongan.base.commands import command
from captiongan.base.progress import say
from captiongan.compute.devices import cpu_has_bf16, default_device, slowdown_of_bf16
from captiongan.errors import DataError
from captiongan.runs.config import RunConfig
from captiongan.text.registry import why_not_exportable
from captiongan.training.data_source import judgement_of
from captiongan.training.state import choose_precision
from captiongan.training.trainer import Trainer


def open_trainer(config: RunConfig, console: Console, resumed: bool = False) -> Trainer:
    """Return the trainer of a run before its first step.

    Raises:
        ConfigError, OutputError: see `Trainer.prepare`.
        DataError: see `Trainer.prepare`; or a new run could not learn from the data.
    """
    say(console, f"opening {config.data.source}; the first time decodes and encodes it")
    trainer = Trainer.prepare(config, console)
    if config.training.precision == "auto" and default_device().type == "cpu" and cpu_has_bf16():
        say(
            console,
            f"training.precision=auto: {choose_precision('auto')}; a convolution in bf16 takes "
            f"{slowdown_of_bf16():.2g} times as long as in single precision",
        )
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
        say(console, f"  and others; all: {command('data', 'check', facts['source'])}")
    judgement = judgement_of(config, trainer.data.store)
    if judgement.obstacle and not resumed:
        raise DataError(f"--data '{facts['source']}': {judgement.obstacle}")
    for line in (*judgement.to_fix, *judgement.advice):
        say(console, line)
    if reason := why_not_exportable(config.text.encoder):
        say(console, f"text.encoder={config.text.encoder}: this run cannot be exported, {reason}")
    return trainer
