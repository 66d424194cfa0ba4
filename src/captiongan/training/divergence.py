"""Divergence: noticed before it spreads, said in words, and what comes of it."""

import math
from collections.abc import Mapping

from torch import Tensor

from captiongan.errors import RunError
from captiongan.training.state import TrainState, finished_updates

WHAT_TO_TRY = (
    "go on from the last checkpoint, if there is one, with --set optimiser.learning_rate=0.0001, "
    "--set training.precision=32-true or --on-divergence rollback"
)
PLAYERS = {"d": "discriminator", "g": "generator"}


class DivergenceError(RunError):
    """A loss, a gradient or a weight of a run was not finite."""


def check_finite(state: TrainState, metrics: Mapping[str, Tensor | float]) -> None:
    """Make sure that the game has not diverged; waits for the device.

    `figures` are those of the last step, or their means since the last call.

    Raises:
        DivergenceError: it has; names the step, the network, and what was not finite. The weights
            are as they were before.
    """
    if not state.diverged:
        return
    broken = [name for name, figure in metrics.items() if not math.isfinite(float(figure))]
    players = [
        name for key, name in PLAYERS.items() if {f"loss_{key}", f"gradient_{key}"} & {*broken}
    ]
    step = finished_updates(state) + 1
    raise DivergenceError(
        f"training diverged at step {step:,} in the {' and the '.join(players)}: "
        f"{', '.join(broken)} not finite, and the step was not taken; {WHAT_TO_TRY}"
    )


def check_weights(state: TrainState) -> None:
    """Make sure that all weights are finite.

    Raises:
        DivergenceError: one is not; the message names its network.
    """
    for name, network in (("generator", state.generator), ("discriminator", state.discriminator)):
        if not all(weight.isfinite().all() for weight in network.parameters()):
            raise DivergenceError(f"training diverged: the {name} is not finite; {WHAT_TO_TRY}")
