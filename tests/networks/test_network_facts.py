"""The facts of the networks are true of their classes."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from captiongan.networks.registry import NETWORKS, Network

SIZES: dict[str, Any] = {"resolution": 64, "features": 4, "projected_dim": 4}


def refused(whether: bool) -> AbstractContextManager[object]:
    return pytest.raises(ValueError, match="embedding_dim") if whether else nullcontext()


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_network_takes_and_needs_text_as_its_facts_say(network: Network) -> None:
    for embedding_dim, refuses in ((0, network.needs_text), (6, not network.takes_text)):
        with refused(refuses):
            network.build_generator(noise_dim=8, embedding_dim=embedding_dim, **SIZES)
        with refused(refuses):
            network.build_discriminator(embedding_dim=embedding_dim, **SIZES)


def test_a_network_is_told_its_own_options_and_no_others() -> None:
    sizes = {"noise_dim": 8, "embedding_dim": 6, "attention": 16, **SIZES}
    with_attention = NETWORKS["fusion"].build_generator(**sizes)
    assert any(name.startswith("attentions.1.") for name, _ in with_attention.named_parameters())
    NETWORKS["dcgan"].build_generator(**sizes)
