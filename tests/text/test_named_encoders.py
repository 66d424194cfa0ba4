"""The text encoders that have names."""

import pytest

from captiongan.bundle.text_encoder import OnnxTextEncoder
from captiongan.errors import ConfigError
from captiongan.text.registry import ENCODERS, choose_encoder, name_of, why_not_exportable


def test_an_encoder_that_travels_is_made_of_the_files_of_a_bundle() -> None:
    travelling = [name for name in ENCODERS if not why_not_exportable(name)]
    assert travelling == ["small"]
    for name in travelling:
        encoder = choose_encoder(name)
        assert isinstance(encoder, OnnxTextEncoder)
        assert name_of(encoder.identity.sha256) == name
    assert name_of("ab" * 32) is None


def test_an_encoder_of_a_folder_travels() -> None:
    assert why_not_exportable("runs/00000-dcgan/text_encoder/mine") == ""


def test_an_unknown_encoder_is_refused_with_all_names() -> None:
    with pytest.raises(ConfigError, match="'tiny' is unknown; choose small, minilm, none, or a"):
        choose_encoder("tiny")
