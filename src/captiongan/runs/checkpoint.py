"""Checkpoints: the whole training state, written so that a kill at any moment loses none.

A checkpoint is a folder of safetensors files and a manifest with their sha256 and its own. It is
written under another name, flushed to the disk, and renamed; a folder without a matching manifest
is not a checkpoint. An old one is renamed before it is removed. Nothing in a checkpoint can run
code.
"""

import hashlib
import json
import reprlib
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from captiongan.base.files import os_errors_as, remove, remove_leftovers, sha256_of, whole_folder
from captiongan.base.lines import BadTextError, parsed_object
from captiongan.base.safe_reading import open_regular, read_regular
from captiongan.base.schemas import CHECKPOINT, newest, of_today
from captiongan.bundle.text_encoder import EncoderIdentity
from captiongan.errors import RunError
from captiongan.version import __version__

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)

MANIFEST = "manifest.json"
SUFFIX = ".safetensors"

LARGEST_MANIFEST, LARGEST_PART = 2**20, 2**33
"""Upper bounds in bytes: far above any use, far below any harm."""


class Training(Protocol):
    """A training that can be saved: tensors by the names of their parts, after some steps."""

    step: int

    def state(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return the tensors of each part, by their names."""

    def restore(self, state: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        """Load what `state` returned; raises KeyError or RuntimeError if it does not fit."""


class IncompleteError(RunError):
    """A checkpoint that cannot be used because a part of it is missing or damaged."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk."""

    path: Path
    step: int
    encoder: EncoderIdentity
    run: str
    """The identity of its run; empty if that has none."""

    def check_belongs_to(self, run: str) -> None:
        """Make sure that this is a checkpoint of a run, by the run's identity.

        Raises:
            RunError: it is one of another run.
        """
        if run and self.run != run:
            raise RunError(
                f"'{self.path}' is a checkpoint of another run; remove it, or bring back the "
                "run's own"
            )

    def tensors(self, part: str) -> dict[str, Tensor]:
        """Read the tensors of a part, such as `average`.

        Raises:
            RunError: it is gone, no regular file any more, or no file of tensors.
        """
        file = self.path / f"{part}{SUFFIX}"
        what, fix = f"'{self.path}' cannot be read", "choose another checkpoint or run"
        try:
            with os_errors_as(RunError, what, fix):
                return load(read_regular(file, self.path.parent, LARGEST_PART))
        except (KeyError, SafetensorError) as error:
            raise RunError(f"{what} ({error} in {file.name}); {fix}") from error


def save_checkpoint(
    training: Training, encoder: EncoderIdentity, folder: Path, keep: int, run: str = ""
) -> Checkpoint:
    """Write a training's state to `folder`, then remove all but the newest `keep` checkpoints.

    A step of the run, by its identity, that is already saved is not written again. First, leftovers
    of killed processes are removed. Raises OSError.
    """
    before = checkpoints(folder)
    if before and (before[-1].step, before[-1].run) == (training.step, run):
        return before[-1]
    remove_leftovers(folder, "step-*")
    final = folder / _name(training.step)
    if final.exists():  # damaged, or of another run
        remove(final)
        before = [each for each in before if each.path != final]
    with whole_folder(final) as work:
        for part, tensors in training.state().items():
            contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
            (work / f"{part}{SUFFIX}").write_bytes(save(contiguous))
        manifest = {
            "schema": newest(CHECKPOINT),
            "captiongan": __version__,
            "run": run,
            "step": training.step,
            "text_encoder": asdict(encoder),
            "files": {file.name: sha256_of(file) for file in sorted(work.iterdir())},
        }
        (work / MANIFEST).write_bytes(sealed(manifest))
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
            warnings.warn(f"{error}; it is ignored", stacklevel=2)
    return sorted(found, key=attrgetter("step"))


def latest_checkpoint(folder: Path) -> Checkpoint:
    """Return the newest complete checkpoint.

    Raises:
        RunError: there is none, or a later version wrote one.
    """
    found = checkpoints(folder)
    if not found:
        raise RunError(f"'{folder}' has no complete checkpoint; start a new run")
    return found[-1]


def forget_checkpoints_after(folder: Path, step: int) -> None:
    """Remove the checkpoints after a step, because later steps will be repeated."""
    for saved in checkpoints(folder):
        if saved.step > step:
            remove(saved.path)


def load_checkpoint(checkpoint: Checkpoint, training: Training, encoder: EncoderIdentity) -> None:
    """Load a checkpoint into a training.

    Raises:
        RunError: it was trained with another text encoder, or its networks have other shapes.
    """
    if not checkpoint.encoder.embeds_as(encoder):
        raise RunError(
            f"'{checkpoint.path}' was trained with text encoder {checkpoint.encoder}, "
            f"this run has {encoder}; set text.encoder to the one it was trained with"
        )
    try:
        parts = [file.stem for file in checkpoint.path.glob(f"*{SUFFIX}")]
        state = {part: checkpoint.tensors(part) for part in parts}
        training.restore(state, checkpoint.step)
    except (KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"'{checkpoint.path}' does not fit the configured networks: {reason}"
        ) from error


def sealed(manifest: Mapping[str, object]) -> bytes:
    """Return the file of a manifest, with a sha256 over all else in it."""
    return json.dumps({**manifest, "sha256": _seal(manifest)}, indent=2).encode() + b"\n"


def _seal(manifest: Mapping[str, object]) -> str:
    content = {name: value for name, value in manifest.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _name(step: int) -> str:
    return f"step-{step:09d}"


def _read(path: Path) -> Checkpoint:
    """Read a checkpoint's manifest and verify its name and its files.

    Raises:
        IncompleteError: a file does not match the manifest.
        RunError: a later version wrote it.
    """
    try:
        content = read_regular(path / MANIFEST, path.parent, LARGEST_MANIFEST)
        written = parsed_object(content)
        manifest: Any = of_today(written, CHECKPOINT, f"'{path}'", RunError)
        if written["schema"] != 1 and written["sha256"] != _seal(written):
            raise IncompleteError(f"'{path / MANIFEST}' is damaged: its sha256 is not its own")
        for file in {path / name for name in manifest["files"]} | {*path.glob(f"*{SUFFIX}")}:
            if _sha256_in(path.parent, file) != manifest["files"][file.name]:
                raise IncompleteError(f"'{file}' is damaged: its sha256 is not the manifest's")
        step, encoder = manifest["step"], EncoderIdentity(**manifest["text_encoder"])
        if type(step) is not int or _name(step) != path.name:
            raise IncompleteError(f"'{path}' has a manifest of step {reprlib.repr(step)}")
        if not isinstance(encoder.name, str) or not isinstance(encoder.sha256, str):
            raise IncompleteError(f"'{path}' has a manifest without a text encoder")
        return Checkpoint(path, step, encoder, str(manifest["run"]))
    except (*_UNREADABLE, BadTextError) as error:
        raise IncompleteError(f"'{path}' is not a complete checkpoint: {error}") from error


def _sha256_in(folder: Path, file: Path) -> str:
    with open_regular(file, folder, LARGEST_PART) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
