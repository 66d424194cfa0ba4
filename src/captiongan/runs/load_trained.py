"""From a run folder to a generator that draws: what export and evaluation have in common."""

from dataclasses import dataclass
from typing import Literal

from captiongan.bundle.text_encoder import TextEncoder
from captiongan.errors import RunError
from captiongan.networks.layers import PictureGenerator
from captiongan.runs.build import build_generator
from captiongan.runs.checkpoint import Checkpoint, checkpoints, latest_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.text.registry import choose_encoder

Which = Literal["best", "newest"]


@dataclass(frozen=True)
class TrainedRun:
    """The running average of a checkpoint's generator, and the text encoder it was trained with."""

    folder: RunFolder
    config: RunConfig
    checkpoint: Checkpoint
    generator: PictureGenerator
    encoder: TextEncoder

    @property
    def kimg(self) -> float:
        """How many thousand real pictures had been shown."""
        return round(self.config.training.kimg_after(self.checkpoint.step), 1)


def load_trained(folder: RunFolder, which: Which = "best") -> TrainedRun:
    """Load a checkpoint of a run, ready to draw: its best by its own scores, or its newest.

    Without scores there is no best one, and the newest is taken.

    Raises:
        RunError: there is no checkpoint, it does not fit the configuration, a weight is not
            finite, or the text encoder at hand is not the one of the run.
    """
    config, checkpoint = folder.config(), _chosen(folder, which)
    encoder = choose_encoder(config.text.encoder)
    if encoder.identity.sha256 != checkpoint.encoder.sha256:
        raise RunError(
            f"'{checkpoint.path}' was trained with text encoder {checkpoint.encoder}, "
            f"text.encoder={config.text.encoder} is now {encoder.identity}; "
            "bring back the former, or train again"
        )
    generator = build_generator(config, encoder.dim)
    try:
        generator.load_state_dict(checkpoint.tensors("average"))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"'{checkpoint.path}' does not fit the networks in config.yaml ({reason}); "
            "bring back the config.yaml that the run began with"
        ) from error
    generator.eval().requires_grad_(False)
    if not all(values.isfinite().all() for values in generator.state_dict().values()):
        raise RunError(
            f"'{checkpoint.path}' holds weights that are not finite: its training diverged; "
            "choose another checkpoint or run"
        )
    return TrainedRun(folder, config, checkpoint, generator, encoder)


def _chosen(folder: RunFolder, which: Which) -> Checkpoint:
    best = checkpoints(folder.best) if which == "best" else []
    return best[-1] if best else latest_checkpoint(folder.checkpoints)
