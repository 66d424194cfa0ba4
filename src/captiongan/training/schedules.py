"""What changes while a run trains; it depends on the step alone, so a resume changes nothing."""

from captiongan.runs.config import RunConfig


def blur_sigma(config: RunConfig, step: int) -> float | None:
    """Return the blur's standard deviation, in pixels, at a step (from 0); None for no blur.

    It falls linearly from `losses.blur_sigma` to 0 over the first `losses.blur_kimg`.
    """
    left = 1 - progress(config, step, config.losses.blur_kimg)
    return config.losses.blur_sigma * left if left > 0 else None


def text_weight(config: RunConfig, step: int) -> float | None:
    """Return the factor, at a step, of the terms that depend on the text alone; None for 1.

    It grows linearly from 0 to 1 over the first `losses.text_fade_kimg`.
    """
    reached = progress(config, step, config.losses.text_fade_kimg)
    return reached if reached < 1 else None


def progress(config: RunConfig, step: int, kimg: float) -> float:
    """Return the progress of a step towards `kimg`, from 0 to 1; 1 if `kimg` is 0."""
    return min(config.training.kimg_after(step) / kimg, 1.0) if kimg else 1.0
