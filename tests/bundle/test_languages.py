"""Texts in two languages: which words are Vietnamese, how they are read, and the gloss."""

import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from captiongan.bundle.languages import VIETNAMESE, marked, without_accents
from captiongan.bundle.text_encoder import OnnxTextEncoder
from captiongan.bundle.vietnamese import sections
from captiongan.text.registry import SMALL
from captiongan.text_training.grammar import compose

PURPLE = "bông hoa có cánh màu tím hồng và nhụy trắng"
LETTERS = "aàáạăđðĐôộơợbchntuứ AOÈéïñß花ж\u0301\u0309\u0323\u02bc¬_-',.²İ\u200b"


@pytest.fixture(scope="module")
def small() -> OnnxTextEncoder:
    return OnnxTextEncoder(SMALL, "small")


def words_of(encoder: OnnxTextEncoder, text: str) -> list[str]:
    """Return the words that are read as Vietnamese."""
    found = marked(text, encoder._vocabulary).split()
    return [word.removeprefix(VIETNAMESE) for word in found if word.startswith(VIETNAMESE)]


@pytest.mark.parametrize(
    "typed",
    [
        PURPLE.upper(),
        unicodedata.normalize("NFD", PURPLE),
        "bông hoa có cánh màu tím hông\u0300 và nhuỵ trắng",  # tones elsewhere
    ],
)
def test_however_it_is_typed_it_is_the_same_sentence(small: OnnxTextEncoder, typed: str) -> None:
    (as_usual, otherwise) = small.encode([PURPLE, typed])
    assert np.array_equal(as_usual, otherwise)


def test_tokens_keep_their_tones(small: OnnxTextEncoder) -> None:
    reading = small.read(PURPLE)
    assert reading.tokens == ["[CLS]", *PURPLE.split()]
    assert reading.unknown_words == []
    assert reading.gloss == "flower has petals pinkish purple and stigma white"


def test_english_is_not_touched(small: OnnxTextEncoder) -> None:
    for look in compose(2_000, seed=1):
        assert marked(look.text, small._vocabulary) == look.text
    assert small.read("a red flower").gloss == ""


@pytest.mark.parametrize(
    ("text", "vietnamese"),
    [
        ("a bird with mỏ dài and long tail", "mỏ dài"),  # "long" is a word of both
        ("con chim long do", "con chim long do"),
        ("bong hoa mau do co nhuy vang", "bong hoa mau do co nhuy vang"),
        ("a long tan bird", ""),
        ("một bông hoa yellow", "một bông hoa"),
        ("un café à la crème", ""),
        ("con chim nghuểnh đỏ", "con chim nghuểnh đỏ"),
    ],
)
def test_each_word_goes_to_its_language(small: OnnxTextEncoder, text: str, vietnamese: str) -> None:
    assert words_of(small, text) == vietnamese.split()


def test_a_vietnamese_word_that_is_not_known_is_named_with_its_accents(
    small: OnnxTextEncoder,
) -> None:
    reading = small.read("con chim nghuểnh đỏ")
    assert reading.unknown_words == ["nghuểnh"]
    assert reading.tokens[3] == "[UNK]"


def test_a_denied_colour_is_left_out(small: OnnxTextEncoder) -> None:
    plain, red, *denied = small.encode(
        [
            "a flower",
            "a red flower",
            "a flower that is not red",
            "a flower that isn't red",
            "bông hoa không phải màu đỏ",
        ]
    )
    for each in denied:
        assert each @ plain > each @ red


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=LETTERS, max_size=40))
@example("hoạ̣́à không ¬ ʼđỏ")
@example("n't")
def test_any_text_has_a_finite_embedding(small: OnnxTextEncoder, text: str) -> None:
    reading = small.read(text)
    assert np.linalg.norm(reading.embedding) == pytest.approx(1, abs=1e-4)
    assert len(reading.unknown_words) <= reading.words


def test_the_table_has_words_of_both_languages_each_in_its_own_letters() -> None:
    for name, entries in sections().items():
        assert entries, name
        for english, vietnamese in entries:
            assert english.isascii() and english == english.strip(), (name, english)
            for word in vietnamese:
                assert word and word == unicodedata.normalize("NFC", word), (name, english)
                assert without_accents(word).isascii(), (name, word)
