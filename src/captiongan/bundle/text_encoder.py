"""Text encoders: their interface, and the one that runs on ONNX Runtime alone.

That encoder is a folder with two files, which a bundle holds, too:

    tokenizer.json      words to token ids; padding and truncation rules included (`tokenizers`)
    text_encoder.onnx   token ids to one unit vector per sentence
"""

import hashlib
import reprlib
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding

from captiongan.base.files import os_errors_as
from captiongan.base.safe_reading import read_regular
from captiongan.bundle.languages import (
    ENGLISH,
    VIETNAMESE,
    languages_of,
    marked,
    without_marks,
)
from captiongan.bundle.onnx_session import open_session
from captiongan.bundle.tokenizer import read_tokenizer
from captiongan.bundle.vietnamese import gloss
from captiongan.errors import BundleError

Embeddings = npt.NDArray[np.float32]

NETWORK_FILE, TOKENIZER_FILE = ENCODER_FILES = ("text_encoder.onnx", "tokenizer.json")
LARGEST = {NETWORK_FILE: 2**30, TOKENIZER_FILE: 2**24}
"""Upper bounds in bytes: far above any use, far below any harm."""

LARGEST_DIM = 2**16
"""Upper bound of an embedding's length."""

ROWS = 16
"""Texts that go through a network together. With another number, embeddings round otherwise."""


_BEFORE: Mapping[str, str] = {
    "53aca98ab343401005f637c921a7b7692e64e146f2eb178d6143394d3f73a036": (
        "08d5ef8547fba596b173c8968b3cf98e5da98f46a3360b029495cc7ee1d9b9c4"
    ),
    "7ee7bb12226b2750833dcf900f6d2bcbf6ae1bc1d3bbab7999127d29a85cb7ff": (
        "ff6d1e1d978ddd800244986b9697eca2c40976eb2b0dd733eb1cf2aeff36ff8a"
    ),
}
"""The shipped encoders that read Vietnamese, and those of before, by their sha256: they embed
English alike."""


@dataclass(frozen=True)
class EncoderIdentity:
    """The identity of an encoder; runs, caches and bundles of different encoders do not mix."""

    name: str
    sha256: str

    def embeds_as(self, other: "EncoderIdentity") -> bool:
        """Return whether what was trained with one encoder can go on with the other."""
        return _BEFORE.get(self.sha256, self.sha256) == _BEFORE.get(other.sha256, other.sha256)

    def __str__(self) -> str:
        return f"{self.name} ({self.sha256[:12]})"


@dataclass(frozen=True)
class Reading:
    """How an encoder reads a text.

    `tokens` are what the network gets, with the start and end marks. `cut` is true if the text has
    more tokens than the network reads. `words` counts its words; `unknown_words` are those that the
    vocabulary does not have. `gloss` is the text word by word in English, where it is in another
    language, otherwise empty. `embedding` is (dim,) float32, of length 1.


    `captiongan.draw.hints` adds the rest: a similar word of the training captions for an unknown
    one, `weak_words` that are known and hardly change a picture, and whether the text is about
    something else than those captions.
    """

    text: str
    tokens: Sequence[str]
    cut: bool
    words: int
    unknown_words: Sequence[str]
    embedding: Embeddings = field(compare=False, repr=False)
    suggestions: Mapping[str, str] = field(default_factory=dict)
    weak_words: Sequence[str] = ()
    off_topic: bool = False
    gloss: str = ""


