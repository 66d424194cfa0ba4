"""The page's engine in a real browser against the Python that it stands in for."""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from tokenizers import Tokenizer

from captiongan.bundle.bundle import shipped_bundles
from captiongan.bundle.languages import languages_of, without_marks
from captiongan.bundle.subject import Subject
from captiongan.bundle.text_encoder import OnnxTextEncoder, Reading
from captiongan.draw.hints import similar_word, weak_words, with_hints
from captiongan.draw.interpolation import arc, line, through
from captiongan.draw.noise import mirror_of, noise_of
from captiongan.loading import load
from captiongan.text_training.char_cnn_rnn import character_tokenizer
from captiongan.text_training.grammar import compose
from captiongan.text_training.vietnamese_grammar import compose_pairs
from support.pages import in_browser

EDGES = [0, 1, 7, 623, 624, 2**31 - 1, 2**31, 2**32 - 1]

RECATEGORISED = {"\u166d", "\u1734"}
"""Characters that Unicode took for something else before."""

HOSTILE = [
    "hoạ̣a thuỷ hông\u0300 nghuểnh",
    "a bird with mỏ dài and long tail",
    "it isn't NOT, can\u2019t n't \u02bcđỏ \u00acnot",
    "[CLS] a red [UNK] flower [CLS]",
    "a\u0000b\ufffd c\u200bd\ufeffe",
    "İstanbul ΣΑΣ ﬁne Ǆ ẞ",
    "花は赤い 𠀀𪜀 flower",
    "e\u0301\u0301\u0301 à la carte naïve coöperate đỏ",
    "x" * 101,
    "pétalé" * 160,
    "a-b--c...!?¿ “quoted” \u2018it\u2019s\u2019",
    "👩‍👩‍👧 a 🌸 flower",
    "\u202eflower red a",
    "   a   red\u00a0\u3000flower  ",
    "a " * 300,
    "__proto__ constructor toString",
]


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page()
    yield page
    page.close()


def tokenizers() -> dict[str, Tokenizer]:
    shipped = {
        name: Tokenizer.from_file(str(load(name).bundle.folder / "tokenizer.json"))
        for name in ("flowers", "flowers-lecture")
    }
    return shipped | {"characters": character_tokenizer()}


def test_ten_thousand_seeds_have_numpys_noise_to_the_last_bit(page: Page) -> None:
    seeds = EDGES + [seed * 429_467 % 2**32 for seed in range(10_000 - len(EDGES))]
    work = """
        return given.map((seed) => [
            Array.from(new Uint32Array(module.noiseOf(seed, 13).buffer)), module.mirrorOf(seed, 13),
        ]);
    """
    for seed, (bits, mirrored) in zip(
        seeds, in_browser(page, "random_state.js", work, seeds), strict=True
    ):
        assert np.array(bits, dtype=np.uint32).tobytes() == noise_of(seed, 13).tobytes(), seed
        assert mirrored == mirror_of(seed, 13), seed


@pytest.mark.parametrize("seed", EDGES)
def test_a_long_stream_stays_with_numpy(page: Page, seed: int) -> None:
    work = "return Array.from(new Uint32Array(module.noiseOf(given, 5001).buffer))"
    bits = in_browser(page, "random_state.js", work, seed)
    assert np.array(bits, dtype=np.uint32).tobytes() == noise_of(seed, 5001).tobytes()


def test_the_polar_method_refuses_the_centre_and_all_outside_the_circle(page: Page) -> None:
    centre, corner, rim, inside = [0.5, 0.5], [0.0, 0.0], [0.0, 0.5], [0.75, 0.5]
    work = """
        const numbers = given.flat();
        const pair = module.normalPair(() => numbers.shift());
        return [pair, numbers.length];
    """
    for refused in (centre, corner, rim):
        pair, left = in_browser(page, "random_state.js", work, [refused, inside, inside])
        assert left == 2
        assert pair == pytest.approx([0, 0.5 * np.sqrt(-2 * np.log(0.25) / 0.25)])


@pytest.mark.parametrize("name", tokenizers())
def test_ten_thousand_captions_and_hostile_texts_have_the_same_tokens(
    page: Page, name: str
) -> None:
    tokenizer = tokenizers()[name]
    characters = [
        f"a{character}b red{character}"
        for character in map(chr, range(0x110000))
        if unicodedata.ucd_3_2_0.category(character) not in ("Cn", "Cs", "Co")
        and character not in RECATEGORISED
    ]
    encoder = encoder_of(tokenizer)
    texts = [look.text for look in compose(10_000, seed=0)] + HOSTILE + characters[::29]
    texts += [pair.text for pair in islice(compose_pairs(0), 2_000)]
    texts += [unicodedata.normalize("NFD", text).upper() for text in texts[-200:]]
    work = """
        const tokens = new module.Tokens(JSON.parse(given.rules));
        return JSON.stringify(given.texts.map((text) => [tokens.encode(text), tokens.words(text)]));
    """
    given = {"rules": tokenizer.to_str(), "texts": texts}
    read = json.loads(in_browser(page, "tokens.js", work, given))
    for text, (encoded, words) in zip(texts, read, strict=True):
        encoding = tokenizer.encode(encoder._marked(text))
        assert encoded["ids"] == encoding.ids, text
        assert encoded["tokens"] == [without_marks(token) for token in encoding.tokens], text
        assert encoded["cut"] == bool(encoding.overflowing), text
        assert (words["unknown_words"], words["words"]) == encoder.unknown_words(text), text


