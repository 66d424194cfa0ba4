import warnings
from itertools import combinations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from torch import Tensor

from captiongan.bundle.text_encoder import Embeddings, OnnxTextEncoder
from captiongan.export.to_onnx import write_onnx
from captiongan.text_training.char_cnn_rnn import (
    ALPHABET,
    MAX_CHARACTERS,
    CharCnnRnn,
    character_tokenizer,
)

COLOURS = ("red", "blue", "white", "yellow", "purple")
CAPTIONS = [
    f"{petals} petals around a {centre} centre"
    for pair in combinations(COLOURS, 2)
    for petals, centre in (pair, pair[::-1])
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return character_tokenizer()


def network() -> CharCnnRnn:
    torch.manual_seed(0)
    return CharCnnRnn(character_tokenizer().get_vocab_size())


def token_ids(*texts: str) -> Tensor:
    return torch.tensor([encoding.ids for encoding in character_tokenizer().encode_batch(texts)])


def embed(module: CharCnnRnn, *texts: str) -> Tensor:
    with torch.no_grad():
        embeddings: Tensor = module(token_ids(*texts))
    return embeddings


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxTextEncoder:
    """Return the encoder that opens the exported network."""
    folder = tmp_path_factory.mktemp("char-cnn-rnn")
    character_tokenizer().save(str(folder / "tokenizer.json"))
    write_onnx(
        network().eval(),
        (token_ids("a", "b"),),
        folder / "text_encoder.onnx",
        inputs=["token_ids"],
        output="sentence_embedding",
        dynamic_axes=[{0: "batch"}],
    )
    return OnnxTextEncoder(folder, "char-cnn-rnn")


def encode(encoder: OnnxTextEncoder, *texts: str) -> Embeddings:
    """Encode texts of any length: the warning about long ones has a test of its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "a text is longer than")
        return encoder.encode(texts)


# The tokenizer


def test_the_alphabet_is_that_of_the_released_networks(tokenizer: Tokenizer) -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 69
    assert tokenizer.get_vocab_size() == 70
    assert tokenizer.encode(ALPHABET).ids[:69] == list(range(1, 70))


def test_each_character_is_a_token_and_spaces_stay(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("a  red one, ").tokens
    assert tokens == [*"a  red one, ", *["[BLANK]"] * (MAX_CHARACTERS - 12)]


@pytest.mark.parametrize("text", ["", "a red flower", "x" * 500, "?!", "花"])
def test_every_text_has_201_tokens(text: str, tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode(text).ids) == MAX_CHARACTERS == 201


def test_case_and_accents_do_not_matter_and_line_breaks_are_spaces(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("A RÉD\nFlöwer").ids == tokenizer.encode("a red flower").ids


def test_an_unknown_character_keeps_its_place_as_a_blank(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("a花b[BLANK]").tokens[:10] == ["a", "[BLANK]", *"b[blank]"[:8]]


# The network


def test_embeddings_are_unit_vectors() -> None:
    embeddings = embed(network(), *CAPTIONS, "", "?!", "x" * 300)
    assert embeddings.shape == (len(CAPTIONS) + 3, 384)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(len(embeddings)))
    assert embed(CharCnnRnn(70, dim=10), "a").shape == (1, 10)


def test_the_network_is_the_published_one() -> None:
    """Compute it anew: convolution, ReLU, pooling, three times; ReLU recurrence; mean; linear."""
    module = network()
    x = F.one_hot(token_ids(*CAPTIONS), 70)[:, :, 1:].float().transpose(1, 2)
    sizes = [tuple(x.shape[1:])]
    with torch.no_grad():
        weights = list(module.convolutions.parameters())
        for weight, bias, stride in zip(weights[::2], weights[1::2], (3, 3, 2), strict=True):
            x = F.conv1d(x, weight.squeeze(2), bias)
            x = F.max_pool1d(F.relu(x), 3, stride)
            sizes.append(tuple(x.shape[1:]))
        state, states = torch.zeros(len(x), 512), []
        for place in range(8):
            state = F.relu(module.from_place(x[:, :, place]) + module.from_state(state))
            states.append(state)
        expected = F.normalize(module.to_embedding(sum(states) / 8))
    assert sizes == [(69, 201), (384, 66), (512, 21), (512, 8)]
    torch.testing.assert_close(embed(module, *CAPTIONS), expected, atol=1e-5, rtol=0)


def test_a_character_is_one_hot_and_padding_is_all_zeros() -> None:
    module = network()
    seen: list[Tensor] = []
    module.convolutions.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    embed(module, "a花 ")
    (text,) = seen[0].squeeze(2)
    assert text.shape == (69, MAX_CHARACTERS)
    assert text[:, :3].nonzero().tolist() == [[ALPHABET.index("a"), 0], [ALPHABET.index(" "), 2]]
    assert not text[:, 3:].any()


def test_the_order_of_words_matters() -> None:
    same = embed(network(), *["red petals around a yellow centre"] * 2)
    torch.testing.assert_close(same[0], same[1])
    (swapped,) = embed(network(), "yellow petals around a red centre")
    assert (same[0] - swapped).abs().max() > 1e-3


def test_it_learns_to_tell_swapped_colours_apart() -> None:
    module = network()
    captions = CAPTIONS[:8]
    targets = F.normalize(torch.randn(8, 384), dim=1)
    optimiser = torch.optim.AdamW(module.parameters(), lr=3e-4)

    def contrast() -> Tensor:
        cosines = module(token_ids(*captions)) @ targets.T
        return F.cross_entropy(10 * cosines, torch.arange(8))

    before = contrast().item()
    for _ in range(12):
        optimiser.zero_grad()
        loss = contrast()
        loss.backward()
        optimiser.step()
    assert contrast().item() < 0.7 * before


# The encoder that opens its folder


def test_the_exported_network_answers_as_the_network_does(encoder: OnnxTextEncoder) -> None:
    expected = embed(network().eval(), *CAPTIONS).numpy()
    together = encoder.encode(CAPTIONS)
    alone = np.concatenate([encoder.encode([caption]) for caption in CAPTIONS])
    assert (together * expected).sum(axis=1).min() > 0.9999
    np.testing.assert_allclose(together, alone, atol=1e-5)
    # The captions' embeddings are alike before training: what sets them apart must survive too.
    np.testing.assert_allclose(together, expected, atol=1e-4)


def test_the_folder_is_small_enough_for_a_bundle(encoder: OnnxTextEncoder) -> None:
    assert sum(file.stat().st_size for file in encoder.folder.iterdir()) < 5.5e6


@given(st.text(ALPHABET))
def test_upper_and_lower_case_have_one_embedding(encoder: OnnxTextEncoder, text: str) -> None:
    upper, lower = encode(encoder, text.upper(), text)
    np.testing.assert_array_equal(upper, lower)


def test_a_text_beyond_201_characters_warns_and_is_cut(encoder: OnnxTextEncoder) -> None:
    assert encoder.max_tokens == MAX_CHARACTERS
    fitting = ("a red flower " * 16)[:MAX_CHARACTERS]
    assert len(fitting) == MAX_CHARACTERS
    whole = encoder.encode([fitting])
    with pytest.warns(UserWarning, match="longer than 201"):
        cut = encoder.encode([fitting + " with blue petals"])
    np.testing.assert_array_equal(whole, cut)
    assert np.abs(whole - encoder.encode([fitting[:-12]])).max() > 1e-5


@settings(deadline=None)
@given(st.text() | st.text("?!.,;- \n") | st.text(st.characters(categories=["Cc", "Cf", "Mn"])))
@example("")
@example("花" * 300)
@example("flower " * 10_000)
def test_any_text_has_a_unit_embedding(encoder: OnnxTextEncoder, text: str) -> None:
    (embedding,) = encode(encoder, text)
    assert embedding.shape == (384,)
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)


def test_letters_of_other_scripts_are_unknown(encoder: OnnxTextEncoder) -> None:
    assert encoder.unknown_words("Zebra, flöwer 42!") == ([], 13)
    assert encoder.unknown_words("red цвет") == (list("цвет"), 7)
    assert encoder.unknown_words("?! ") == ([], 0)
    assert encoder.unknown_words("") == ([], 0)
