"""`captiongan reproduce`: a bundle says itself how it is trained again."""

import pytest

from captiongan.bundle.bundle import find_bundle, read_bundle
from captiongan.errors import BundleError
from captiongan.runs.load_config import load_config
from captiongan.text.registry import choose_encoder
from captiongan.training.reproduction import options_of
from captiongan.training.starting_config import trained_config


@pytest.mark.parametrize("name", ["flowers", "flowers-128", "flowers-lecture"])
def test_a_bundle_is_trained_again_with_its_own_options_for_as_long_as_it_was(name: str) -> None:
    bundle = read_bundle(find_bundle(name))
    again = load_config(None, options_of(bundle), "my-data")
    assert again.data.source == "my-data"
    assert again.training.kimg == bundle.manifest.training.kimg
    had = trained_config(bundle)
    for section in ("network", "generator", "discriminator", "losses", "optimiser"):
        assert getattr(again, section) == getattr(had, section), section
    assert again.with_encoder("").text == had.with_encoder("").text
    encoder = choose_encoder(again.text.encoder).identity
    assert encoder.embeds_as(bundle.manifest.text_encoder)
    assert again.training.model_copy(update={"kimg": had.training.kimg}) == had.training


def test_a_bundle_that_began_with_another_one_names_it() -> None:
    refusal = r"'birds' 0\.4\.0 began with the weights of bundle 'birds' 0\.3\.0 \(ac0d623ce7cd\)"
    with pytest.raises(BundleError, match=refusal):
        options_of(read_bundle(find_bundle("birds")))
