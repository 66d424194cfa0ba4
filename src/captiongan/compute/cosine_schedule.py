"""The learning rate of a training of known length."""

import math


def warm_up_then_cosine(step: int, steps: int, warm_up: float = 0.05) -> float:
    """Return the learning rate at a step as a fraction of its peak: a ramp, then half a cosine.

    The cosine ends at 0 (Loshchilov and Hutter 2017, without restarts). The ramp takes the fraction
    `warm_up` of all steps. `step` counts from 0.
    """
    ramp = (step + 1) / max(1.0, warm_up * steps)
    return min(1.0, ramp, 0.5 * (1 + math.cos(math.pi * step / max(1, steps))))
