"""The verb `reproduce`: the training of a bundle, from the options that the bundle holds."""

import json
from pathlib import Path

from captiongan.base.commands import command
from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle
from captiongan.errors import BundleError
from captiongan.text.registry import name_of
from captiongan.training.start import start
from captiongan.training.starting_config import trained_config


def reproduce(bundle: str, data: str, into: Path | None, dry_run: bool) -> bool:
    """Train a bundle again.

    Args:
        bundle: a shipped bundle's name, or a folder.
        data: the captioned folder that it was trained on.
        into: the run folder: created, or resumed if it exists; None for a new one in `runs`.
        dry_run: whether to print what the run would do, and write nothing.

    Returns:
        Whether nothing is left to train.

    Raises:
        BundleError: the bundle is missing or damaged, does not say how it was trained, or did not
            begin with random weights.
        CaptionganError: see `start`.
    """
    options = options_of(read_bundle(find_bundle(bundle)))
    return start(None, data, Path("runs"), None, options, dry_run, into=into)


def options_of(bundle: Bundle) -> list[str]:
    """Return the options that a bundle was trained with, as `section=value`.

    The length is the number of pictures that it saw, which is less than planned if it was stopped.

    Raises:
        BundleError: no options alone repeat its training.
    """
    config, training, name = trained_config(bundle), bundle.manifest.training, bundle.manifest.name
    if origin := config.training.start:
        raise BundleError(
            f"bundle '{name}' {bundle.manifest.version} began with the weights of bundle "
            f"'{origin.name}' {origin.version} ({origin.sha256[:12]}), so the data alone do not "
            "repeat its training; if you have that bundle, start from it: "
            f"{command('train', '--from', 'FOLDER', '--data', 'DATA')}"
        )
    if training.student is not None or training.kimg is None:
        raise BundleError(
            f"bundle '{name}' learned from another bundle, not from data; use captiongan distill"
        )
    encoder = name_of(bundle.manifest.text_encoder.sha256) or str(bundle.folder.resolve())
    sections = config.with_encoder(encoder).model_dump()
    sections["training"]["kimg"] = training.kimg
    return [f"{section}={json.dumps(value)}" for section, value in sections.items()]
