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

TOLD_APART = 0.65
"""Share of real and generated pairs that the discriminator judges correctly once it is warm.

In a healthy training of both players this share is 0.60 to 0.65.
"""

LEAST_GAIN = 0.01
"""By how much this share has to grow from one window to the next for the warm-up to go on.

A generator that has long trained on the same pictures is hard to tell from them: from the bundle
`birds` the share stood at 0.57 after 500 steps on its own training set.
"""

LONGEST_WARM_UP = 500
"""Steps after which the warm-up ends, whatever the discriminator has learned."""

Say = Callable[[str], None]


def warm_up(trainer: Trainer, say: Say) -> bool:
    """Train the discriminator alone until it tells real pairs from generated ones.

    It gives up once it learns no more from window to window, or after `LONGEST_WARM_UP` steps, and
    says so.

    Returns:
        Whether it came to its end; False if a signal asked to stop (`StopRequest`).

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
            warm = len(recent) == WINDOW and accuracy >= TOLD_APART
            if warm or distributed.any_rank(stop.requested):
                break
            if (step + 1) % WINDOW == 0:
                if accuracy < before + LEAST_GAIN:
                    break
                before = accuracy
    if distributed.any_rank(stop.requested):
        return False
    shown = (step + 1) * trainer.config.training.batch_size
    judges = "judges" if accuracy >= TOLD_APART else "still judges only"
    say(
        f"warmed up the discriminator on {shown:,} pictures while the generator stayed fixed: "
        f"it {judges} {accuracy:.0%} of real and generated pairs correctly"
    )
    return True


def _accuracy(trainer: Trainer, step: int) -> float:
    """Update the discriminator on the batch of a step; return the share it judged correctly."""
    state, config = trainer.state, trainer.config
    batch = trainer.begin_step(step)
    with torch.no_grad():
        generated = state.generate(batch.noise, batch.matching)
    metrics = update_discriminator(state, batch, generated, config.losses)
    check_finite(state, metrics)
    accuracy = (metrics["accuracy_real"] + metrics["accuracy_generated"]) / 2
    distributed.average_([accuracy])
    return float(accuracy)