class TextEncoder(Protocol):
    """From sentences to embeddings e, one vector each (slide "Approach")."""

    @property
    def identity(self) -> EncoderIdentity:
        """The encoder's name and the sha256 of its weights and vocabulary."""
        ...

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        ...

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings of `texts`: (N, dim) float32, each of length 1.

        Each is the same to the last bit, whatever the other texts are.
        """
        ...


class OnnxTextEncoder:
    """The encoder of a bundle: tokenizer and ONNX network, no PyTorch.

    It lower-cases a text and splits it into tokens. It reads at most `max_tokens` of them and warns
    if there are more.
    """

    def __init__(self, folder: Path, name: str) -> None:
        missing = [file for file in ENCODER_FILES if not (folder / file).is_file()]
        if missing:
            raise BundleError(
                f"text encoder '{name}': {', '.join(missing)} not found in '{folder}'; "
                "name a folder written by `captiongan text train` or `captiongan export`"
            )
        what = f"text encoder '{name}' cannot be read"
        with os_errors_as(BundleError, what, "copy its folder again, or check its permissions"):
            files = {
                file: read_regular(folder / file, folder, most) for file, most in LARGEST.items()
            }
        self._folder = folder
        self._identity = EncoderIdentity(name, hashlib.sha256(b"".join(files.values())).hexdigest())
        try:
            self._tokenizer = read_tokenizer(files[TOKENIZER_FILE])
        except ValueError as error:
            raise BundleError(
                f"'{folder / TOKENIZER_FILE}' is not a tokenizer that a bundle may hold ({error}); "
                "copy or download the bundle again"
            ) from error
        self._vocabulary = self._tokenizer.get_vocab()
        self._languages = languages_of(self._vocabulary)
        self._session = open_session(files[NETWORK_FILE], folder / NETWORK_FILE)
        shapes = [each.shape for each in self._session.get_outputs()]
        if not (len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][1] in range(1, LARGEST_DIM)):
            raise BundleError(
                f"'{folder / NETWORK_FILE}' is not the network of a text encoder: it returns "
                f"{reprlib.repr(shapes)}, must return one vector for each text; copy or download "
                "it again"
            )

    @property
    def identity(self) -> EncoderIdentity:
        """The name and one sha256 over both files."""
        return self._identity

    @property
    def folder(self) -> Path:
        """The folder with the two files."""
        return self._folder

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self._session.get_outputs()[0].shape[1])

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text are read, with the start and end marks."""
        truncation = self._tokenizer.truncation
        assert truncation is not None  # `read_tokenizer` sets it
        return int(truncation["max_length"])

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that it reads, by their ISO codes; English comes first."""
        return self._languages

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings of `texts`: (N, dim) float32, each of length 1.

        Texts of equal length go through the network together, so nothing is ever padded, and always
        as many, so that rounding does not depend on the other texts.
        """
        encodings = self._tokenizer.encode_batch([self._marked(text) for text in texts])
        if any(encoding.overflowing for encoding in encodings):
            warnings.warn(
                f"a text is longer than {self.max_tokens} tokens; the rest is not read",
                stacklevel=2,
            )
        return self._embed(encodings, ROWS)

    def read(self, text: str) -> Reading:
        """Return how the encoder reads one text; never warns."""
        marked_text = self._marked(text)
        encoding = self._tokenizer.encode(marked_text)
        unknown, words = self._unknown_words(marked_text)
        (embedding,) = self._embed([encoding], 1)
        tokens = [without_marks(token) for token in encoding.tokens]
        english = gloss(marked_text) if VIETNAMESE in marked_text else ""
        cut = bool(encoding.overflowing)
        return Reading(text, tokens, cut, words, unknown, embedding, gloss=english)

    def _embed(self, encodings: Sequence[Encoding], at_once: int) -> Embeddings:
        embeddings = np.empty((len(encodings), self.dim), dtype=np.float32)
        for rows in full_batches([len(encoding.ids) for encoding in encodings], at_once):
            token_ids = np.array([encodings[row].ids for row in rows], dtype=np.int64)
            (embeddings[rows],) = self._session.run(None, {"token_ids": token_ids})
        return embeddings

    def unknown_words(self, text: str) -> tuple[list[str], int]:
        """Return the words of `text` that are not in the vocabulary, and how many words it has.

        Such a word was rare or absent in the captions that the tokenizer learned from, so the
        tokenizer splits it into pieces. Punctuation does not count as a word.
        """
        return self._unknown_words(self._marked(text))

    def _unknown_words(self, marked_text: str) -> tuple[list[str], int]:
        normal = self._tokenizer.normalizer.normalize_str(marked_text)
        words = [word for word, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(normal)]
        words = [word for word in words if any(letter.isalnum() for letter in word)]
        unknown = [without_marks(word) for word in words if word not in self._vocabulary]
        return unknown, len(words)

    def _marked(self, text: str) -> str:
        """Return a text as the tokenizer reads it: with other languages marked, if it has any."""
        return text if self._languages == (ENGLISH,) else marked(text, self._vocabulary)


def equal_length_batches(lengths: Sequence[int], limit: int = 256) -> Iterator[list[int]]:
    """Yield the positions of texts of equal length together, at most `limit` at a time."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for position, length in enumerate(lengths):
        by_length[length].append(position)
    for positions in by_length.values():
        for start in range(0, len(positions), limit):
            yield positions[start : start + limit]


def full_batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield positions as `equal_length_batches` does, `size` each time: some of them repeatedly."""
    for rows in equal_length_batches(lengths, size):
        yield rows + rows[:1] * (size - len(rows))
