"""Decodes the pictures and encodes the captions of a training in advance."""

from collections.abc import Callable, Generator, Iterator, Sequence

from captiongan.base.progress import Pace
from captiongan.data.store import Pictures, PictureStore
from captiongan.errors import DataError
from captiongan.runs.config import RunConfig
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.text.colour_swap import swap_each
from captiongan.text.registry import choose_encoder
from captiongan.training.data_source import (
    DataSource,
    judgement_of,
    pictures_held_out,
    scoring_source,
    training_source,
)

SECONDS_BETWEEN_LINES = 10
"""How often long work reports its progress."""

Say = Callable[[str], None]


def prepare(config: RunConfig, say: Say) -> Iterator[str]:
    """Decode and encode what the caches lack for a training with this configuration.

    Decoding uses all cores; the encoder has its own threads.

    Args:
        config: the training's configuration, with absolute paths.
        say: called with a line from time to time during long work.

    Yields:
        A line that says what was done, for each part.

    Raises:
        ConfigError: the configuration names no known encoder.
        DataError: the data cannot be used.
        OutputError: the caches cannot be written.
    """
    preparing = _Preparing(say)
    training = training_source(config)
    store = yield from preparing.pictures(training, "to learn from")
    if obstacle := judgement_of(config, store).obstacle:
        raise DataError(f"--data '{config.data.source}': {obstacle}")
    if config.data.facing:
        yield preparing.facing(store.middle(config.data.resolution))
    if config.has_text:
        yield preparing.captions(training, store.captions)
    if config.losses.binding:
        texts = list(filter(None, swap_each(store.captions)))
        yield preparing.captions(training, texts, " with colours exchanged")
    if config.scores.every_kimg:
        scoring = scoring_source(config)
        store = yield from preparing.pictures(scoring, "to be scored by")
        if pictures_held_out(len(store.examples)):
            yield preparing.captions(scoring, store.captions)
    yield "ready to train" if preparing.found_work else "all was there already"


class _Preparing:
    """Prepares one part after the other, and records whether there was work."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.found_work = False

    def pictures(self, data_source: DataSource, purpose: str) -> Generator[str, None, PictureStore]:
        """Open the pictures of a data source; yield a line about it, and return them."""
        work = _Work("pictures", "decoded", self._say)
        store = data_source.open(work)
        self.found_work |= work.done > 0
        size = f"{data_source.side} x {data_source.side}"
        rejected = f"{len(store.rejects):,} lines rejected"
        yield f"{purpose}: {len(store.examples):,} pictures of {size}, {rejected}: {work}"
        return store

    def facing(self, pictures: Pictures) -> str:
        """Find the pictures that face the other way; return a line about it."""
        from captiongan.training.facing import to_be_turned  # the only import of PyTorch here

        work = _Work("pictures", "analysed", self._say)
        turned = to_be_turned(pictures, work)
        self.found_work |= work.done > 0
        return f"turned to face one way: {turned.sum():,} of them: {work}"

    def captions(self, data_source: DataSource, captions: Sequence[str], which: str = "") -> str:
        """Encode captions; return a line about it, which says `which` they are."""
        work = _Work("new captions", "encoded", self._say)
        encoder = choose_encoder(data_source.encoder)
        CachedTextEncoder(encoder, lambda done, _: work(done)).encode(captions)
        self.found_work |= work.done > 0
        return f"their {len(captions):,} captions{which} by encoder {encoder.identity}: {work}"


class _Work:
    """Counts what is done of the work that the caches lacked, and reports it now and then."""

    def __init__(self, things: str, verb: str, say: Say) -> None:
        self.done = 0
        self._things = things
        self._verb = verb
        self._say = say
        self._pace = Pace(SECONDS_BETWEEN_LINES)

    def __call__(self, done: int) -> None:
        """Note how many are done by now."""
        self.done = done
        if self._pace.due():
            self._say(f"{done:,} {self._things} {self._verb}, {self._speed}")

    def __str__(self) -> str:
        """Say how much was done, how long it took, and how fast it was."""
        if not self.done:
            return "there already"
        return f"{self.done:,} {self._verb} in {self._pace.seconds:.1f} s, {self._speed}"

    @property
    def _speed(self) -> str:
        return f"{self._pace.per_second(self.done):,.0f} a second"
