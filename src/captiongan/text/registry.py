"""The text encoders by their names in a configuration, and which of them fit in a bundle."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from captiongan.bundle.text_encoder import EncoderIdentity, OnnxTextEncoder, TextEncoder
from captiongan.errors import ConfigError
from captiongan.text.no_text import NoText

SMALL = Path(__file__).parent / "small_encoder"
"""The files of our own encoder, as in bundles."""


@dataclass(frozen=True)
class NamedEncoder:
    """A text encoder that needs no folder."""

    open: Callable[[], TextEncoder]
    """Opens it, and imports the packages that only it needs."""
    stays: str = ""
    """Why no bundle can hold it; empty if bundles can, as for an `OnnxTextEncoder`."""


def _small() -> TextEncoder:
    return OnnxTextEncoder(SMALL, "small")


def _minilm() -> TextEncoder:
    from captiongan.text.minilm import MiniLM

    return MiniLM()


ENCODERS = {
    "small": NamedEncoder(_small),
    "minilm": NamedEncoder(_minilm, stays="it is too big for a bundle"),
    "none": NamedEncoder(NoText, stays="a bundle draws from text, and this run has none"),
}
"""The encoders that need no folder, by their names in the option `text.encoder`."""


def is_folder(name: str) -> bool:
    """Return whether `name` is the path of a folder, that is, none of `ENCODERS`."""
    return name not in ENCODERS


def why_not_exportable(name: str) -> str:
    """Say why no bundle can hold an encoder; empty if bundles can, as for all folders."""
    return "" if is_folder(name) else ENCODERS[name].stays


def name_of(sha256: str) -> str | None:
    """Return the name of the exportable encoder that embeds as that one; None if there is none."""
    identity = EncoderIdentity("", sha256)
    exportable = (name for name, encoder in ENCODERS.items() if not encoder.stays)
    return next((name for name in exportable if _identity(name).embeds_as(identity)), None)


def choose_encoder(name: str) -> TextEncoder:
    """Return the encoder that a configuration names: one of `ENCODERS`, or a folder.

    Raises:
        ConfigError: there is no such encoder.
    """
    if not is_folder(name):
        return ENCODERS[name].open()
    if not Path(name).is_dir():
        raise ConfigError(
            f"text.encoder '{name}' is unknown; choose {', '.join(ENCODERS)}, or a folder written "
            "by `captiongan text train`; if the encoder of a run has moved, move it back, or write "
            "its new place in the run's config.yaml"
        )
    return OnnxTextEncoder(Path(name), Path(name).resolve().name)


def _identity(name: str) -> EncoderIdentity:
    return choose_encoder(name).identity
