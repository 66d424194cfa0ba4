"""Checkpoints: the whole training state, written so that a kill at any moment loses none.

A checkpoint is a folder of safetensors files and a manifest with their sha256. It is written under
another name, flushed to the disk, and renamed; a folder without a manifest that fits is not a
checkpoint. Nothing in it can run code.
"""

import json
import shutil
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from captiongan.adam_state import moments, restore_moments
from captiongan.errors import RunError
from captiongan.files import sha256_of, whole_folder
from captiongan.text.encoder import EncoderIdentity
from captiongan.training.game import Game

SCHEMA = 1
MANIFEST = "manifest.json"
PARTS = (
    "generator",
    "discriminator",
    "average",
    "generator_optimiser",
    "discriminator_optimiser",
)


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk."""

    path: Path
    step: int
    encoder: EncoderIdentity

    def average(self) -> dict[str, Tensor]:
        """Read the weights of the generator's running average."""
        return load_file(self.path / "average.safetensors")


def save_checkpoint(game: Game, encoder: EncoderIdentity, folder: Path, keep: int) -> Checkpoint:
    """Write the game's state to `folder`, then drop all but the newest `keep` checkpoints.

    A step that is saved already is not written again.
    """
    before = checkpoints(folder)
    if before and before[-1].step == game.step:
        return before[-1]
    for leftover in folder.glob(".step-*"):
        shutil.rmtree(leftover)
    final = folder / f"step-{game.step:09d}"
    shutil.rmtree(final, ignore_errors=True)
    with whole_folder(final) as work:
        for name, tensors in _tensors(game).items():
            save_file(tensors, work / f"{name}.safetensors")
        manifest = {
            "schema": SCHEMA,
            "step": game.step,
            "text_encoder": asdict(encoder),
            "files": {file.name: sha256_of(file) for file in sorted(work.iterdir())},
        }
        (work / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    saved = _read(final)
    for old in [*before, saved][:-keep]:
        shutil.rmtree(old.path)
    return saved


def checkpoints(folder: Path) -> list[Checkpoint]:
    """Return the complete checkpoints of a run, oldest first."""
    found = []
    for path in sorted(folder.glob("step-*")):
        try:
            found.append(_read(path))
        except RunError as error:
            warnings.warn(f"{error}; it is passed over", stacklevel=2)
    return found


def latest_checkpoint(folder: Path) -> Checkpoint:
    """Return the newest complete checkpoint.

    Raises:
        RunError: there is none.
    """
    found = checkpoints(folder)
    if not found:
        raise RunError(f"'{folder}' holds no complete checkpoint; start a new run")
    return found[-1]


def forget_checkpoints_after(folder: Path, step: int) -> None:
    """Drop the checkpoints of steps that will be taken again."""
    for saved in checkpoints(folder):
        if saved.step > step:
            shutil.rmtree(saved.path)


def load_checkpoint(checkpoint: Checkpoint, game: Game, encoder: EncoderIdentity) -> None:
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
        game.generator.load_state_dict(parts["generator"])
        game.discriminator.load_state_dict(parts["discriminator"])
        game.average.load_state_dict(parts["average"])
    except (RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"'{checkpoint.path}' does not fit the configured networks: {reason}"
        ) from error
    restore_moments(game.generator_optimiser, parts["generator_optimiser"])
    restore_moments(game.discriminator_optimiser, parts["discriminator_optimiser"])
    game.step = checkpoint.step


def _read(path: Path) -> Checkpoint:
    """Read a checkpoint's manifest and hold its files against it."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if manifest["schema"] != SCHEMA:
            raise RunError(
                f"'{path}' has schema {manifest['schema']}; this captiongan reads {SCHEMA}"
            )
        for part in PARTS:
            file = path / f"{part}.safetensors"
            if sha256_of(file) != manifest["files"][file.name]:
                raise RunError(f"'{file}' is damaged: its sha256 is not the manifest's")
        encoder = EncoderIdentity(**manifest["text_encoder"])
        return Checkpoint(path, manifest["step"], encoder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"'{path}' is not a complete checkpoint: {error}") from error


def _tensors(game: Game) -> dict[str, dict[str, Tensor]]:
    return {
        "generator": _contiguous(game.generator.state_dict()),
        "discriminator": _contiguous(game.discriminator.state_dict()),
        "average": _contiguous(game.average.state_dict()),
        "generator_optimiser": moments(game.generator_optimiser),
        "discriminator_optimiser": moments(game.discriminator_optimiser),
    }


def _contiguous(tensors: dict[str, Any]) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
