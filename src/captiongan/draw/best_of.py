"""Chooses the best of several pictures with the ranker of a bundle."""

import numpy as np
import numpy.typing as npt

from captiongan.bundle.bundle import Bundle
from captiongan.bundle.text_encoder import Embeddings
from captiongan.draw.sessions import RANKER, in_batches, open_network
from captiongan.errors import BundleError

Scores = npt.NDArray[np.float32]

SCORE_DIGITS = 4
"""Decimals of a picture's score; further decimals differ between CPUs."""


class Ranker:
    """The ranker of a bundle, opened; raises BundleError if the bundle has none that fits."""

    def __init__(self, bundle: Bundle) -> None:
        self._session = open_network(bundle, RANKER)
        self._bundle = bundle.manifest.name

    def scores(self, pictures: npt.NDArray[np.uint8], embedding: Embeddings) -> Scores:
        """Score each picture under its text, see `Pipeline.score`."""
        rows = in_batches(len(pictures))
        return np.concatenate([self._batch(pictures[each], embedding[each]) for each in rows])

    def best(
        self, pictures: npt.NDArray[np.uint8], embedding: Embeddings, best_of: int
    ) -> list[tuple[int, float]]:
        """Return the best row among each `best_of` rows, with its score."""
        scores = self.scores(pictures, embedding)
        rows = best_rows(scores, best_of)
        return [(int(row), round(float(scores[row]), SCORE_DIGITS)) for row in rows]

    def _batch(self, pictures: npt.NDArray[np.uint8], embedding: Embeddings) -> Scores:
        levels = pictures.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1
        (scores,) = self._session.run(None, {"pictures": levels, "embedding": embedding})
        if not np.isfinite(scores).all():
            raise BundleError(
                f"bundle '{self._bundle}': {RANKER.file} returns a score that is not finite; "
                "train its ranker again: captiongan rank train"
            )
        return np.asarray(scores, dtype=np.float32)


def best_rows(scores: Scores, best_of: int) -> npt.NDArray[np.int64]:
    """Return the row with the highest score among each `best_of` rows: (N / best_of,)."""
    groups = scores.reshape(-1, best_of)
    best: npt.NDArray[np.int64] = np.arange(len(groups)) * best_of + groups.argmax(axis=1)
    return best
