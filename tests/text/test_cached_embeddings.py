import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captiongan.base.cache import CACHE_VARIABLE
from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity
from captiongan.errors import OutputError
from captiongan.text import cached_embeddings
from captiongan.text.cached_embeddings import CachedTextEncoder


class CountingEncoder:
    """Answers with random numbers that follow from its name and the text, and takes notes."""

    dim = 3

    def __init__(self, name: str = "one", sha256: str = "0" * 64) -> None:
        self.identity = EncoderIdentity(name, sha256)
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Embeddings:
        self.asked += texts
        return np.array([self.answer(text) for text in texts], dtype=np.float32)

    def answer(self, text: str) -> Embeddings:
        seed = zlib.crc32(f"{self.identity.name}/{self.identity.sha256}/{text}".encode())
        return np.random.default_rng(seed).random(self.dim, dtype=np.float32)


def expected(encoder: CountingEncoder, texts: Sequence[str]) -> Embeddings:
    return np.array([encoder.answer(text) for text in texts])


def test_each_caption_is_encoded_once_in_all_processes_together() -> None:
    first, second = CountingEncoder(), CountingEncoder()
    CachedTextEncoder(first).encode(["a", "b"])
    again = CachedTextEncoder(second).encode(["b", "c", "a"])
    assert first.asked == ["a", "b"]
    assert second.asked == ["c"]
    np.testing.assert_array_equal(again, expected(second, ["b", "c", "a"]))


def test_order_and_duplicates_are_those_of_the_question() -> None:
    encoder = CountingEncoder()
    texts = ["c", "a", "c", "b", "a"]
    for _ in range(2):
        answer = CachedTextEncoder(encoder).encode(texts)
        np.testing.assert_array_equal(answer, expected(encoder, texts))
    assert encoder.asked == ["c", "a", "b"]


@pytest.mark.parametrize(("name", "sha256"), [("other", "0" * 64), ("one", "1" * 64)])
def test_encoders_of_another_name_or_other_weights_are_kept_apart(name: str, sha256: str) -> None:
    one, other = CountingEncoder(), CountingEncoder(name, sha256)
    CachedTextEncoder(one).encode(["a"])
    answer = CachedTextEncoder(other).encode(["a"])
    np.testing.assert_array_equal(answer, expected(other, ["a"]))
    np.testing.assert_array_equal(CachedTextEncoder(one).encode(["a"]), expected(one, ["a"]))


def test_no_text_gives_no_embedding() -> None:
    encoder = CountingEncoder()
    assert CachedTextEncoder(encoder).encode([]).shape == (0, 3)
    assert encoder.asked == []


def test_the_answer_can_be_written_to() -> None:
    assert CachedTextEncoder(CountingEncoder()).encode(["a"]).flags.writeable


def test_it_has_the_identity_and_the_length_of_the_encoder_it_wraps() -> None:
    encoder = CountingEncoder()
    assert CachedTextEncoder(encoder).identity == encoder.identity
    assert CachedTextEncoder(encoder).dim == 3


def test_new_captions_are_encoded_and_told_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_embeddings, "CHUNK", 2)
    encoder = CountingEncoder()
    told: list[tuple[int, int]] = []
    CachedTextEncoder(encoder).encode(["b"])
    texts = ["a", "b", "c", "d", "a", "e", "f"]
    answer = CachedTextEncoder(encoder, lambda done, total: told.append((done, total))).encode(
        texts
    )
    assert told == [(2, 5), (4, 5), (5, 5)]
    np.testing.assert_array_equal(answer, expected(encoder, texts))


def test_what_was_encoded_before_a_crash_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_embeddings, "CHUNK", 2)

    def crash(done: int, _: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    encoder = CountingEncoder()
    with pytest.raises(KeyboardInterrupt):
        CachedTextEncoder(encoder, crash).encode(list("abcdef"))
    CachedTextEncoder(encoder).encode(list("abcdef"))
    assert encoder.asked == list("abcdef")


def test_more_captions_than_one_query_takes_are_all_found() -> None:
    encoder = CountingEncoder()
    texts = [f"caption {number}" for number in range(1203)]
    CachedTextEncoder(encoder).encode(texts)
    answer = CachedTextEncoder(encoder).encode(texts[::-1])
    assert len(encoder.asked) == 1203
    np.testing.assert_array_equal(answer, expected(encoder, texts[::-1]))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8"), max_size=4), max_size=6), max_size=3)
)
def test_any_texts_are_answered_as_by_the_encoder_itself(
    tmp_path_factory: pytest.TempPathFactory, questions: list[list[str]]
) -> None:
    cache: Path = tmp_path_factory.mktemp("embeddings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(cache))
        encoder = CountingEncoder()
        for texts in questions:
            answer = CachedTextEncoder(encoder).encode(texts)
            np.testing.assert_array_equal(answer, expected(encoder, texts).reshape(-1, 3))
    assert len(encoder.asked) == len(set(encoder.asked))


def test_a_damaged_cache_is_made_anew() -> None:
    encoder = CountingEncoder()
    cache = CachedTextEncoder(encoder)
    cache.encode(["a"])
    cache.file.write_bytes(b"garbage" * 1000)
    np.testing.assert_array_equal(cache.encode(["a", "b"]), expected(encoder, ["a", "b"]))


def test_a_cache_that_cannot_be_opened_is_refused_with_the_variable_to_set() -> None:
    cache = CachedTextEncoder(CountingEncoder())
    cache.file.mkdir()
    with pytest.raises(OutputError, match=CACHE_VARIABLE):
        cache.encode(["a"])
