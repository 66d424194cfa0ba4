"""Divergence: a loss, gradient or weight that is not finite, detected and reported."""

import math
from collections.abc import Mapping

from torch import Tensor

from captiongan.errors import RunError
from captiongan.training.state import TrainState, finished_updates

WHAT_TO_TRY = (
    "resume from the last checkpoint, if there is one, with --set optimiser.learning_rate=0.0001, "
    "--set training.precision=32-true or --on-divergence rollback"
)
NETWORKS = {"d": "discriminator", "g": "generator"}


class DivergenceError(RunError):
    """A loss, a gradient or a weight of a run was not finite."""


def check_finite(state: TrainState, metrics: Mapping[str, Tensor | float]) -> None:
    """Check that training has not diverged; waits for the device.

    Args:
        state: the training state.
        metrics: those of the last step, or their means since the last call.

    Raises:
        DivergenceError: it has diverged. The message names the step, the network, and what was not
            finite. The weights are those before that step.
    """
    if not state.diverged:
        return
    broken = [
        name
        for name, value in metrics.items()
        if name.startswith(("loss_", "gradient_")) and not math.isfinite(float(value))
    ]
    networks = [
        name for key, name in NETWORKS.items() if {f"loss_{key}", f"gradient_{key}"} & {*broken}
    ]
    step = finished_updates(state) + 1
    raise DivergenceError(
        f"training diverged at step {step:,} in the {' and the '.join(networks)}: "
        f"{', '.join(broken)} not finite, and the step was not taken; {WHAT_TO_TRY}"
    )


def check_weights(state: TrainState) -> None:
    """Check that all weights are finite.

    Raises:
        DivergenceError: a weight is not finite; the message names its network.
    """
    for name, network in (("generator", state.generator), ("discriminator", state.discriminator)):
        if not all(weight.isfinite().all() for weight in network.parameters()):
            raise DivergenceError(f"training diverged: the {name} is not finite; {WHAT_TO_TRY}")
