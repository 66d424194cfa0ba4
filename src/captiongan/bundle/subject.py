"""What the captions of a bundle's training data are about, and in which words.

A sentence about something else lies far from the captions in the space of embeddings: all of them
share one direction. `docs/text-encoder.md` compares this measure with others.
"""

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from captiongan.bundle import fields
from captiongan.bundle.text_encoder import Embeddings

SHARE = 0.005
"""The share of the captions that are farther from their direction than the threshold."""

HIGHEST = 0.44
"""The highest threshold. Captions that are all alike would make everything else off topic."""

FEWEST_CAPTIONS = 100
"""Fewer captions do not tell what is off topic."""

FEWEST, MOST = 3, 2000
"""In how many captions a word must be, and how many words are kept."""


@dataclass(frozen=True)
class Subject:
    """What the captions of a data set are about.

    `direction` is their mean embedding, of length 1, in half precision. A sentence whose cosine
    with it is below `least` is about something else. `words` are those of the captions, the most
    frequent first.
    """

    direction: tuple[float, ...]
    least: float
    words: tuple[str, ...]

    @classmethod
    def of(cls, captions: Sequence[str], embeddings: Embeddings) -> Self | None:
        """Describe captions by their embeddings (N, dim).

        None if there are fewer than `FEWEST_CAPTIONS`, or if they have no common direction. An
        encoder that reads no text returns embeddings without numbers.
        """
        if len(captions) < FEWEST_CAPTIONS:
            return None
        mean = embeddings.mean(axis=0)
        length = float(np.linalg.norm(mean))
        if not length:
            return None
        direction = (mean / length).astype(np.float16)
        cosines = embeddings @ direction.astype(np.float32)
        least = min(float(np.quantile(cosines, SHARE)), HIGHEST)
        counts = Counter(word for caption in captions for word in set(_words(caption)))
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST]
        words = tuple(word for word, count in ordered if count >= FEWEST)
        return cls(tuple(direction.astype(float).tolist()), round(least, 4), words)

    @classmethod
    def from_facts(cls, facts: Mapping[str, object], dim: int) -> Self | None:
        """Read the object `subject` of a manifest or a run; None if there is none.

        Raises:
            BundleError: a field breaks its rule. The direction must have `dim` numbers.
        """
        if facts.get("subject") is None:
            return None
        return cls(_direction(facts, dim), _cosine(facts), tuple(_listed(facts).split()))

    def to_facts(self) -> dict[str, object]:
        """Return the facts as JSON has them; `from_facts` reads them back."""
        direction = np.array(self.direction, dtype="<f2").tobytes()
        return {
            "direction": base64.b64encode(direction).decode(),
            "least": self.least,
            "words": " ".join(self.words),
        }

    def covers(self, embedding: Embeddings) -> bool:
        """Whether a sentence with this embedding, (dim,) of length 1, is about the subject."""
        return bool(embedding @ np.array(self.direction, dtype=np.float32) >= self.least)


def _words(caption: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", caption.lower())


def _direction(facts: Mapping[str, object], dim: int) -> tuple[float, ...]:
    path = ("subject", "direction")
    value = fields.text(facts, *path)
    try:
        numbers = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f2")
    except ValueError:
        numbers = np.empty(0)
    if len(numbers) != dim or not np.isfinite(numbers).all():
        raise fields.broken(path, value, f"{dim} numbers in half precision, as base64")
    return tuple(numbers.astype(float).tolist())


def _cosine(facts: Mapping[str, object]) -> float:
    path = ("subject", "least")
    value = fields.value_at(facts, path)
    if isinstance(value, float) and -1 <= value <= 1:
        return value
    raise fields.broken(path, value, "a number from -1.0 to 1.0")


def _listed(facts: Mapping[str, object]) -> str:
    path = ("subject", "words")
    value = fields.value_at(facts, path)
    if isinstance(value, str) and value.isprintable():
        return value
    raise fields.broken(path, value, "words with a space between them")
