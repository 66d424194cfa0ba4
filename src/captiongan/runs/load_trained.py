"""Loads the trained networks of a run folder, for export and evaluation."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from captiongan.bundle.text_encoder import TextEncoder
from captiongan.errors import RunError
from captiongan.networks.layers import PairDiscriminator, PictureGenerator
from captiongan.runs.build import build_discriminator, build_generator
from captiongan.runs.checkpoint import Checkpoint, checkpoints, latest_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.text.registry import choose_encoder

Which = Literal["best", "newest"]


@dataclass(frozen=True)
class TrainedRun:
    """The EMA of a checkpoint's generator, and the text encoder it was trained with."""

    folder: RunFolder
    config: RunConfig
    checkpoint: Checkpoint
    generator: PictureGenerator
    encoder: TextEncoder

    @property
    def kimg(self) -> float:
        """How many thousand real pictures the checkpoint was trained on."""
        return round(self.config.training.kimg_after(self.checkpoint.step), 1)


def load_trained(folder: RunFolder, which: Which = "best") -> TrainedRun:
    """Load a checkpoint of a run for drawing: the best by the run's own scores, or the newest.

    A run without scores has no best checkpoint; then the newest is loaded.

    Raises:
        RunError: there is no checkpoint, it is of another run or does not fit the configuration, a
            weight is not finite, or the text encoder has changed since the training.
    """
    config, checkpoint, encoder = _open(folder, which)
    generator = build_generator(config, encoder.dim)
    _load(generator, checkpoint, checkpoint.tensors("average"))
    return TrainedRun(folder, config, checkpoint, generator, encoder)


def load_discriminator(
    folder: RunFolder, which: Which = "newest"
) -> tuple[PairDiscriminator, TextEncoder]:
    """Load the discriminator of a checkpoint, and its text encoder; raises as `load_trained`."""
    config, checkpoint, encoder = _open(folder, which)
    tensors = checkpoint.tensors("discriminator")
    species = len(tensors.get("species.weight", ()))
    discriminator = build_discriminator(config, encoder.dim, species)
    _load(discriminator, checkpoint, tensors)
    return discriminator, encoder


def _open(folder: RunFolder, which: Which) -> tuple[RunConfig, Checkpoint, TextEncoder]:
    config, checkpoint = folder.config(), _chosen(folder, which)
    checkpoint.check_belongs_to(folder.identity)
    encoder = choose_encoder(config.text.encoder)
    if not encoder.identity.embeds_as(checkpoint.encoder):
        raise RunError(
            f"'{checkpoint.path}' was trained with text encoder {checkpoint.encoder}, "
            f"text.encoder={config.text.encoder} is now {encoder.identity}; "
            "bring back the former, or train again"
        )
    return config, checkpoint, encoder


def _load(network: nn.Module, checkpoint: Checkpoint, tensors: dict[str, Tensor]) -> None:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"'{checkpoint.path}' does not fit the networks in config.yaml ({reason}); "
            "bring back the config.yaml that the run began with"
        ) from error
    network.eval().requires_grad_(False)
    if not all(values.isfinite().all() for values in network.state_dict().values()):
        raise RunError(
            f"'{checkpoint.path}' has weights that are not finite: its training diverged; "
            "choose another checkpoint or run"
        )


def _chosen(folder: RunFolder, which: Which) -> Checkpoint:
    best = checkpoints(folder.best) if which == "best" else []
    return best[-1] if best else latest_checkpoint(folder.checkpoints)
