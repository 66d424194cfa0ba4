"""A text encoder with a cache on disk: each caption is encoded once per encoder."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from captiongan.base.cache import CACHE_VARIABLE, cache_folder
from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity, TextEncoder
from captiongan.errors import OutputError

CHUNK = 4096

FORMAT = 2
"""Of the files. Until 1, embeddings depended in their last bits on what was encoded with them."""

Progress = Callable[[int, int], None]


class CachedTextEncoder:
    """Another encoder, with its embeddings cached on disk by (encoder identity, caption).

    There is one SQLite file per identity; several processes may use it at once. `on_progress` is
    called with the number of new captions encoded so far, and of all new ones: (done, total).
    """

    def __init__(self, encoder: TextEncoder, on_progress: Progress | None = None) -> None:
        self._encoder = encoder
        self._on_progress = on_progress

    @property
    def identity(self) -> EncoderIdentity:
        """The wrapped encoder's own."""
        return self._encoder.identity

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._encoder.dim

    @property
    def file(self) -> Path:
        """The SQLite file of this identity."""
        identity = self.identity
        return (
            cache_folder("embeddings") / f"{identity.name}-{identity.sha256[:16]}-{FORMAT}.sqlite"
        )

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings of `texts`: (N, dim) float32, from the cache if it has them.

        Embeddings of length 0 are not cached.
        """
        if self.dim == 0:
            return self._encoder.encode(texts)
        distinct = list(dict.fromkeys(texts))
        try:
            known = self._look_up(distinct)
        except sqlite3.OperationalError as error:
            raise OutputError(
                f"embedding cache '{self.file}' cannot be used ({error}); "
                f"make room, or set {CACHE_VARIABLE} to another folder"
            ) from error
        except sqlite3.DatabaseError:  # damaged; its content can be computed again
            self.file.unlink()
            known = self._look_up(distinct)
        embeddings = np.frombuffer(b"".join(known[text] for text in texts), dtype=np.float32)
        return embeddings.reshape(len(texts), self.dim).copy()

    def _look_up(self, distinct: Sequence[str]) -> dict[str, bytes]:
        """Read from the cache; encode and add what it lacks."""
        with closing(sqlite3.connect(self.file, timeout=600)) as store:
            store.execute("CREATE TABLE IF NOT EXISTS embedding (caption TEXT PRIMARY KEY, e BLOB)")
            known = dict(_read(store, distinct))
            new = [text for text in distinct if text not in known]
            for start in range(0, len(new), CHUNK):
                chunk = new[start : start + CHUNK]
                vectors = [vector.tobytes() for vector in self._encoder.encode(chunk)]
                fresh = list(zip(chunk, vectors, strict=True))
                with store:
                    store.executemany("INSERT OR IGNORE INTO embedding VALUES (?, ?)", fresh)
                known.update(fresh)
                if self._on_progress:
                    self._on_progress(start + len(chunk), len(new))
        return known


def _read(store: sqlite3.Connection, texts: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for start in range(0, len(texts), 500):
        chunk = texts[start : start + 500]
        slots = ",".join("?" * len(chunk))
        yield from store.execute(
            f"SELECT caption, e FROM embedding WHERE caption IN ({slots})", chunk
        )
