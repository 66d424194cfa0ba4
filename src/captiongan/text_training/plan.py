"""What to train a text encoder on, and for how long."""

from dataclasses import dataclass
from pathlib import Path

from captiongan.errors import ConfigError

NETWORKS = ("small", "char-cnn-rnn")


@dataclass(frozen=True)
class TextPlan:
    """What to train a text encoder on, and for how long.

    `data` are captioned folders, `toy` or `toy:SIZE`. `network` is one of `NETWORKS`. `wordnet` is
    the folder of a WordNet database or None, `composed` how many sentences to compose of looks,
    `epochs` how often to read all texts, `align_epochs` how often to see all pictures' captions; 0
    leaves that stage out. The char-cnn-rnn has the second stage only.

    Raises:
        ConfigError: the network is unknown, or would learn from nothing.
    """

    data: tuple[str, ...]
    network: str = "small"
    wordnet: Path | None = None
    composed: int = 60_000
    epochs: int = 8
    align_epochs: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ConfigError(f"--network '{self.network}': must be one of {', '.join(NETWORKS)}")
        if self.network != "small" and self.align_epochs == 0:
            raise ConfigError(
                f"--align-epochs 0: '{self.network}' learns from pictures only; give 1 or more"
            )
