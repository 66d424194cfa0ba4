"""Checkpoints: the whole training state, written so that a kill at any moment loses none.

A checkpoint is a folder of safetensors files and a manifest with their sha256. It is written under
another name, flushed to the disk, and renamed; a folder without a manifest that fits is not a
checkpoint. One that is no longer needed is renamed before it is removed. Nothing in it can run
code.
"""

import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from captiongan.base.files import remove, remove_leftovers, sha256_of, whole_folder
from captiongan.base.schemas import CHECKPOINT, newest, of_today
from captiongan.bundle.text_encoder import EncoderIdentity
from captiongan.compute.adam_state import moments, restore_moments
from captiongan.errors import RunError
from captiongan.training.state import TrainState
from captiongan.version import __version__

MANIFEST = "manifest.json"
PARTS = (
    "generator",
    "discriminator",
    "average",
    "generator_optimiser",
    "discriminator_optimiser",
)


class IncompleteError(RunError):
    """A checkpoint that does not count, as something of it is missing or damaged."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk."""

    path: Path
    step: int
    encoder: EncoderIdentity

    def ema(self) -> dict[str, Tensor]:
        """Read the weights of the generator's running average."""
        return load_file(self.path / "average.safetensors")

    def discriminator(self) -> dict[str, Tensor]:
        """Read the weights of the discriminator."""
        return load_file(self.path / "discriminator.safetensors")


def save_checkpoint(
    state: TrainState, encoder: EncoderIdentity, folder: Path, keep: int
) -> Checkpoint:
    """Write the game's state to `folder`, then drop all but the newest `keep` checkpoints.

    A step that is saved already is not written again. What killed processes left half written or
    half removed goes first. Raises OSError.
    """
    before = checkpoints(folder)
    if before and before[-1].step == state.step:
        return before[-1]
    remove_leftovers(folder, "step-*")
    final = folder / f"step-{state.step:09d}"
    if final.exists():  # damaged, or it would be among those before
        remove(final)
    with whole_folder(final) as work:
        for name, tensors in _tensors(state).items():
            (work / f"{name}.safetensors").write_bytes(save(tensors))
        manifest = {
            "schema": newest(CHECKPOINT),
            "captiongan": __version__,
            "step": state.step,
            "text_encoder": asdict(encoder),
            "files": {file.name: sha256_of(file) for file in sorted(work.iterdir())},
        }
        (work / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    saved = _read(final)
    for old in [*before, saved][:-keep]:
        remove(old.path)
    return saved


def checkpoints(folder: Path) -> list[Checkpoint]:
    """Return the complete checkpoints of a run, oldest first.

    Raises:
        RunError: a later version wrote one of them.
    """
    found = []
    for path in sorted(folder.glob("step-*")):
        try:
            found.append(_read(path))
        except IncompleteError as error:
            warnings.warn(f"{error}; it is passed over", stacklevel=2)
    return found


def latest_checkpoint(folder: Path) -> Checkpoint:
    """Return the newest complete checkpoint.

    Raises:
        RunError: there is none, or a later version wrote one.
    """
    found = checkpoints(folder)
    if not found:
        raise RunError(f"'{folder}' holds no complete checkpoint; start a new run")
    return found[-1]


def forget_checkpoints_after(folder: Path, step: int) -> None:
    """Drop the checkpoints of steps that will be taken again."""
    for saved in checkpoints(folder):
        if saved.step > step:
            remove(saved.path)


def load_checkpoint(checkpoint: Checkpoint, state: TrainState, encoder: EncoderIdentity) -> None:
    """Put a checkpoint's state into the game.

    Raises:
        RunError: it was trained with another text encoder, or its networks have other shapes.
    """
    if checkpoint.encoder.sha256 != encoder.sha256:
        raise RunError(
            f"'{checkpoint.path}' was trained with text encoder {checkpoint.encoder}, "
            f"this run has {encoder}; set text.encoder to the former"
        )
    try:
        parts = {part: load_file(checkpoint.path / f"{part}.safetensors") for part in PARTS}
        state.generator.load_state_dict(parts["generator"])
        state.discriminator.load_state_dict(parts["discriminator"])
        state.ema.load_state_dict(parts["average"])
    except (RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"'{checkpoint.path}' does not fit the configured networks: {reason}"
        ) from error
    restore_moments(state.generator_optimiser, parts["generator_optimiser"])
    restore_moments(state.discriminator_optimiser, parts["discriminator_optimiser"])
    state.step = checkpoint.step


def _read(path: Path) -> Checkpoint:
    """Read a checkpoint's manifest and hold its files against it.

    Raises:
        IncompleteError: they do not fit.
        RunError: a later version wrote it.
    """
    try:
        manifest: Any = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        manifest = of_today(manifest, CHECKPOINT, f"'{path}'", RunError)
        for part in PARTS:
            file = path / f"{part}.safetensors"
            if sha256_of(file) != manifest["files"][file.name]:
                raise IncompleteError(f"'{file}' is damaged: its sha256 is not the manifest's")
        encoder = EncoderIdentity(**manifest["text_encoder"])
        return Checkpoint(path, manifest["step"], encoder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IncompleteError(f"'{path}' is not a complete checkpoint: {error}") from error


def _tensors(state: TrainState) -> dict[str, dict[str, Tensor]]:
    return {
        "generator": _contiguous(state.generator.state_dict()),
        "discriminator": _contiguous(state.discriminator.state_dict()),
        "average": _contiguous(state.ema.state_dict()),
        "generator_optimiser": moments(state.generator_optimiser),
        "discriminator_optimiser": moments(state.discriminator_optimiser),
    }


def _contiguous(tensors: dict[str, Any]) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
