"""The data that a run is trained on and scored by: pictures, their size, their text encoder.

`captiongan train` and `captiongan data prepare` both ask here; nothing needs PyTorch.
"""

from dataclasses import dataclass
from pathlib import Path

from captiongan.data.readiness import Judgement, Training, judge
from captiongan.data.store import PictureStore, Progress, open_store
from captiongan.errors import ConfigError
from captiongan.evaluation.retrieval import POOL
from captiongan.runs.config import RunConfig
from captiongan.runs.config_rules import WITHOUT_MISMATCHING
from captiongan.text.registry import is_folder

PICTURES = 1000
"""The most pictures that are held out for the benchmark of a run."""

SHARE = 0.2
"""The largest share of a data set that is held out."""


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


def training_source(config: RunConfig) -> DataSource:
    """Return the data that a run is trained on."""
    data = config.data
    return DataSource(
        data.source,
        side=data.resolution + data.margin,
        minimum_side=data.resolution,
        squash=data.squash,
        first_captions=config.text.captions == "first",
        encoder=config.text.encoder,
    )


def scoring_source(config: RunConfig) -> DataSource:
    """Return the data that a run is scored by, see `pictures_held_out`."""
    side = config.data.resolution
    return DataSource(
        config.data.source,
        side=side,
        minimum_side=side,
        squash=False,
        first_captions=False,
        encoder="minilm",
    )


def judgement_of(config: RunConfig, store: PictureStore) -> Judgement:
    """Judge whether a run can learn from pictures, which are those of its set or some of them."""
    data, training = config.data, config.training
    needs_none = not config.has_text or config.losses.discriminator in WITHOUT_MISMATCHING
    from_scratch = config.has_text and training.start is None and not _is_toy(data.source)
    plan = Training(training.kimg, None if needs_none else data.mismatching, from_scratch)
    return judge(store.examples, data.source, plan)


def pictures_held_out(pictures: int) -> int:
    """Return how many of `pictures` are held out for the benchmark; 0 if there are too few.

    If it is 0, all of them are the benchmark, see `RunScores`.
    """
    count = min(PICTURES, round(SHARE * pictures))
    return count if count >= POOL else 0


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """Make paths independent of the working directory, which may change before a resume.

    Raises:
        ConfigError: no data set is named.
    """
    data, encoder = config.data, config.text.encoder
    if not data.source:
        raise ConfigError("--data is missing; name a captioned folder, or use --data toy")
    if not _is_toy(data.source):
        data = data.model_copy(update={"source": str(Path(data.source).resolve())})
    if is_folder(encoder):
        encoder = str(Path(encoder).resolve())
    return config.model_copy(update={"data": data}).with_encoder(encoder)


def _is_toy(source: str) -> bool:
    return source.partition(":")[0] == "toy"
