"""A run brought to life: its data, its encoder and its players."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from rich.console import Console

from captiongan.base.main_process import is_main_process
from captiongan.base.progress import say
from captiongan.base.streams import Stream
from captiongan.bundle.text_encoder import TextEncoder
from captiongan.compute import distributed
from captiongan.compute.devices import default_device
from captiongan.networks import projected
from captiongan.runs.checkpoint import checkpoints, save_checkpoint
from captiongan.runs.config import LossConfig, RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.text.cached import CachedTextEncoder
from captiongan.text.registry import choose_encoder
from captiongan.training.batches import TrainingData
from captiongan.training.cuda_graph import CapturedStep
from captiongan.training.data_source import to_learn_from
from captiongan.training.divergence import check_weights
from captiongan.training.self_scoring import RunScores
from captiongan.training.state import TrainState, new_state, settle_ema, update_ema
from captiongan.training.step import Batch, Metrics, training_step

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
    """Updates both players: `training_step`, or a recording of it."""

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
        data = TrainingData.open(config, encoder, default_device())
        return cls._with_new_players(config, encoder, data)

    @classmethod
    def _with_new_players(
        cls, config: RunConfig, encoder: TextEncoder, data: TrainingData
    ) -> "Trainer":
        state = new_state(config, encoder.dim, data.device, data.wording(), data.species)
        captured = data.device.type == "cuda" and distributed.world_size() == 1
        step = CapturedStep(data.device) if captured else training_step
        return cls(config, encoder, data, state, step)

    def begin_again(self, config: RunConfig) -> "Trainer":
        """Return a trainer of the same data and encoder before its first step."""
        return self._with_new_players(config, self.encoder, self.data)

    def kimg(self, step: int) -> float:
        """How many thousand real pictures have been shown after `step` steps."""
        return self.config.training.kimg_after(step)

    def take_step(self) -> Metrics:
        """Take one training step and follow it with the average; return its figures."""
        metrics = self.step(self.state, self.begin_step(self.state.step), self.config.losses)
        self.update_ema()
        return metrics

    def update_ema(self) -> None:
        """Move the generator's average towards what a step has made of the generator."""
        plan = self.config.training
        update_ema(self.state, plan.batch_size, plan.ema_halflife_kimg)

    def begin_step(self, step: int) -> Batch:
        """Return this process's batch of a step, and settle all that is random within the step.

        It follows from the run's seed and the number of the step, so it is the same after a resume.
        """
        entropy = [self.config.training.seed, step]
        within = np.random.SeedSequence([*entropy, Stream.STEP])
        torch.manual_seed(int(within.generate_state(1, np.uint64)[0]))
        if sides := self.config.discriminator.look:
            drawn = np.random.default_rng([*entropy, Stream.LOOK]).integers(len(sides))
            assert isinstance(self.state.discriminator, projected.Discriminator)
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
        return RunScores.open(self.config, self.encoder, self.state.device, partial(say, console))

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
