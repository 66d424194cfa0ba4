"""A run in memory: its data, its text encoder and its training state."""

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
from captiongan.runs.checkpoint import Checkpoint, checkpoints, load_checkpoint, save_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.options import LossConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.text.registry import choose_encoder
from captiongan.training.batches import TrainingData
from captiongan.training.cuda_graph import CapturedStep
from captiongan.training.data_source import training_source
from captiongan.training.divergence import check_weights
from captiongan.training.self_scoring import RunScores
from captiongan.training.state import TrainState, new_state, settle_ema, update_ema
from captiongan.training.step import Batch, Metrics, training_step

SETTLING_BATCHES = 16
"""Batches over which the EMA's BatchNorm statistics are computed."""


@dataclass(frozen=True)
class Trainer:
    """A run in memory: configuration, data, text encoder and training state."""

    config: RunConfig
    encoder: TextEncoder
    data: TrainingData
    state: TrainState
    step: Callable[[TrainState, Batch, LossConfig], Metrics] = training_step
    """Updates both networks: `training_step`, or its CUDA graph."""

    @classmethod
    def prepare(cls, config: RunConfig, console: Console) -> "Trainer":
        """Open encoder, data and networks; decode and encode what the caches lack.

        Raises:
            ConfigError: there is no such encoder.
            DataError: the data cannot be used.
            OutputError: the caches cannot be written.
        """
        encoder = CachedTextEncoder(
            choose_encoder(training_source(config).encoder),
            on_progress=lambda done, total: say(
                console, f"encoded {done:,} of {total:,} new captions"
            ),
        )
        data = TrainingData.open(config, encoder, default_device())
        return cls._with_new_state(config, encoder, data)

    @classmethod
    def _with_new_state(
        cls, config: RunConfig, encoder: TextEncoder, data: TrainingData
    ) -> "Trainer":
        directions = data.conditioning_augmentation()
        state = new_state(config, encoder.dim, data.device, directions, data.species)
        captured = data.device.type == "cuda" and distributed.world_size() == 1
        step = CapturedStep(data.device) if captured else training_step
        return cls(config, encoder, data, state, step)

    def restarted(self, config: RunConfig) -> "Trainer":
        """Return a trainer with the same data and encoder, and a new training state."""
        return self._with_new_state(config, self.encoder, self.data)

    def kimg(self, step: int) -> float:
        """Return how many thousand real pictures have been shown after `step` steps."""
        return self.config.training.kimg_after(step)

    def take_step(self) -> Metrics:
        """Take one training step and update the EMA; return the step's metrics."""
        metrics = self.step(self.state, self.begin_step(self.state.step), self.config.losses)
        self.update_ema()
        return metrics

    def update_ema(self) -> None:
        """Move the EMA towards the generator."""
        training = self.config.training
        update_ema(self.state, training.batch_size, training.ema_halflife_kimg)

    def begin_step(self, step: int) -> Batch:
        """Seed all randomness within a step, and return this process's batch.

        Both depend on the run's seed and the step alone, so they are the same after a resume.
        """
        entropy = [self.config.training.seed, step]
        within = np.random.SeedSequence([*entropy, Stream.STEP])
        torch.manual_seed(int(within.generate_state(1, np.uint64)[0]))
        if sides := self.config.discriminator.look:
            drawn = np.random.default_rng([*entropy, Stream.LOOK]).integers(len(sides))
            assert isinstance(self.state.discriminator, projected.Discriminator)
            self.state.discriminator.resize_to(sides[drawn])
        return self.data.batch(step, distributed.shard(self.config.training.batch_size))

    def settle_ema(self) -> None:
        """Recompute the EMA's BatchNorm statistics, always on the first batches of the run."""
        batches = (self.data.batch(number) for number in range(SETTLING_BATCHES))
        settle_ema(self.state, ((batch.noise, batch.matching) for batch in batches))

    def totals(self) -> list[float]:
        """Return the sums of all weights and of the embeddings, for `distributed.check_alike`."""
        weights = [*self.state.generator.parameters(), *self.state.discriminator.parameters()]
        return [float(tensor.detach().sum()) for tensor in (*weights, self.data.embeddings)]

    def open_scores(self, console: Console) -> RunScores | None:
        """Prepare the scores of the run; None if it has none, or too few pictures."""
        if not self.config.scores.every_kimg or not is_main_process():
            return None
        return RunScores.open(self.config, self.encoder, self.state.device, partial(say, console))

    def save(self, run: RunFolder) -> None:
        """Write a checkpoint.

        Raises:
            DivergenceError: a weight is not finite; nothing is written.
        """
        check_weights(self.state)
        if is_main_process():
            self.settle_ema()
            keep = self.config.training.keep_checkpoints
            save_checkpoint(self.state, self.encoder.identity, run.checkpoints, keep, run.identity)

    def go_back_to(self, saved: Checkpoint, run: RunFolder) -> None:
        """Put the state of a checkpoint of a run in the place of this one; raises RunError."""
        saved.check_belongs_to(run.identity)
        load_checkpoint(saved, self.state, self.encoder.identity)

    def score(self, run: RunFolder, scores: RunScores | None) -> dict[str, float]:
        """Score the EMA, and keep it as the run's best unless an earlier checkpoint is better.

        Args:
            run: the run's folder.
            scores: from `open_scores`; None returns no metrics.

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
            save_checkpoint(self.state, self.encoder.identity, run.best, 1, run.identity)
        return metrics
