"""The training step as a CUDA graph: recorded once, then launched as one.

A step is some two thousand small kernels. Launched one by one from Python, they leave a GPU idle
most of the time; launched as a graph, they need no Python in between.
"""

import math

import torch

from captiongan.runs.options import LossConfig
from captiongan.training.state import TrainState
from captiongan.training.step import Batch, Metrics, training_step

WARM_UP = 3
"""Steps before the first recording, in which libraries choose their algorithms."""


class CapturedStep:
    """Replaces `training_step` on an NVIDIA GPU, with the same result up to rounding.

    There is a recording for each side to which the discriminator resizes pictures, and for each
    combination of optional fields in a batch. The learning rates are part of the recordings, so a
    new rate drops them all; the discriminator's rate follows from the generator's.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)
        self._warmed_up = 0
        self._rate = math.nan
        self._recordings: dict[tuple[int, ...], _Recording] = {}

    def __call__(self, state: TrainState, batch: Batch, losses: LossConfig) -> Metrics:
        """Update D, then G, as `training_step` does."""
        if self._warmed_up < WARM_UP:
            self._warmed_up += 1
            return self._take(state, batch, losses)
        rate = state.learning_rate(state.step)
        if rate != self._rate:
            self._recordings.clear()
            self._rate = rate
        kind = (state.discriminator.side, *(field is None for field in batch))
        if kind not in self._recordings:
            self._recordings[kind] = _Recording(state, batch, losses, self._stream)
        state.step += 1
        return self._recordings[kind].replay(batch)

    def _take(self, state: TrainState, batch: Batch, losses: LossConfig) -> Metrics:
        """Take a step without a graph, on the stream of the recordings."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            metrics = training_step(state, batch, losses)
        torch.cuda.current_stream().wait_stream(self._stream)
        return metrics


class _Recording:
    """A step recorded without executing it; batch and metrics have fixed places in memory."""

    def __init__(
        self, state: TrainState, batch: Batch, losses: LossConfig, stream: torch.cuda.Stream
    ) -> None:
        fields = {
            name: field.clone() for name, field in batch._asdict().items() if field is not None
        }
        self._batch = batch._replace(**fields)
        self._graph = torch.cuda.CUDAGraph()
        for optimiser in (state.generator_optimiser, state.discriminator_optimiser):
            optimiser.zero_grad()  # so that gradients are allocated in the graph's own memory
        with torch.cuda.graph(self._graph, stream=stream):
            metrics = training_step(state, self._batch, losses)
            self._values = torch.stack([value.float() for value in metrics.values()])
        self._names = tuple(metrics)
        state.step -= 1

    def replay(self, batch: Batch) -> Metrics:
        """Execute the step on another batch."""
        for fixed, new in zip(self._batch, batch, strict=True):
            if fixed is not None and new is not None:
                fixed.copy_(new)
        self._graph.replay()
        return dict(zip(self._names, self._values.clone(), strict=True))
