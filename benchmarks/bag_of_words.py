"""The baseline that cannot know word order: which words a sentence has, and how often."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity

WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


class BagOfWords:
    """Counts of words, each weighed with its inverse document frequency (TF-IDF).

    The words are the most frequent ones of `captions`; all others share one more place, which a
    text without words has to itself.
    """

    def __init__(self, captions: Sequence[str], vocabulary: int = 1000) -> None:
        frequencies = Counter(word for caption in captions for word in set(words_of(caption)))
        frequent = sorted(frequencies.items(), key=lambda item: (-item[1], item[0]))[:vocabulary]
        self._number = {word: place for place, (word, _) in enumerate(frequent)}
        shares = np.array([count for _, count in frequent] + [1]) / len(captions)
        self._weights = (1 - np.log(shares)).astype(np.float32)
        digest = hashlib.sha256(" ".join(self._number).encode() + self._weights.tobytes())
        self.identity = EncoderIdentity("bag of words", digest.hexdigest())
        self.dim = len(self._weights)

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings of `texts`: (N, dim) float32, each of length 1."""
        embeddings = np.empty((len(texts), self.dim), dtype=np.float32)
        other = len(self._number)
        for row, text in enumerate(texts):
            numbers = [self._number.get(word, other) for word in words_of(text)] or [other]
            counts = np.bincount(numbers, minlength=self.dim) * self._weights
            embeddings[row] = counts / np.linalg.norm(counts)
        return embeddings


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case; a hyphen does not part them."""
    return WORD.findall(text.lower())


def same_words(one: str, other: str) -> bool:
    """Whether two texts have the same words, in whatever order."""
    return Counter(words_of(one)) == Counter(words_of(other))
