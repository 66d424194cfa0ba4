"""The warm-up of a run that starts from a bundle: its discriminator learns alone at first."""

from collections import deque
from collections.abc import Callable

import torch

from captiongan.compute import distributed
from captiongan.training.divergence import check_finite
from captiongan.training.interrupt import StopRequest
from captiongan.training.state import set_learning_rate
from captiongan.training.step import update_discriminator
from captiongan.training.trainer import Trainer

WINDOW = 32
"""Steps of the warm-up over which the discriminator's accuracy is averaged."""

WARM = 0.65
"""Accuracy on real and generated pairs at which the warm-up ends.

In a healthy training of both networks the accuracy is 0.60 to 0.65.
"""

LEAST_GAIN = 0.01
"""How much the accuracy must grow from one window to the next for the warm-up to continue.

It grows little if the generator was trained on the same pictures: with the bundle `birds`, it was
0.57 after 500 steps on the bundle's own training set.
"""

LONGEST_WARM_UP = 500
"""Steps after which the warm-up ends, whatever the discriminator has learned."""

Say = Callable[[str], None]


def warm_up(trainer: Trainer, say: Say) -> bool:
    """Train the discriminator alone until it classifies real and generated pairs well enough.

    The warm-up also ends once the accuracy no longer grows from window to window, or after
    `LONGEST_WARM_UP` steps.

    Returns:
        Whether the warm-up is complete; False if a signal asked to stop (`StopRequest`).

    Raises:
        DivergenceError: a loss or gradient was not finite.
    """
    recent: deque[float] = deque(maxlen=WINDOW)
    before = 0.0
    set_learning_rate(trainer.state)
    with StopRequest() as stop:
        for step in range(LONGEST_WARM_UP):
            recent.append(_accuracy(trainer, step))
            accuracy = sum(recent) / len(recent)
            warm = len(recent) == WINDOW and accuracy >= WARM
            if warm or distributed.any_rank(stop.requested):
                break
            if (step + 1) % WINDOW == 0:
                if accuracy < before + LEAST_GAIN:
                    break
                before = accuracy
    if distributed.any_rank(stop.requested):
        return False
    shown = (step + 1) * trainer.config.training.batch_size
    classifies = "classifies" if accuracy >= WARM else "still classifies only"
    say(
        f"warmed up the discriminator on {shown:,} pictures while the generator stayed fixed: "
        f"it {classifies} {accuracy:.0%} of real and generated pairs correctly"
    )
    return True


def _accuracy(trainer: Trainer, step: int) -> float:
    """Update the discriminator on the batch of a step; return its accuracy."""
    state, config = trainer.state, trainer.config
    batch = trainer.begin_step(step)
    with torch.no_grad():
        generated = state.generate(batch.noise, batch.matching)
    metrics = update_discriminator(state, batch, generated, config.losses)
    check_finite(state, metrics)
    accuracy = (metrics["accuracy_real"] + metrics["accuracy_generated"]) / 2
    distributed.average_([accuracy])
    return float(accuracy)
