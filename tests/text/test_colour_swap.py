"""Which captions have a minimal pair, and what it says."""

import re
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiongan.text.colour_swap import swap_colours
from captiongan.text.vocabulary import (
    AMOUNTS,
    COLOURS,
    PARTS,
    SHADES,
    SHAPES,
    SIZES,
    TEXTURES,
    THINGS,
)
from captiongan.text_training.grammar import Look, compose

LOOKS = compose(4000, seed=0)


def bag(text: str) -> Counter[str]:
    return Counter("a" if word == "an" else word for word in re.findall(r"[\w-]+", text.lower()))


def exchanged(look: Look) -> Look:
    """Exchange the colours of a composed sentence that has two; a shade goes with its colour."""
    one, other = (place for place, word in enumerate(look.words) if word.part)
    words = list(look.words)
    words[one] = look.words[other]._replace(part=look.words[one].part)
    words[other] = look.words[one]._replace(part=look.words[other].part)
    return Look(tuple(words))


@pytest.mark.parametrize(
    ("caption", "pair"),
    [
        (
            "white petals with a bright yellow center",
            "bright yellow petals with a white center",
        ),
        (
            "petals that are white with a yellow centre",
            "petals that are yellow with a white centre",
        ),
        (
            "The wings are black, while the belly is mostly white.",
            "The wings are white, while the belly is mostly black.",
        ),
        (
            "a bird with an orange beak and a blue head",
            "a bird with a blue beak and an orange head",
        ),
        ("Gray wings and a RED crown!", "Red wings and a GRAY crown!"),
        (
            "the centre of this flower is yellow and has long, pointed pink petals",
            "the centre of this flower is pink and has long, pointed yellow petals",
        ),
        (
            "a woman in a navy-blue shirt and tan pants",
            "a woman in a tan shirt and navy-blue pants",
        ),
        ("a yellow bird with black tail feathers", "a black bird with yellow tail feathers"),
        (
            "white heart shaped petals and purple colored anthers",
            "purple heart shaped petals and white colored anthers",
        ),
    ],
)
def test_two_bound_colours_of_a_caption_are_exchanged(caption: str, pair: str) -> None:
    assert swap_colours(caption) == pair
    assert swap_colours(pair) == caption


@pytest.mark.parametrize(
    ("caption", "why"),
    [
        ("red and yellow petals", "one part"),
        ("petals that are red and yellow", "one part"),
        ("white outer petals and yellow inner petals", "one kind of part"),
        ("a black beak and a white bill", "two words for one part"),
        ("a white flower with yellow petals", "petals are the flower"),
        ("a brown bird with grey plumage", "feathers are the bird"),
        ("white petals with a cream centre", "one family"),
        ("white petals with a yellow centre and green leaves", "a third colour"),
        ("white petals with a yellowy orange centre", "a third colour"),
        ("yellow-tipped white petals with a long stem", "tips are no noun here"),
        ("white petals", "one colour"),
        ("a flower with many petals", "no colour"),
        ("white petals that turn yellow in the middle", "not bound"),
        ("the petals are white and pointed stamens stand in a yellow ring", "two readings"),
        ("white breast feathers and black wings", "which part is it?"),
        ("", "nothing"),
    ],
)
def test_captions_that_do_not_bind_two_colours_are_left_alone(caption: str, why: str) -> None:
    assert swap_colours(caption) is None, why


def test_reading_and_composing_agree() -> None:
    """What the reader of captions finds in a composed sentence is what the composer put there."""
    found = 0
    for look in LOOKS:
        read = swap_colours(look.text)
        if read is not None:
            assert len(look.colours) == 2
            assert read == exchanged(look).text
            found += 1
    assert found > 0.95 * sum(len(look.colours) == 2 for look in LOOKS)


LITTLE_WORDS = ["a", "an", "and", "with", "is", "are", "that", "the", "of", ",", ".", "-"]
TABLES = (COLOURS, SHADES, TEXTURES, SHAPES, SIZES, AMOUNTS, *PARTS.values(), *THINGS.values())
WORDS = sorted(set(chain.from_iterable(chain(*(dict(table).values() for table in TABLES)))))


@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from([*WORDS, *LITTLE_WORDS])).map(" ".join),
    )
)
def test_any_text_is_left_alone_or_keeps_its_words(caption: str) -> None:
    pair = swap_colours(caption)
    assert pair is None or (pair != caption and bag(pair) == bag(caption))
