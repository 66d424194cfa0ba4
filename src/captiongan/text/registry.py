"""The text encoders by the names that configurations give them, and which of them travel."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from captiongan.bundle.text_encoder import OnnxTextEncoder, TextEncoder
from captiongan.errors import ConfigError
from captiongan.text.no_text import NoText

SMALL = Path(__file__).parent / "small_encoder"
"""Our own encoder, as it travels in bundles."""


@dataclass(frozen=True)
class NamedEncoder:
    """A text encoder that needs no folder."""

    open: Callable[[], TextEncoder]
    """Return it; imports what only it needs."""
    stays: str = ""
    """Why no bundle can hold it; empty if it travels in bundles, as an `OnnxTextEncoder` does."""


def _small() -> TextEncoder:
    return OnnxTextEncoder(SMALL, "small")


def _minilm() -> TextEncoder:
    from captiongan.text.minilm import MiniLM

    return MiniLM()


ENCODERS = {
    "small": NamedEncoder(_small),
    "minilm": NamedEncoder(_minilm, stays="it is too big for a bundle"),
    "none": NamedEncoder(NoText, stays="a bundle draws from text, and this run does without"),
}
"""The encoders that need no folder, by their names in the option `text.encoder`."""


def is_folder(name: str) -> bool:
    """Return whether a configuration names a folder by it, and none of `ENCODERS`."""
    return name not in ENCODERS


def why_it_stays(name: str) -> str:
    """Say why no bundle can hold an encoder; nothing if it travels, as those of folders do."""
    return "" if is_folder(name) else ENCODERS[name].stays


def name_of(sha256: str) -> str | None:
    """Return the name of the travelling encoder with that identity; None if it has none."""
    travelling = (name for name, encoder in ENCODERS.items() if not encoder.stays)
    return next((name for name in travelling if _sha256(name) == sha256), None)


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
            "by `captiongan text train`; if a run's has moved, bring it back, or write its new "
            "place in the run's config.yaml"
        )
    return OnnxTextEncoder(Path(name), Path(name).resolve().name)


def _sha256(name: str) -> str:
    return choose_encoder(name).identity.sha256
