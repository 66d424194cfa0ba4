"""The teacher, and how well the shipped pupil stands in for it."""

import numpy as np
import pytest
import torch

from captiongan.bundle.text_encoder import TextEncoder
from captiongan.text.registry import choose_encoder

CAPTIONS = [
    "a bright yellow flower with many thin petals around a dark brown centre",
    "white petals spread out flat around a small yellow middle",
    "a deep red flower with big ruffled petals",
    "a small brown bird with a white belly and a short beak",
    "two dogs run across a green field",
]


@pytest.fixture(scope="module")
def minilm() -> TextEncoder:
    return choose_encoder("minilm")


def test_minilm_has_the_published_weights(minilm: TextEncoder) -> None:
    assert minilm.identity.name == "minilm"
    assert minilm.identity.sha256.startswith("53aa5117")


def test_minilm_gives_unit_vectors(minilm: TextEncoder) -> None:
    embeddings = minilm.encode(CAPTIONS)
    assert embeddings.shape == (len(CAPTIONS), minilm.dim) == (5, 384)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)


def test_opening_minilm_leaves_random_numbers_as_they_were() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    choose_encoder("minilm").encode(CAPTIONS[:1])
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_small_answers_nearly_as_minilm_does(minilm: TextEncoder) -> None:
    small, teacher = choose_encoder("small").encode(CAPTIONS), minilm.encode(CAPTIONS)
    cosines = (small * teacher).sum(axis=1)
    assert cosines.mean() > 0.8
    others = (small * np.roll(teacher, 1, axis=0)).sum(axis=1)
    assert (cosines > others + 0.1).all()


@pytest.mark.parametrize("name", ["small", "minilm"])
def test_an_embedding_is_the_same_to_the_last_bit_in_any_company(name: str) -> None:
    """Or weights would depend on what else was in the cache when it was filled."""
    encoder = choose_encoder(name)
    texts = [*CAPTIONS, *(f"a {word} flower" for word in ["red", "blue", "tall", "wild"] * 5)]
    together = encoder.encode(texts)
    for rows in ([0], [3, 1], range(len(texts) - 1, -1, -1), range(2, 20, 3)):
        np.testing.assert_array_equal(encoder.encode([texts[row] for row in rows]), together[rows])
