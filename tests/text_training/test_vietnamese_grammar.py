"""Pairs of Vietnamese and English sentences."""

from itertools import islice

from captiongan.bundle.languages import CUES
from captiongan.text_training.vietnamese_grammar import (
    compose_pairs,
    lexicon,
    words_of_the_grammar,
)


def test_the_same_seed_composes_the_same_pairs_and_another_does_not() -> None:
    one, again, other = (list(islice(compose_pairs(seed), 200)) for seed in (0, 0, 1))
    assert one == again
    assert len(set(one) & set(other)) < 40


def test_pairs_hardly_repeat() -> None:
    pairs = list(islice(compose_pairs(0), 3_000))
    assert len(set(pairs)) > 0.95 * len(pairs)


def test_a_twin_is_plain_english_and_says_nothing_that_is_denied() -> None:
    denied = 0
    for text, twin in islice(compose_pairs(2), 2_000):
        assert twin.isascii()
        assert "{" not in text + twin
        assert CUES.isdisjoint(twin.replace(",", "").split())
        denied += not CUES.isdisjoint(text.split())
    assert denied > 20


def test_the_grammar_says_only_words_that_it_lists() -> None:
    words = words_of_the_grammar()
    for text, _ in lexicon(0):
        if not text.isascii():
            assert set(text.lower().split()) <= words, text
