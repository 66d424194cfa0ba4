"""Checkpoints: the whole training state, written so that a kill at any moment loses none.

A checkpoint is a folder of safetensors files and a manifest with their sha256. It is written under
another name, flushed to the disk, and renamed; a folder without a manifest that fits is not a
checkpoint. One that is no longer needed is renamed before it is removed. Nothing in it can run
code.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from captiongan.base.files import remove, remove_leftovers, sha256_of, whole_folder
from captiongan.base.schemas import CHECKPOINT, newest, of_today
from captiongan.bundle.text_encoder import EncoderIdentity
from captiongan.errors import RunError
from captiongan.version import __version__

MANIFEST = "manifest.json"
SUFFIX = ".safetensors"


class Training(Protocol):
    """What a checkpoint can be taken of: tensors by the names of their parts, after some steps."""

    step: int

    def state(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return the tensors of each part, by their names."""

    def restore(self, state: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        """Go back to what `state` returned; raises KeyError or RuntimeError if it does not fit."""


class IncompleteError(RunError):
    """A checkpoint that does not count, as something of it is missing or damaged."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk."""

    path: Path
    step: int
    encoder: EncoderIdentity

    def tensors(self, part: str) -> dict[str, Tensor]:
        """Read the tensors of a part, such as `average`."""
        return load_file(self.path / f"{part}{SUFFIX}")


def save_checkpoint(
    training: Training, encoder: EncoderIdentity, folder: Path, keep: int
) -> Checkpoint:
    """Write a training's state to `folder`, then drop all but the newest `keep` checkpoints.

    A step that is saved already is not written again. What killed processes left half written or
    half removed goes first. Raises OSError.
    """
    before = checkpoints(folder)
    if before and before[-1].step == training.step:
        return before[-1]
    remove_leftovers(folder, "step-*")
    final = folder / f"step-{training.step:09d}"
    if final.exists():  # damaged, or it would be among those before
        remove(final)
    with whole_folder(final) as work:
        for part, tensors in training.state().items():
            contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
            (work / f"{part}{SUFFIX}").write_bytes(save(contiguous))
        manifest = {
            "schema": newest(CHECKPOINT),
            "captiongan": __version__,
            "step": training.step,
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


def load_checkpoint(checkpoint: Checkpoint, training: Training, encoder: EncoderIdentity) -> None:
    """Put a checkpoint's state into a training.

    Raises:
        RunError: it was trained with another text encoder, or its networks have other shapes.
    """
    if checkpoint.encoder.sha256 != encoder.sha256:
        raise RunError(
            f"'{checkpoint.path}' was trained with text encoder {checkpoint.encoder}, "
            f"this run has {encoder}; set text.encoder to the former"
        )
    try:
        state = {file.stem: load_file(file) for file in checkpoint.path.glob(f"*{SUFFIX}")}
        training.restore(state, checkpoint.step)
    except (KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"'{checkpoint.path}' does not fit the configured networks: {reason}"
        ) from error


def _read(path: Path) -> Checkpoint:
    """Read a checkpoint's manifest and hold its files against it.

    Raises:
        IncompleteError: they do not fit.
        RunError: a later version wrote it.
    """
    try:
        manifest: Any = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        manifest = of_today(manifest, CHECKPOINT, f"'{path}'", RunError)
        for file in {path / name for name in manifest["files"]} | {*path.glob(f"*{SUFFIX}")}:
            if sha256_of(file) != manifest["files"][file.name]:
                raise IncompleteError(f"'{file}' is damaged: its sha256 is not the manifest's")
        encoder = EncoderIdentity(**manifest["text_encoder"])
        return Checkpoint(path, manifest["step"], encoder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IncompleteError(f"'{path}' is not a complete checkpoint: {error}") from error
