"""What a run learns from and is scored by: which pictures at which size, whose captions by whom.

The one place that decides it, for training and for preparing alike; free of PyTorch.
"""

from dataclasses import dataclass
from pathlib import Path

from captiongan.data.store import PictureStore, Progress, open_store
from captiongan.errors import ConfigError
from captiongan.evaluation.retrieval import POOL
from captiongan.runs.config import RunConfig
from captiongan.text.registry import is_folder

PICTURES = 1000
"""Most pictures that are set apart for the exam of a run."""

SHARE = 0.2
"""Most of a set that is."""


@dataclass(frozen=True)
class DataSource:
    """Pictures of a data set, as squares, and the name of the encoder of their captions."""

    source: str
    side: int
    minimum_side: int
    squash: bool
    first_captions: bool
    encoder: str

    def open(self, on_progress: Progress | None = None) -> PictureStore:
        """Open the pictures; `open_store` decodes them the first time."""
        store = open_store(self.source, self.side, self.minimum_side, self.squash, on_progress)
        return store.with_first_captions() if self.first_captions else store


def to_learn_from(config: RunConfig) -> DataSource:
    """Return what a run is trained on."""
    plan, least = config.data, config.data.resolution
    return DataSource(
        plan.source,
        side=least + plan.margin,
        minimum_side=least,
        squash=plan.squash,
        first_captions=config.text.captions == "first",
        encoder=config.text.encoder,
    )


def to_be_scored_by(config: RunConfig) -> DataSource:
    """Return what a run that is scored sets its exam apart from, see `set_apart`."""
    side = config.data.resolution
    return DataSource(
        config.data.source,
        side=side,
        minimum_side=side,
        squash=False,
        first_captions=False,
        encoder="minilm",
    )


def set_apart(pictures: int) -> int:
    """Return how many of so many pictures are set apart for the exam; 0 if they are too few.

    The exam is of all of them then, see `RunScores`.
    """
    count = min(PICTURES, round(SHARE * pictures))
    return count if count >= POOL else 0


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """Make paths independent of the folder from which a run is begun, prepared or resumed.

    Raises:
        ConfigError: no data set is named.
    """
    data, encoder = config.data, config.text.encoder
    if not data.source:
        raise ConfigError("--data is missing; name a captioned folder, or use --data toy")
    if data.source.partition(":")[0] != "toy":
        data = data.model_copy(update={"source": str(Path(data.source).resolve())})
    if is_folder(encoder):
        encoder = str(Path(encoder).resolve())
    return config.model_copy(update={"data": data}).with_encoder(encoder)
