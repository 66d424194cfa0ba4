"""The training loop: batches in, steps, and from time to time figures, a checkpoint, a grid."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console

from captiongan.base.main_process import is_main_process
from captiongan.base.progress import say
from captiongan.bundle.text_encoder import TextEncoder
from captiongan.compute import distributed
from captiongan.runs.checkpoint import checkpoints, save_checkpoint
from captiongan.runs.config import LossConfig, RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.text.cached import CachedTextEncoder
from captiongan.text.registry import choose_encoder
from captiongan.training.batches import TrainingData
from captiongan.training.console import Averages, LiveReport, scores_in_words
from captiongan.training.cuda_graph import CapturedStep
from captiongan.training.data_source import to_learn_from
from captiongan.training.divergence import check_finite, check_weights
from captiongan.training.health import Health
from captiongan.training.interrupt import StopRequest
from captiongan.training.patience import impatience
from captiongan.training.sample_grid import SampleGrid
from captiongan.training.self_scoring import RunScores
from captiongan.training.state import (
    TrainState,
    choose_precision,
    new_state,
    settle_ema,
    update_ema,
)
from captiongan.training.step import Batch, Metrics, training_step

STEP_STREAM = 6
"""Keeps what is drawn at random within a step apart from the batches."""
LOOK_STREAM = 7
"""Keeps the side at which the discriminator looks apart from what is drawn within a step."""

SETTLING_BATCHES = 16
"""Batches over which the average's normalisation statistics are measured."""


@dataclass(frozen=True)
class Trainer:
    """A configuration brought to life: data, encoder and players, ready for the next step."""

    config: RunConfig
    encoder: TextEncoder
    data: TrainingData
    state: TrainState
    step: Callable[[TrainState, Batch, LossConfig], Metrics] = training_step

    @classmethod
    def prepare(cls, config: RunConfig, console: Console) -> "Trainer":
        """Open encoder, data and networks; decode and encode what the caches lack.

        Raises:
            ConfigError: there is no such encoder.
            DataError: the data cannot be used.
            OutputError: the caches cannot be written.
        """
        encoder = CachedTextEncoder(
            choose_encoder(to_learn_from(config).encoder),
            on_progress=lambda done, total: say(
                console, f"encoded {done:,} of {total:,} new captions"
            ),
        )
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        precision = choose_precision(config.training.precision)
        devices = [torch.cuda.current_device()] if torch.cuda.is_available() else 1
        fabric = Fabric(accelerator="auto", devices=devices, precision=precision)
        data = TrainingData.open(config, encoder, fabric.device)
        return cls._with_new_players(config, encoder, data, fabric)

    @classmethod
    def _with_new_players(
        cls, config: RunConfig, encoder: TextEncoder, data: TrainingData, fabric: Fabric
    ) -> "Trainer":
        state = new_state(config, encoder.dim, fabric, data.wording(), data.species)
        captured = fabric.device.type == "cuda" and distributed.world_size() == 1
        step = CapturedStep(fabric.device) if captured else training_step
        return cls(config, encoder, data, state, step)

    def begin_again(self, config: RunConfig) -> "Trainer":
        """Return a trainer of the same data and encoder before its first step."""
        return self._with_new_players(config, self.encoder, self.data, self.state.fabric)

    def steps(self, kimg: float) -> int:
        """How many steps show that many thousand pictures, at least one."""
        return max(1, round(kimg * 1000 / self.config.training.batch_size))

    def kimg(self, step: int) -> float:
        """How many thousand real pictures have been shown after `step` steps."""
        return step * self.config.training.batch_size / 1000

    def take_step(self) -> Metrics:
        """Take one training step and follow it with the average; return its figures."""
        batch = self.begin_step(self.state.step)
        metrics = self.step(self.state, batch, self.config.losses)
        plan = self.config.training
        update_ema(self.state, plan.batch_size, plan.ema_halflife_kimg)
        return metrics

    def begin_step(self, step: int) -> Batch:
        """Return this process's batch of a step, and settle all that is random within the step.

        It follows from the run's seed and the number of the step, so it is the same after a resume.
        """
        entropy = [self.config.training.seed, step]
        within = np.random.SeedSequence([*entropy, STEP_STREAM])
        torch.manual_seed(int(within.generate_state(1, np.uint64)[0]))
        if sides := self.config.discriminator.look:
            drawn = np.random.default_rng([*entropy, LOOK_STREAM]).integers(len(sides))
            self.state.discriminator.look_at(sides[drawn])
        return self.data.batch(step, distributed.shard(self.config.training.batch_size))

    def settle_ema(self) -> None:
        """Make the average ready to draw, on the same first batches every time."""
        batches = (self.data.batch(number) for number in range(SETTLING_BATCHES))
        settle_ema(self.state, ((batch.noise, batch.matching) for batch in batches))

    def totals(self) -> list[float]:
        """Sum up the weights and the embeddings, by which processes can tell that theirs differ."""
        weights = [*self.state.generator.parameters(), *self.state.discriminator.parameters()]
        return [float(tensor.detach().sum()) for tensor in (*weights, self.data.embeddings)]

    def open_scores(self, console: Console) -> RunScores | None:
        """Get ready to score the run, if that is wished for and there are pictures enough."""
        if not self.config.scores.every_kimg or not is_main_process():
            return None
        device = self.state.fabric.device
        return RunScores.open(self.config, self.encoder, device, partial(say, console))

    def save(self, run: RunFolder) -> None:
        """Write a checkpoint of this moment.

        Raises:
            DivergenceError: a weight is not finite, and nothing is written.
        """
        check_weights(self.state)
        if is_main_process():
            self.settle_ema()
            keep = self.config.training.keep_checkpoints
            save_checkpoint(self.state, self.encoder.identity, run.checkpoints, keep)

    def score(self, run: RunFolder, scores: RunScores | None) -> dict[str, float]:
        """Score this moment; if the one that is kept is not better, keep this as the run's best.

        Without scores there are no figures.

        Raises:
            DivergenceError: a weight is not finite.
        """
        check_weights(self.state)
        if scores is None:
            return {}
        self.settle_ema()
        metrics = scores.measure(self.state.ema)
        kept = {saved.step for saved in checkpoints(run.best)}
        scored = [line for line in run.metrics() if "score_error" in line]
        errors = [line["score_error"] for line in scored if line["step"] in kept]
        if metrics["score_error"] <= min(errors, default=math.inf):
            save_checkpoint(self.state, self.encoder.identity, run.best, keep=1)
        return metrics


