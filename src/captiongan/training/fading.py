"""What changes while a run trains, by the number of the step alone; so a resume changes nothing."""

from captiongan.runs.config import RunConfig


def blur_sigma(config: RunConfig, step: int) -> float | None:
    """Return the deviation in pixels of the blur in a step (from 0 up); None if there is none.

    It falls from `losses.blur_sigma` to 0 over the first `losses.blur_kimg`, in a straight line.
    """
    left = 1 - progress(config, step, config.losses.blur_kimg)
    return config.losses.blur_sigma * left if left > 0 else None


def text_weight(config: RunConfig, step: int) -> float | None:
    """Return how far the terms that depend on the text alone count in a step; None if in full.

    It grows from 0 to 1 over the first `losses.text_fade_kimg`, in a straight line.
    """
    reached = progress(config, step, config.losses.text_fade_kimg)
    return reached if reached < 1 else None


def progress(config: RunConfig, step: int, kimg: float) -> float:
    """Return how far a step is on the way to `kimg`, from 0 to 1; all the way if that is 0."""
    return min(config.training.kimg_after(step) / kimg, 1.0) if kimg else 1.0
