"""Another text encoder for a bundle."""

from pathlib import Path

import pytest

from captiongan.bundle.bundle import find_bundle, read_bundle
from captiongan.bundle.text_encoder import EncoderIdentity
from captiongan.errors import BundleError
from captiongan.text.exchange import exchange_encoder
from captiongan.text.registry import SMALL


def test_an_encoder_that_embeds_english_alike_is_exchanged(tmp_path: Path) -> None:
    before = read_bundle(find_bundle("flowers"))
    after = exchange_encoder(before.folder, SMALL, tmp_path / "new")
    assert after.manifest == before.manifest
    card = (after.folder / "README.md").read_text(encoding="utf-8")
    assert "pictures from English and Vietnamese sentences" in card


def test_an_encoder_that_embeds_otherwise_is_refused(tmp_path: Path) -> None:
    other = find_bundle("flowers-lecture")
    with pytest.raises(BundleError, match="embeds English otherwise than that of bundle 'flowers'"):
        exchange_encoder(find_bundle("flowers"), other, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_was_trained_with_the_english_encoder_goes_on_with_the_one_of_both_languages() -> None:
    now = read_bundle(find_bundle("flowers")).manifest.text_encoder
    english = EncoderIdentity(
        "small", "08d5ef8547fba596b173c8968b3cf98e5da98f46a3360b029495cc7ee1d9b9c4"
    )
    assert now.embeds_as(english)
    assert english.embeds_as(now)
    assert not now.embeds_as(EncoderIdentity("small", "ab" * 32))
