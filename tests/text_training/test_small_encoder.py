import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from captiongan.bundle.onnx_session import open_session
from captiongan.bundle.text_encoder import OnnxTextEncoder, equal_length_batches
from captiongan.data.toy import captions, toy_flower
from captiongan.errors import BundleError, ConfigError
from captiongan.export.to_onnx import write_onnx
from captiongan.text.registry import choose_encoder
from captiongan.text_training.small import MAX_TOKENS, SmallTextEncoder, train_tokenizer

CAPTIONS = [caption for index in range(12) for caption in captions(toy_flower(0, index))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder's folder, untrained."""
    folder = tmp_path_factory.mktemp("text")
    tokenizer = train_tokenizer(CAPTIONS)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_encoder(network(tokenizer.get_vocab_size()), folder / "text_encoder.onnx")
    return folder


@pytest.fixture(scope="module")
def encoder(folder: Path) -> OnnxTextEncoder:
    return OnnxTextEncoder(folder, "small")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(CAPTIONS)


# The tokenizer


def test_frequent_words_stay_whole_and_rare_ones_are_cut(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("flower petals").tokens == ["[CLS]", "flower", "petals"]
    assert len(tokenizer.encode("reflow").tokens) > 2


def test_the_same_texts_give_the_same_tokenizer(tokenizer: Tokenizer) -> None:
    for _ in range(3):
        assert train_tokenizer(CAPTIONS).to_str() == tokenizer.to_str()


def test_case_and_accents_do_not_matter(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("FLÓWER").ids == tokenizer.encode("flower").ids


def test_a_text_is_read_up_to_the_longest_length(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("flower " * 200).ids) == MAX_TOKENS


# The encoder that opens it


def test_embeddings_are_unit_vectors_of_the_teachers_length(encoder: OnnxTextEncoder) -> None:
    embeddings = encoder.encode([*CAPTIONS[:9], "", "zebra", "?!"])
    assert embeddings.shape == (12, 384)
    assert embeddings.dtype == np.float32
    assert encoder.dim == 384
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_a_text_has_the_same_embedding_alone_and_in_company(encoder: OnnxTextEncoder) -> None:
    together = encoder.encode(CAPTIONS)
    alone = np.concatenate([encoder.encode([caption]) for caption in CAPTIONS])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_no_text_gives_no_embedding(encoder: OnnxTextEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_the_order_of_words_matters(encoder: OnnxTextEncoder) -> None:
    one, other = encoder.encode(["red petals around a yellow centre"] * 2)
    np.testing.assert_array_equal(one, other)
    (swapped,) = encoder.encode(["yellow petals around a red centre"])
    assert np.abs(one - swapped).max() > 1e-3


def test_a_text_beyond_the_longest_length_warns_and_is_cut(encoder: OnnxTextEncoder) -> None:
    assert encoder.max_tokens == MAX_TOKENS
    fitting = "red " * (MAX_TOKENS - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = encoder.encode([fitting])
    with pytest.warns(UserWarning, match=f"longer than {MAX_TOKENS} tokens"):
        cut = encoder.encode([fitting + "flower"])
    np.testing.assert_array_equal(whole, cut)


def test_words_that_the_captions_lack_are_told(encoder: OnnxTextEncoder) -> None:
    assert encoder.unknown_words("A red flower, with ZEBRA petals!") == (["zebra"], 6)
    assert encoder.unknown_words("?!") == ([], 0)
    assert encoder.unknown_words("") == ([], 0)


def test_the_identity_follows_the_files_and_the_name(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("text_encoder.onnx", "tokenizer.json"):
        (copy / name).write_bytes((folder / name).read_bytes())
    original = OnnxTextEncoder(folder, "pupil").identity
    assert OnnxTextEncoder(copy, "pupil").identity == original
    assert OnnxTextEncoder(copy, "other").identity != original
    (copy / "tokenizer.json").write_text((copy / "tokenizer.json").read_text() + "\n")
    assert OnnxTextEncoder(copy, "pupil").identity != original


@pytest.mark.parametrize("missing", ["text_encoder.onnx", "tokenizer.json"])
def test_a_folder_without_one_of_the_files_is_refused_with_its_name(
    missing: str, tmp_path: Path
) -> None:
    for name in {"text_encoder.onnx", "tokenizer.json"} - {missing}:
        (tmp_path / name).touch()
    with pytest.raises(BundleError, match=f"text encoder 'pupil': {missing} not found"):
        OnnxTextEncoder(tmp_path, "pupil")


# Which encoder a run gets


def test_a_folder_can_be_chosen_as_encoder(folder: Path) -> None:
    assert choose_encoder(str(folder)).identity.name == folder.name


def test_an_encoder_that_does_not_exist_is_refused_with_the_choices() -> None:
    with pytest.raises(
        ConfigError, match=r"text\.encoder 'bert' is unknown; choose small, minilm, none"
    ):
        choose_encoder("bert")


# The network


def network(vocabulary: int = 50) -> SmallTextEncoder:
    torch.manual_seed(0)
    return SmallTextEncoder(vocabulary).eval()


def tokens(batch: int, length: int) -> Tensor:
    random = torch.Generator().manual_seed(length)
    return torch.randint(0, 50, (batch, length), generator=random)


def write_encoder(module: SmallTextEncoder, file: Path) -> None:
    write_onnx(
        module,
        (tokens(2, 2),),
        file,
        inputs=["token_ids"],
        output="sentence_embedding",
        dynamic_axes=[{0: "batch", 1: "tokens"}],
    )


def test_the_network_gives_unit_vectors_for_texts_of_any_length() -> None:
    with torch.no_grad():
        for length in (1, 7, MAX_TOKENS):
            embeddings = network()(tokens(3, length))
            assert embeddings.shape == (3, 384)
            torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))


def test_the_onnx_file_answers_as_the_network_does(tmp_path: Path) -> None:
    module, file = network(), tmp_path / "text_encoder.onnx"
    write_encoder(module, file)
    session = open_session(file.read_bytes(), "model")
    for batch, length in ((1, 1), (1, 9), (5, 3), (2, MAX_TOKENS)):
        token_ids = tokens(batch, length)
        (answer,) = session.run(None, {"token_ids": token_ids.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(answer, module(token_ids).numpy(), atol=2e-3)


def test_batches_of_equal_length_hold_every_text_once() -> None:
    lengths = [3, 1, 3, 2, 3, 1, 3]
    batches = list(equal_length_batches(lengths, limit=2))
    assert sorted(row for batch in batches for row in batch) == list(range(7))
    assert all(len({lengths[row] for row in batch}) == 1 for batch in batches)
    assert all(len(batch) <= 2 for batch in batches)
