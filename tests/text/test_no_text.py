import numpy as np

from captiongan.base.cache import cache_folder
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.text.registry import choose_encoder


def test_without_text_every_embedding_is_empty() -> None:
    encoder = choose_encoder("none")
    embeddings = encoder.encode(["red", "blue", "red"])
    assert embeddings.shape == (3, 0) == (3, encoder.dim)
    assert embeddings.dtype == np.float32
    assert encoder.identity.name == "none"
    assert encoder.identity == choose_encoder("none").identity
    assert encoder.identity.sha256 != choose_encoder("small").identity.sha256


def test_empty_embeddings_are_not_kept_on_disk() -> None:
    cached = CachedTextEncoder(choose_encoder("none"))
    assert cached.encode(["red"] * 2).shape == (2, 0)
    assert list(cache_folder("embeddings").iterdir()) == []
