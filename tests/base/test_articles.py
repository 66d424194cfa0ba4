"""Composed captions say `a` or `an` as people do."""

import pytest

from captiongan.base.articles import with_article


@pytest.mark.parametrize(
    "words",
    [
        "an apple", "an hour", "an Honest man", "an heir", "an unusual one", "an uninteresting sky",
        "an urban scene", "an 8", "an 11", "an 80-year-old", "a unicorn",
        "a Uniform", "a used car", "a European robin", "a one-way road", "a utensil", "a U-turn",
        "a house", "a rose", "a 1", "an onion", "an umbrella", "a ewe",
    ],
)  # fmt: skip
def test_a_word_gets_the_article_of_its_sound(words: str) -> None:
    assert with_article(words.partition(" ")[2]) == words
