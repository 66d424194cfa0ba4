"""What a run writes while it trains: metrics, sample grids, scores, checkpoints and lines."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Self

from rich.console import Console

from captiongan.base.main_process import is_main_process
from captiongan.base.progress import say
from captiongan.compute import distributed
from captiongan.runs.run_folder import RunFolder
from captiongan.training.console import Averages, LiveReport, scores_in_words
from captiongan.training.divergence import check_finite
from captiongan.training.early_stopping import reason_to_stop
from captiongan.training.health import Health
from captiongan.training.logs import Log
from captiongan.training.sample_grid import SampleGrid
from captiongan.training.step import Metrics
from captiongan.training.trainer import Trainer


class Record:
    """The record of a run's training, from the step where it starts or resumes.

    While it is entered, a terminal shows the run's progress.
    """

    def __init__(
        self, trainer: Trainer, run: RunFolder, console: Console, logs: Sequence[Log] = ()
    ) -> None:
        self._trainer, self._run, self._logs = trainer, run, logs
        self._state, self._plan = trainer.state, trainer.config.training
        self._last = self._plan.steps(self._plan.kimg)
        self._scores = trainer.open_scores(console)
        self._grid, self._averages = SampleGrid(trainer.data), Averages()
        step, tell = self._state.step, partial(say, console)
        self._health = Health(trainer.data, self._grid.captions, step, tell)
        self._report = LiveReport(console, self._plan.kimg, self._plan.kimg_after(step))
        self._stops_early = False
        if is_main_process() and self._scores is None and trainer.config.scores.patience:
            tell("scores.patience has no effect without scores; the run continues to its end")

    @property
    def complete(self) -> bool:
        """Whether the run has reached its length, or its scores no longer improve."""
        return self._stops_early or self._state.step >= self._last

    def __enter__(self) -> Self:
        self._report.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._report.__exit__()

    def begin(self) -> None:
        """Write the sample grid and the scores of a run from a bundle before its first step.

        They replace those of an earlier attempt; rollbacks to step 0 stay in the metrics.
        """
        if not self._plan.start or self._state.step > 0:
            return
        if is_main_process():
            rollbacks = [line for line in self._run.metrics() if "rolled_back_from" in line]
            self._run.forget_metrics_after(-1)
            for line in rollbacks:
                self._run.add_metrics(line)
            self._write_grid()
        self._score()

    def add(self, metrics: Metrics) -> None:
        """Add the metrics of a step, and write what is due after it.

        Raises:
            DivergenceError: a loss, gradient or weight was not finite.
        """
        if self._state.device.type == "cpu":  # on a GPU, this would wait for every step
            check_finite(self._state, metrics)
        self._averages.add(metrics)
        if self._due(self._plan.log_every_kimg):
            self._write_metrics()
        if is_main_process() and self._due(self._plan.grid_every_kimg):
            self._write_grid()
        scoring = self._trainer.config.scores.every_kimg
        if scoring and self._due(scoring):
            self._score()
            waits = is_main_process() and self._state.step < self._last
            self._stops_early = distributed.any_rank(waits and bool(self._why_stopping()))
        if self._stops_early:
            self._note({"stopped_early": 1.0})
        if self._stops_early or self._due(self._plan.checkpoint_every_kimg):
            # Last, so that after a kill no metrics of a saved step are missing.
            self._trainer.save(self._run)

    def close(self) -> None:
        """Say why the run ends early; save it if it was interrupted."""
        if self._stops_early:
            self._report.say(self._why_stopping())
        elif not self.complete:
            self._report.say("stopping: saving; Ctrl-C again quits without saving")
            self._trainer.save(self._run)

    def _due(self, kimg: float) -> bool:
        step = self._state.step
        return step % self._plan.steps(kimg) == 0 or step == self._last

    def _note(self, metrics: dict[str, float]) -> None:
        step = self._state.step
        now = {"step": step, "kimg": self._plan.kimg_after(step), "time": time.time()}
        self._run.add_metrics(now | metrics)
        for log in self._logs:
            log.add(now | metrics)

    def _write_metrics(self) -> None:
        metrics = self._averages.take(self._plan.batch_size)
        check_finite(self._state, metrics)
        self._note(metrics)
        self._report.show_metrics(self._plan.kimg_after(self._state.step), metrics)
        self._health.check_metrics(self._state.step, metrics)

    def _write_grid(self) -> None:
        self._trainer.settle_ema()
        drawn = self._grid.draw(self._state.ema)
        sheet = self._grid.sheet(drawn)
        self._run.write_grid(self._state.step, sheet)
        for log in self._logs:
            log.show(self._state.step, sheet)
        if self._trainer.config.has_text:
            judged = self._grid.judged(self._state.discriminator, drawn)
            self._run.write_judged(self._state.step, judged)
        self._note(self._health.check_grid(self._state.step, drawn))

    def _score(self) -> None:
        with self._averages.paused():
            metrics = self._trainer.score(self._run, self._scores)
        if metrics:
            self._note(metrics)
            self._report.say(scores_in_words(metrics))
            self._health.check_scores(self._state.step, metrics)

    def _why_stopping(self) -> str:
        return reason_to_stop(self._run.metrics(), self._trainer.config.scores)
