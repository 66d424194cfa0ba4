"""The one place that decides the text encoder of a run."""

from pathlib import Path

from captiongan.bundle.text_encoder import OnnxTextEncoder, TextEncoder
from captiongan.errors import ConfigError
from captiongan.text.no_text import NoText

SMALL = Path(__file__).parent / "small_encoder"
"""Our own encoder, as it travels in bundles."""


NAMES = ("small", "minilm", "none")
"""The encoders that need no folder."""


def choose_encoder(name: str) -> TextEncoder:
    """Return the encoder that a configuration names: one of `NAMES`, or a folder.

    Raises:
        ConfigError: there is no such encoder.
    """
    if name == "small":
        return OnnxTextEncoder(SMALL, "small")
    if name == "minilm":
        from captiongan.text.minilm import MiniLM

        return MiniLM()
    if name == "none":
        return NoText()
    if not Path(name).is_dir():
        raise ConfigError(
            f"text.encoder '{name}' is unknown; choose {', '.join(NAMES)}, or a folder written by "
            "`captiongan text train`; if a run's has moved, bring it back, or write its new place "
            "in the run's config.yaml"
        )
    return OnnxTextEncoder(Path(name), Path(name).resolve().name)
