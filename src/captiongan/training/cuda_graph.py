"""The training step as a CUDA graph: recorded once, then launched as one.

A step is some two thousand small kernels. Launched one by one from Python they leave a GPU idle for
most of the time; a graph of them needs no Python between.
"""

import math

import torch

from captiongan.config import LossConfig
from captiongan.training.game import Game
from captiongan.training.step import Batch, Figures, training_step

WARM_UP = 3
"""Steps before the first recording, in which libraries choose their algorithms."""


class CapturedStep:
    """Stands in for `training_step` on an NVIDIA GPU, with the same result up to rounding.

    There is a recording for each side at which the discriminator looks, and for each choice of
    fields that a batch has. The learning rates are part of all of them, so new rates make new ones;
    both rates follow from the generator's.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)
        self._warmed_up = 0
        self._rate = math.nan
        self._recordings: dict[tuple[int, ...], _Recording] = {}

    def __call__(self, game: Game, batch: Batch, losses: LossConfig) -> Figures:
        """Update D, then G, as `training_step` does."""
        if self._warmed_up < WARM_UP:
            self._warmed_up += 1
            return self._take(game, batch, losses)
        rate = game.learning_rate(game.step)
        if rate != self._rate:
            self._recordings.clear()
            self._rate = rate
        kind = (game.discriminator.side, *(field is None for field in batch))
        if kind not in self._recordings:
            self._recordings[kind] = _Recording(game, batch, losses, self._stream)
        game.step += 1
        return self._recordings[kind].replay(batch)

    def _take(self, game: Game, batch: Batch, losses: LossConfig) -> Figures:
        """Take a step without a graph, on the stream of the recordings."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            figures = training_step(game, batch, losses)
        torch.cuda.current_stream().wait_stream(self._stream)
        return figures


class _Recording:
    """A step recorded without taking it; batch and figures stay at fixed places in memory."""

    def __init__(
        self, game: Game, batch: Batch, losses: LossConfig, stream: torch.cuda.Stream
    ) -> None:
        fields = {
            name: field.clone() for name, field in batch._asdict().items() if field is not None
        }
        self._batch = batch._replace(**fields)
        self._graph = torch.cuda.CUDAGraph()
        for optimiser in (game.generator_optimiser, game.discriminator_optimiser):
            optimiser.zero_grad()  # gradients are to lie in the graph's own memory
        with torch.cuda.graph(self._graph, stream=stream):
            figures = training_step(game, self._batch, losses)
            self._figures = torch.stack([figure.float() for figure in figures.values()])
        self._names = tuple(figures)
        game.step -= 1

    def replay(self, batch: Batch) -> Figures:
        """Take the step on another batch."""
        for fixed, new in zip(self._batch, batch, strict=True):
            if fixed is not None and new is not None:
                fixed.copy_(new)
        self._graph.replay()
        return dict(zip(self._names, self._figures.clone(), strict=True))
