"""The benchmark of how much of a class captions tell."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import classes_in_words
from benchmarks.classes_in_words import guessed
from captiongan.base.cache import CACHE_VARIABLE
from captiongan.bundle.text_encoder import Embeddings
from captiongan.data.store import PictureStore, open_store
from captiongan.errors import DataError
from support.tiny_exam import WordEncoder


class Mute(WordEncoder):
    """Says of every text what it says of the next, at random."""

    def encode(self, texts: Sequence[str]) -> Embeddings:
        vectors = np.random.default_rng(0).standard_normal((len(texts), self.dim))
        return vectors.astype(np.float32)


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> tuple[PictureStore, PictureStore]:
    """Toy flowers to learn from, and others of the same classes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        flowers = open_store("toy:600", 16, 16)
    train = flowers.examples[:500]
    known = {example.label for example in train}
    test = tuple(example for example in flowers.examples[500:] if example.label in known)
    return replace(flowers, examples=train), replace(flowers, examples=test)


def test_words_that_tell_the_class_are_guessed_from(
    splits: tuple[PictureStore, PictureStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classes_in_words, "PASSES", 20)  # so few captions have to be read often
    first, five = guessed(*splits, WordEncoder())
    by_chance, five_by_chance = guessed(*splits, Mute())
    assert first > by_chance + 0.3
    assert five > five_by_chance + 0.3
    assert first < five <= 1


def test_a_class_that_cannot_be_learned_is_an_error(
    splits: tuple[PictureStore, PictureStore],
) -> None:
    with pytest.raises(DataError, match=r"are in `test` only"):
        guessed(splits[1], splits[0], WordEncoder())
