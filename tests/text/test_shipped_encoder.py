"""The encoder that comes with the package."""

import json
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captiongan.bundle.text_encoder import OnnxTextEncoder
from captiongan.text.registry import SMALL, choose_encoder

ENCODER = OnnxTextEncoder(SMALL, "small")


@pytest.fixture(autouse=True)
def long_texts_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="a text is longer than 64 tokens")
        yield


def cosine(one: str, other: str) -> float:
    first, second = ENCODER.encode([one, other])
    return float(first @ second)


def test_it_is_small_and_tells_how_it_was_trained() -> None:
    assert sum(file.stat().st_size for file in SMALL.iterdir()) < 8e6
    report = json.loads((SMALL / "report.json").read_text())
    assert report["network"] == "small"
    assert report["glosses"] > 100_000
    assert report["align_epochs"] > 0
    assert choose_encoder("small").identity == ENCODER.identity


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u2603",
        "?!... --",
        "red " * 10_000,
        "красный Blume 花 flower",
        "\x00\n\t",
        "a" * 5000,
    ],
    ids=["empty", "blank", "unknown", "punctuation", "long", "scripts", "control", "one word"],
)
def test_no_text_is_too_bad_for_an_embedding(text: str) -> None:
    (embedding,) = ENCODER.encode([text])
    assert np.isfinite(embedding).all()
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-4)


@settings(deadline=None)
@given(st.lists(st.text(max_size=400), max_size=5))
def test_any_texts_have_finite_unit_embeddings(texts: list[str]) -> None:
    embeddings = ENCODER.encode(texts)
    assert embeddings.shape == (len(texts), ENCODER.dim)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-4)


@settings(deadline=None)
@given(st.text(alphabet="abcdefg ,.", max_size=60))
def test_case_and_space_around_do_not_matter(text: str) -> None:
    one, other = ENCODER.encode([text, f"  {text.upper()} "])
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("rare", "plain", "others"),
    [
        ("crimson", "red", ["green", "blue", "white", "yellow"]),
        ("ivory", "white", ["red", "blue", "purple", "black"]),
        ("mauve", "purple", ["green", "yellow", "white", "red"]),
        ("speckled", "spotted", ["striped", "round", "pointed", "smooth"]),
    ],
)
def test_rare_words_for_looks_are_near_the_plain_ones(
    rare: str, plain: str, others: list[str]
) -> None:
    phrase = "a {} flower".format
    nearest = max([plain, *others], key=lambda word: cosine(phrase(rare), phrase(word)))
    assert nearest == plain


@pytest.mark.parametrize(
    ("text", "same", "swapped"),
    [
        (
            "white petals with a yellow centre",
            "the petals are white and the centre is yellow",
            "yellow petals with a white centre",
        ),
        (
            "a bird with a red head and black wings",
            "this bird has black wings and a red head",
            "a bird with a black head and red wings",
        ),
    ],
)
def test_word_order_tells_which_part_has_which_colour(text: str, same: str, swapped: str) -> None:
    assert cosine(text, same) > cosine(text, swapped) + 0.02
