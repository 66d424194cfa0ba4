"""A tokenizer of a bundle is one that captiongan writes, or it is refused in words."""

import json
from typing import Any

import pytest
from tokenizers import Tokenizer

from captiongan.bundle.bundle import find_bundle, shipped_bundles
from captiongan.bundle.tokenizer import read_tokenizer
from captiongan.text_training.char_cnn_rnn import character_tokenizer
from captiongan.text_training.small import train_tokenizer
from support import tiny_bundle

TEXTS = ["a red flower", "A bird that is [CLS] très noir, with 5 wings", "", "x" * 300, "[UNK] 花"]
SMALL = train_tokenizer(["a red flower with yellow petals", "a small black bird"] * 3, 60)
WRITTEN = {
    "small": SMALL.to_str(),
    "characters": character_tokenizer().to_str(),
    "words": tiny_bundle.tokenizer().to_str(),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_we_write_is_read_as_the_library_reads_it(name: str) -> None:
    same(read_tokenizer(WRITTEN[name].encode()), Tokenizer.from_str(WRITTEN[name]))


@pytest.mark.parametrize("name", shipped_bundles())
def test_what_we_ship_is_read_as_the_library_reads_it(name: str) -> None:
    file = find_bundle(name) / "tokenizer.json"
    same(read_tokenizer(file.read_bytes()), Tokenizer.from_file(str(file)))


def same(one: Tokenizer, other: Tokenizer) -> None:
    for text in TEXTS:
        here, there = one.encode(text), other.encode(text)
        assert (here.ids, here.tokens) == (there.ids, there.tokens)
        assert bool(here.overflowing) == bool(there.overflowing)
    assert one.to_str() == other.to_str()


def changed(name: str, *path: Any, to: Any) -> bytes:
    """Return a tokenizer that we write, with one value replaced."""
    facts = json.loads(WRITTEN[name])
    place = facts
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return json.dumps(facts).encode()


WORDS = json.loads(WRITTEN["small"])["model"]["vocab"]
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"hello",
    "no UTF-8": b"\xff",
    "an empty object": b"{}",
    "a list": b"[]",
    "depth": b"[" * 100_000,
    "no model": changed("small", "model", to=None),
    "another model": changed("small", "model", to={"type": "BPE", "vocab": {}, "merges": []}),
    "unigrams": changed("small", "model", to={"type": "Unigram", "unk_id": 9, "vocab": []}),
    "an empty vocabulary": changed("small", "model", "vocab", to={}),
    "no vocabulary": changed("small", "model", "vocab", to=[]),
    "numbers twice": changed("small", "model", "vocab", to=dict.fromkeys(WORDS, 0)),
    "numbers with a gap": changed("small", "model", "vocab", to=WORDS | {"x": 2**32 - 1}),
    "a negative number": changed("small", "model", "vocab", to=WORDS | {"x": -1}),
    "a number that is none": changed("small", "model", "vocab", to=WORDS | {"x": True}),
    "half a character": changed("small", "model", "vocab", to=WORDS | {"\ud800": len(WORDS)}),
    "an unknown unknown token": changed("small", "model", "unk_token", to="[NONE]"),
    "no unknown token": changed("small", "model", "unk_token", to=None),
    "a list as unknown token": changed("words", "model", "unk_token", to=[]),
    "endless words": changed("small", "model", "max_input_chars_per_word", to=2**63),
    "another prefix": changed("small", "model", "continuing_subword_prefix", to=""),
    "more of a model": changed("small", "model", "dropout", to=1.5),
    "no normalizer": changed("small", "normalizer", to=None),
    "a normalizer that replaces": changed(
        "small",
        "normalizer",
        to={"type": "Replace", "pattern": {"Regex": "(a*)*$"}, "content": "a" * 1000},
    ),
    "another normalizer": changed("small", "normalizer", "lowercase", to=False),
    "a charsmap": changed(
        "small", "normalizer", to={"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    ),
    "no pre-tokenizer": changed("words", "pre_tokenizer", to=None),
    "a regex without end": changed(
        "characters", "pre_tokenizer", "pattern", to={"Regex": "(.*)*(.*)*(.*)*x"}
    ),
    "another splitting": changed("characters", "pre_tokenizer", "behavior", to="Removed"),
    "an unknown template": changed("small", "post_processor", to={"type": "RobertaProcessing"}),
    "a template without a text": changed("small", "post_processor", "single", to=[]),
    "a text twice": changed(
        "small", "post_processor", "single", to=[{"Sequence": {"id": "A", "type_id": 0}}] * 2
    ),
    "a mark that is no token": changed("small", "post_processor", "special_tokens", to={}),
    "a mark of another number": changed(
        "small", "post_processor", "special_tokens", "[CLS]", "ids", to=[2**31]
    ),
    "no maximum": changed("small", "truncation", to=None),
    "a maximum of nothing": changed("small", "truncation", "max_length", to=0),
    "a huge maximum": changed("small", "truncation", "max_length", to=2**40),
    "a stride beyond the maximum": changed("small", "truncation", "stride", to=64),
    "huge padding": changed("characters", "padding", "strategy", to={"Fixed": 2**40}),
    "padding by nothing": changed("characters", "padding", "pad_to_multiple_of", to=0),
    "padding with no token": changed("characters", "padding", "pad_token", to="?!"),
    "padding with a list": changed("characters", "padding", "pad_token", to=[]),
    "an empty mark": changed("small", "added_tokens", 0, "content", to=""),
    "a mark of another text": changed("small", "added_tokens", 0, "content", to="red"),
    "a mark out of order": changed("small", "added_tokens", 0, "id", to=7),
    "no marks": changed("small", "added_tokens", to=None),
    "marks of another kind": changed("small", "added_tokens", to=[[]]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_any_other_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_tokenizer(HOSTILE[name])
    assert len(str(caught.value)) < 500


def test_what_the_library_says_of_the_decoder_does_not_matter() -> None:
    decoder = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    read = read_tokenizer(changed("small", "decoder", to=decoder))
    assert read.encode("a red flower").ids == SMALL.encode("a red flower").ids
