"""The learning rate of a training whose length is known."""

import math


def warm_up_then_cosine(step: int, steps: int, warm_up: float = 0.05) -> float:
    """Return the share of the peak learning rate at a step, from 0: a ramp, half a cosine to 0.

    Loshchilov and Hutter 2017, without restarts. The ramp takes the share `warm_up` of all steps.
    """
    ramp = (step + 1) / max(1.0, warm_up * steps)
    return min(1.0, ramp, 0.5 * (1 + math.cos(math.pi * step / max(1, steps))))
