"""With `losses.binding`, some mismatching texts are the matching ones with colours exchanged."""

import dataclasses

import numpy as np
import pytest
import torch

from captiongan.errors import ConfigError, DataError
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import load_config
from captiongan.training.exchanged import ExchangedCaptions
from support.tiny_run import CONFIG, EMBEDDING_DIM, StubEncoder, tiny_data


def binding(share: float) -> RunConfig:
    losses = CONFIG.losses.model_copy(update={"binding": share})
    return CONFIG.model_copy(update={"losses": losses})


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_share_of_the_mismatching_texts_is_the_exchanged_caption(share: float) -> None:
    plain = tiny_data(binding(share))
    count = len(plain.store.captions)
    rows = np.where(np.arange(count) % 3, np.arange(count), -1)  # one in three has none
    exchanged = ExchangedCaptions(rows, 2 + torch.rand(count, EMBEDDING_DIM))
    data = dataclasses.replace(plain, exchanged=exchanged)
    replaced = possible = 0
    for step in range(60):
        before, batch = plain.batch(step), data.batch(step)
        assert torch.equal(before.matching, batch.matching)
        for row, caption in enumerate(rows[data.sampler(step).matching]):
            if torch.equal(batch.mismatching[row], exchanged.embeddings[caption]):
                replaced += caption >= 0
            else:
                assert torch.equal(batch.mismatching[row], before.mismatching[row])
            possible += caption >= 0
    assert replaced / possible == pytest.approx(share, abs=0.1)


def test_captions_with_two_colours_of_two_parts_are_exchanged_and_encoded() -> None:
    captions = [
        "a red flower",
        "white petals with a pink centre",
        "white petals with a pink centre",
    ]
    found = ExchangedCaptions.of(captions, StubEncoder(), torch.device("cpu"))
    assert found.rows.tolist() == [-1, 0, 0]
    expected = StubEncoder().encode(["pink petals with a white centre"])
    assert np.array_equal(found.embeddings.numpy(), expected)


def test_captions_without_two_colours_cannot_be_exchanged() -> None:
    with pytest.raises(DataError, match="no caption names two colours"):
        ExchangedCaptions.of(["a red flower"] * 3, StubEncoder(), torch.device("cpu"))


@pytest.mark.parametrize(
    ("option", "fix"),
    [
        ("losses.discriminator=gan", "losses.discriminator=gan-cls"),
        ("text.averaged=2", "text.averaged=1"),
        ("text.encoder=none", "losses.binding=0"),
    ],
)
def test_exchanged_captions_need_mismatching_pairs_of_single_captions(
    option: str, fix: str
) -> None:
    with pytest.raises(ConfigError, match=fix):
        load_config(None, ["losses.binding=0.5", option], "toy")
