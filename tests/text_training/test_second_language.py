"""A second language for a trained encoder."""

from pathlib import Path

import numpy as np
import pytest
import torch

from captiongan.bundle.text_encoder import OnnxTextEncoder
from captiongan.errors import ConfigError, DataError
from captiongan.export.to_onnx import write_onnx
from captiongan.text.registry import SMALL
from captiongan.text_training.grammar import compose
from captiongan.text_training.language_pairs import LanguagePlan
from captiongan.text_training.second_language import teach_language
from captiongan.text_training.small import SmallTextEncoder, train_tokenizer

CPU = torch.device("cpu")
SENTENCES = ["a red flower", "this bird has black wings", "a café, white!"]


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained `small` of a few words."""
    folder = tmp_path_factory.mktemp("english")
    tokenizer = train_tokenizer([look.text for look in compose(300, 0)], vocabulary=600)
    torch.manual_seed(0)
    network = SmallTextEncoder(tokenizer.get_vocab_size())
    for weight in network.parameters():  # the exporter would write equal ones once
        torch.nn.init.normal_(weight, std=0.05)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    ids = torch.zeros(2, 3, dtype=torch.int64)
    file = folder / "text_encoder.onnx"
    axes = [{0: "batch", 1: "tokens"}]
    write_onnx(network, (ids,), file, ["token_ids"], "sentence_embedding", axes)
    return folder


def test_english_stays_and_the_language_is_read(english: Path, tmp_path: Path) -> None:
    before = OnnxTextEncoder(english, "small")
    said: list[str] = []
    plan = LanguagePlan("vi", english, composed=300)
    report = teach_language(plan, tmp_path / "both", CPU, said.append)
    after = OnnxTextEncoder(tmp_path / "both", "small")
    assert after.languages == ("en", "vi")
    assert np.allclose(before.encode(SENTENCES), after.encode(SENTENCES), rtol=0, atol=1e-5)
    assert report.english_difference < 1e-5
    assert "cánh" in after.read("cánh hoa đỏ").tokens
    assert any(line.startswith("learning, epoch 1 of 1") for line in said)


def test_a_language_is_taught_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="reads en, vi already; name one that reads English only"):
        teach_language(LanguagePlan("vi", SMALL), tmp_path / "out", CPU, print)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="--language 'xx': must be vi"):
        LanguagePlan("xx", SMALL)
