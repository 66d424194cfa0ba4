"""All that a training decodes and encodes, done before it; on one machine or on many."""

import time
from collections.abc import Callable, Generator, Iterator

from captiongan.base.ray_cluster import Cluster
from captiongan.base.threads import Engine, in_turn, on_cores
from captiongan.bundle.text_encoder import TextEncoder
from captiongan.data.store import Pictures, PictureStore
from captiongan.errors import DataError
from captiongan.runs.config import RunConfig
from captiongan.text.by_name import EncoderByName
from captiongan.text.cached import CachedTextEncoder
from captiongan.text.registry import choose_encoder
from captiongan.training.data_source import DataSource, set_apart, to_be_scored_by, to_learn_from

SECONDS_BETWEEN_LINES = 10
"""How often long work tells how far it is."""

Say = Callable[[str], None]


def prepare(config: RunConfig, say: Say, ray: str | None = None) -> Iterator[str]:
    """Decode and encode what the caches lack for a training by this configuration.

    Yields what was done, a line for each part. On one machine all cores decode, and the encoder
    has threads of its own. On a Ray cluster each task does a chunk on one core; the data set, and
    a text encoder that is a folder, lie where all its machines see them, and what comes out is
    written here.

    Args:
        config: of the training, its paths absolute.
        say: hears how far long work is.
        ray: see `Cluster.connect`; without, this machine works alone.

    Raises:
        ConfigError: there is no such encoder, or not the same on all machines.
        DataError: the data cannot be used, on some machine perhaps, or there is no such cluster.
        OutputError: the caches cannot be written.
    """
    preparing = _Preparing(say, Cluster.connect(ray, "preparing", DataError) if ray else None)
    learned = to_learn_from(config)
    store = yield from preparing.pictures(learned, "to learn from")
    if config.data.facing:
        yield preparing.facing(store.middle(config.data.resolution))
    if config.has_text:
        yield preparing.captions(learned, store)
    if config.scores.every_kimg:
        scored = to_be_scored_by(config)
        store = yield from preparing.pictures(scored, "to be scored by")
        if set_apart(len(store.examples)):
            yield preparing.captions(scored, store)
    yield "ready to train" if preparing.found_work else "all was there already"


class _Preparing:
    """Prepares one thing after the other, and knows whether there was any work."""

    def __init__(self, say: Say, cluster: Cluster | None) -> None:
        self._say = say
        self._cluster = cluster
        self.found_work = False

    def pictures(self, data_source: DataSource, purpose: str) -> Generator[str, None, PictureStore]:
        """Open pictures, yield what was done for it, return them."""
        work = _Work("pictures", "decoded", self._say)
        store = data_source.open(self._cluster.in_order if self._cluster else on_cores, work)
        self.found_work |= work.done > 0
        size = f"{data_source.side} x {data_source.side}"
        rejected = f"{len(store.rejects):,} lines rejected"
        yield f"{purpose}: {len(store.examples):,} pictures of {size}, {rejected}: {work}"
        return store

    def facing(self, pictures: Pictures) -> str:
        """Find which pictures face the other way; return what was done for it."""
        from captiongan.training.facing import to_be_turned  # with PyTorch, unlike all else here

        work = _Work("pictures", "looked at", self._say)
        turned = to_be_turned(pictures, work)
        self.found_work |= work.done > 0
        return f"turned to face one way: {turned.sum():,} of them: {work}"

    def captions(self, data_source: DataSource, store: PictureStore) -> str:
        """Encode captions; return what was done for it."""
        work = _Work("new captions", "encoded", self._say)
        encoder: TextEncoder = choose_encoder(data_source.encoder)
        engine: Engine = in_turn
        if self._cluster:
            encoder = EncoderByName.like(encoder, data_source.encoder)
            engine = self._cluster.in_order
        CachedTextEncoder(encoder, lambda done, _: work(done), engine).encode(store.captions)
        self.found_work |= work.done > 0
        return f"their {len(store.captions):,} captions by encoder {encoder.identity}: {work}"


class _Work:
    """Hears how much of what was not there is done, and says so from time to time."""

    def __init__(self, things: str, verb: str, say: Say) -> None:
        self.done = 0
        self._things = things
        self._verb = verb
        self._say = say
        self._started = self._told = self._now = time.monotonic()

    def __call__(self, done: int) -> None:
        """Hear that so many are done by now."""
        self.done, self._now = done, time.monotonic()
        if self._now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = self._now
            self._say(f"{done:,} {self._things} {self._verb}, {self._pace}")

    def __str__(self) -> str:
        """What was done in all, how long it took and how fast it went."""
        if not self.done:
            return "there already"
        seconds = self._now - self._started
        return f"{self.done:,} {self._verb} in {seconds:.1f} s, {self._pace}"

    @property
    def _pace(self) -> str:
        return f"{self.done / max(self._now - self._started, 1e-3):,.0f} a second"