def encoder_of(tokenizer: Tokenizer) -> OnnxTextEncoder:
    """Return the bundle's own encoder, without a network, of any tokenizer."""
    encoder = OnnxTextEncoder.__new__(OnnxTextEncoder)
    encoder._tokenizer, encoder._vocabulary = tokenizer, tokenizer.get_vocab()
    encoder._languages = languages_of(encoder._vocabulary)
    return encoder


def test_ways_are_those_of_the_pipeline(page: Page) -> None:
    stops = np.stack([noise_of(seed, 16) for seed in (7, 8, 8, 9)])
    work = """
        const stops = given.map((each) => Float32Array.from(each));
        const ways = ["line", "arc"].map((name) => module.through(stops, 5, module[name]));
        return ways.map((way) => way.map((each) => [...each]));
    """
    found = in_browser(page, "paths.js", work, stops.tolist())
    for ways, between in zip(found, (line, arc), strict=True):
        np.testing.assert_allclose(ways, through(stops, 5, between), atol=1e-6)
        assert np.array(ways[4], np.float32).tobytes() == stops[1].tobytes()


@pytest.mark.parametrize(
    ("work", "field"),
    [
        ("module.checkPrompt('  ')", "prompt"),
        ("module.checkPrompt('x'.repeat(1001))", "prompt"),
        ("module.checkPrompt('a\\tb')", "prompt"),
        ("module.checkPrompt('a\\ud800b')", "prompt"),
        ("module.checkPrompt(7)", "prompt"),
        ("module.seedsOf(-1)", "seed"),
        ("module.seedsOf(2 ** 32 - 1, 2)", "seed"),
        ("module.seedsOf(1.5)", "seed"),
        ("module.seedsOf(0, 1001)", "n"),
        ("module.seedsOf(0, 501, 2)", "best_of"),
        ("module.checkTruncation(0)", "truncation"),
        ("module.checkTruncation(NaN)", "truncation"),
        ("module.checkAround(2 ** 32, 0.3)", "around"),
        ("module.checkAround(null, 1.1)", "strength"),
        ("module.stopsOf(['a'], [1], 9)", "seeds"),
        ("module.stopsOf(['a', 'b'], [1, 2, 3], 9)", "seeds"),
        ("module.stopsOf(['a', 'b'], [1], 1001)", "steps"),
    ],
)
def test_what_the_pipeline_refuses_the_engine_refuses(page: Page, work: str, field: str) -> None:
    script = f"try {{ {work}; return null; }} catch ({{ field }}) {{ return field; }}"
    assert in_browser(page, "rules.js", script) == field


def test_hints_are_those_of_the_pipeline(page: Page) -> None:
    texts = [
        "It isn't NOT, doesn\u2019t; 3 four-fold énine no",
        "yelow yellwo yello ellow yel mellows",
    ]
    words = ["yellow", "mellow", "constructor", "flower", "花は赤い"]
    work = """
        const similar = (word) => module.similarWord(word, given.words) ?? null;
        return given.texts.map((text) => [module.weakWords(text), text.split(" ").map(similar)]);
    """
    texts += HOSTILE + [look.text for look in compose(1_000, seed=0)]
    found = in_browser(page, "hints.js", work, {"texts": texts, "words": words})
    for text, (weak, similar) in zip(texts, found, strict=True):
        assert weak == weak_words(text), text
        assert similar == [similar_word(word, words) for word in text.split(" ")], text


def test_sentences_are_off_topic_where_they_are_in_the_pipeline(page: Page) -> None:
    embedding = np.array([0.6, 0.8], dtype=np.float32)
    subject = Subject((1.0, 0.0), 0.61, ("yellow",))
    reading = Reading("yelow", ["yelow"], False, 1, ["yelow"], embedding)
    for least in (0.59, 0.61):
        subject = replace(subject, least=least)
        given = {"subject": asdict(subject), "embedding": embedding.tolist()}
        work = """
            const { embedding, subject } = given;
            const reading = { prompt: "yelow", unknown_words: ["yelow"], embedding };
            return module.hintsOn(reading, subject);
        """
        hinted = with_hints(reading, subject)
        assert in_browser(page, "hints.js", work, given) == {
            "weak_words": hinted.weak_words,
            "suggestions": hinted.suggestions,
            "off_topic": hinted.off_topic,
        }


def test_outer_white_space_is_pythons(page: Page) -> None:
    texts = [f"{chr(point)}a{chr(point)}" for point in range(0x3100) if chr(point).isspace()]
    texts += ["\ufeffa", "a\u200b"]
    work = """
        return given.map((text) => {
            try { return module.checkPrompt(text); } catch { return null; }
        });
    """
    assert in_browser(page, "rules.js", work, texts) == [text.strip() for text in texts]


def test_every_shipped_bundle_has_a_tokenizer_of_a_known_kind() -> None:
    for name in shipped_bundles():
        rules: dict[str, Any] = json.loads(
            (load(name).bundle.folder / "tokenizer.json").read_text(encoding="utf-8")
        )
        assert rules["model"]["type"] == "WordPiece"
        assert rules["normalizer"]["type"] == "BertNormalizer"
