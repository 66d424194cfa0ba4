"""The training loop: batches in, steps, and a record of them."""

from collections.abc import Sequence

from rich.console import Console

from captiongan.compute import distributed
from captiongan.runs.run_folder import RunFolder
from captiongan.training.divergence import DivergenceError
from captiongan.training.interrupt import StopRequest
from captiongan.training.logs import open_logs
from captiongan.training.record import Record
from captiongan.training.rollback import rolled_back
from captiongan.training.trainer import Trainer


def train(trainer: Trainer, run: RunFolder, console: Console, logs: Sequence[str] = ()) -> bool:
    """Train until the configured length, a stop signal, or scores that no longer improve.

    A run that diverges returns to its last checkpoint, as often as its configuration allows. With
    several processes, only the main one writes to the run folder and to the logs.

    Args:
        trainer: the run in memory.
        run: its folder.
        console: for what is said meanwhile.
        logs: names from `logs.LOGS`.

    Returns:
        Whether the run is complete; if not, its state is saved and it can be resumed.

    Raises:
        DivergenceError: a loss, gradient or weight was not finite, and no rollback is left; the
            diverged state is not saved.
    """
    while True:
        distributed.check_alike([trainer.state.step, *trainer.totals()])
        try:
            with open_logs(logs, run, trainer.state.step) as opened:
                return _train(trainer, Record(trainer, run, console, opened))
        except DivergenceError as error:
            trainer = rolled_back(trainer, run, console, error)


def _train(trainer: Trainer, record: Record) -> bool:
    with StopRequest() as stop, record:
        record.begin()
        while not record.complete and not distributed.any_rank(stop.requested):
            batch = trainer.begin_step(trainer.state.step)
            metrics = trainer.step(trainer.state, batch, trainer.config.losses)
            trainer.update_ema()
            record.add(metrics)
        record.close()
    return record.complete
