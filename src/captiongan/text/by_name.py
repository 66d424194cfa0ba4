"""A text encoder that is opened where it is used: in this process, or on any machine."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity, TextEncoder
from captiongan.errors import CaptionganError, ConfigError
from captiongan.text.registry import choose_encoder


@dataclass(frozen=True)
class EncoderByName:
    """The encoder that `choose_encoder` finds under a name; each process opens it once.

    It must be the one of this identity wherever it is found.
    """

    name: str
    identity: EncoderIdentity
    dim: int

    @classmethod
    def like(cls, encoder: TextEncoder, name: str) -> "EncoderByName":
        """Return the encoder of this name, which is that one."""
        return cls(name, encoder.identity, encoder.dim)

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings of `texts`: (N, dim) float32, each of length 1.

        Raises:
            ConfigError: this machine has another encoder under the name, or none.
        """
        return _opened(self.name, self.identity).encode(texts)


@lru_cache(maxsize=1)
def _opened(name: str, identity: EncoderIdentity) -> TextEncoder:
    rule = "install the same captiongan on all machines, with a text encoder's folder on storage "
    rule += "that they share"
    try:
        encoder = choose_encoder(name)
    except (CaptionganError, ImportError) as error:
        raise ConfigError(
            f"machine '{platform.node()}' cannot open text encoder '{name}' ({error}); {rule}"
        ) from error
    if encoder.identity != identity:
        raise ConfigError(
            f"machine '{platform.node()}' has text encoder {encoder.identity}, not {identity}; "
            f"{rule}"
        )
    return encoder
