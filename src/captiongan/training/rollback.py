"""After a divergence: returns to the last checkpoint and halves the learning rate."""

import time

from rich.console import Console

from captiongan.base.main_process import main_process_only
from captiongan.base.progress import say
from captiongan.runs.checkpoint import (
    checkpoints,
    forget_checkpoints_after,
    latest_checkpoint,
)
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.training.divergence import DivergenceError
from captiongan.training.trainer import Trainer


def rolled_back(
    trainer: Trainer, run: RunFolder, console: Console, error: DivergenceError
) -> Trainer:
    """Return a trainer at the newest checkpoint, or at the start if there is none.

    Raises:
        DivergenceError: `error`, if the run allows no rollback or has none left.
    """
    plan = trainer.config.training
    if plan.on_divergence == "stop" or not plan.rollbacks:
        raise error
    say(console, str(error).partition(";")[0])
    before = trainer.state.step
    trainer = trainer.restarted(after_rollback(trainer.config))
    if checkpoints(run.checkpoints):
        trainer.go_back_to(latest_checkpoint(run.checkpoints), run)
    step, rate = trainer.state.step, trainer.config.optimiser.learning_rate
    forget_after(step, run)
    run.write_config(trainer.config)
    run.add_metrics(
        {
            "step": step,
            "kimg": trainer.kimg(step),
            "time": time.time(),
            "rolled_back_from": before,
            "learning_rate": rate,
        }
    )
    say(console, f"rolled back to step {step}; learning rate {rate:g} from here on")
    return trainer


def after_rollback(config: RunConfig) -> RunConfig:
    """Return a configuration with half the learning rates and one rollback fewer."""
    optimiser, training = config.optimiser, config.training
    own = optimiser.discriminator_learning_rate
    rates = {
        "learning_rate": optimiser.learning_rate / 2,
        "discriminator_learning_rate": own and own / 2,
    }
    return config.model_copy(
        update={
            "optimiser": optimiser.model_copy(update=rates),
            "training": training.model_copy(update={"rollbacks": training.rollbacks - 1}),
        }
    )


@main_process_only
def forget_after(step: int, run: RunFolder) -> None:
    """Drop the metrics and best checkpoints of steps that will be repeated."""
    run.forget_metrics_after(step)
    forget_checkpoints_after(run.best, step)