def train(trainer: Trainer, run: RunFolder, console: Console) -> bool:
    """Train until the configured length, a stop signal, or scores that no longer improve.

    Of several processes the first one keeps the run folder, the others only take their steps.
    Returns whether the run is complete; if not, its state is saved and it can be resumed. A run
    that starts from a bundle notes first what that draws, and how good it is.

    Raises:
        DivergenceError: a loss, gradient or weight was not finite; nothing of that is saved.
    """
    state, plan = trainer.state, trainer.config.training
    last = trainer.steps(plan.kimg)
    first = is_main_process()
    distributed.check_alike([state.step, *trainer.totals()])
    on_cpu = state.fabric.device.type == "cpu"  # elsewhere, looking at each step is waiting for it
    scoring, scores = trainer.config.scores.every_kimg, trainer.open_scores(console)
    grid, averages = SampleGrid(trainer.data), Averages()
    health = Health(trainer.data, grid.captions, state.step, partial(say, console))
    if first and scores is None and trainer.config.scores.patience:
        say(console, "scores.patience has no effect without scores; the run goes on to its end")
    enough = False

    def due(kimg: float) -> bool:
        return state.step % trainer.steps(kimg) == 0 or state.step == last

    def note(metrics: dict[str, float]) -> None:
        now = {"step": state.step, "kimg": trainer.kimg(state.step), "time": time.time()}
        run.add_metrics(now | metrics)

    def write_grid() -> None:
        trainer.settle_ema()
        drawn = grid.draw(state.ema)
        run.write_grid(state.step, grid.sheet(drawn))
        note(health.see_grid(state.step, drawn))

    def score() -> None:
        with averages.paused():
            marks = trainer.score(run, scores)
        if marks:
            note(marks)
            report.say(scores_in_words(marks))
            health.hear_scores(state.step, marks)

    def why_enough() -> str:
        return impatience(run.metrics(), trainer.config.scores)

    with StopRequest() as stop, LiveReport(console, plan.kimg, trainer.kimg(state.step)) as report:
        if plan.start and state.step == 0:
            if first:
                _begin_again(run)
                write_grid()
            score()
        while state.step < last and not enough and not distributed.any_rank(stop.requested):
            taken = trainer.take_step()
            if on_cpu:
                check_finite(state, taken)
            averages.add(taken)
            if due(plan.log_every_kimg):
                metrics = averages.take(plan.batch_size)
                check_finite(state, metrics)
                note(metrics)
                report.show_figures(trainer.kimg(state.step), metrics)
                health.hear_reading(state.step, metrics)
            if first and due(plan.grid_every_kimg):
                write_grid()
            if scoring and due(scoring):
                score()
                enough = distributed.any_rank(first and state.step < last and bool(why_enough()))
            if enough:
                note({"stopped_early": 1.0})
            if enough or due(plan.checkpoint_every_kimg):
                trainer.save(run)  # last, so that nothing of a saved step is missing after a kill
        if enough:
            report.say(why_enough())
        elif state.step < last:
            report.say("stopping: saving; Ctrl-C again quits without that")
            trainer.save(run)
    return enough or state.step >= last


def _begin_again(run: RunFolder) -> None:
    """Forget what an earlier try of step 0 noted, but for rollbacks to it."""
    rollbacks = [line for line in run.metrics() if "rolled_back_from" in line]
    run.forget_metrics_after(-1)
    for line in rollbacks:
        run.add_metrics(line)
