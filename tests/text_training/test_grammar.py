import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiongan.evaluation.colours import colours_named
from captiongan.text_training.grammar import Look, compose, swap_colours, swapped
from captiongan.text_training.vocabulary import (
    ABOUT_PEOPLE,
    AMOUNTS,
    COLOURS,
    PARTS,
    SHADES,
    SHAPES,
    SIZES,
    TEXTURES,
    THINGS,
    UNCOUNTED,
    Families,
)

LOOKS = compose(4000, seed=0)
MANY_COLOURED = [look for look in LOOKS if len(look.colours) > 1]
TABLES = (COLOURS, SHADES, TEXTURES, SHAPES, SIZES, AMOUNTS, *PARTS.values(), *THINGS.values())


def any_of(words: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(longest_first)})\b(?! shaped)")


def bag(text: str) -> Counter[str]:
    return Counter("a" if word == "an" else word for word in re.findall(r"[\w-]+", text.lower()))


def exchanged(colours: Mapping[str, str], one: str, other: str) -> dict[str, str]:
    return {**colours, one: colours[other], other: colours[one]}


# The tables


def test_no_word_means_two_things() -> None:
    meanings: dict[str, set[str]] = {}
    for families in TABLES:
        for plain, words in families.items():
            for word in words:
                meanings.setdefault(word, set()).add(plain)
    assert {word: plain for word, plain in meanings.items() if len(plain) > 1} == {}
    assert set(COLOURS).isdisjoint(chain(*map(chain.from_iterable, PARTS.values())))


@pytest.mark.parametrize("families", TABLES)
def test_the_plain_word_is_the_first_of_its_family(families: Families) -> None:
    for plain, words in families.items():
        assert words[0] == plain
        assert len(set(words)) == len(words)
        assert all(re.fullmatch(r"[a-z]+( [a-z]+)*", word) for word in words)


def test_colours_are_many_and_american_spellings_are_among_them() -> None:
    assert sum(map(len, COLOURS.values())) >= 150
    assert {"gray", "ash gray", "grayish"} <= set(COLOURS["grey"])
    assert {"rust coloured", "rust colored"} <= set(COLOURS["brown"])
    assert {"centre", "center"} <= set(PARTS["flowers"]["centre"])


def test_colour_families_agree_with_those_that_pictures_are_scored_by() -> None:
    scored_as = {family: family for family in COLOURS} | {"turquoise": "blue"}
    for family, words in COLOURS.items():
        for word in words:
            if " " not in word:
                assert colours_named(word) <= {scored_as[family]}, word


def test_every_group_has_things_and_enough_parts() -> None:
    assert PARTS.keys() == THINGS.keys()
    assert set(PARTS) > ABOUT_PEOPLE
    assert all(len(parts) >= 3 for parts in PARTS.values())
    assert set(chain(*(chain(*parts.values()) for parts in PARTS.values()))) >= UNCOUNTED


# Composed sentences


def test_composed_sentences_differ_and_follow_from_the_seed() -> None:
    texts = [look.text for look in LOOKS]
    assert len(set(texts)) == len(texts) == 4000
    assert compose(100, seed=0) == LOOKS[:100]
    assert len({look.text for look in compose(100, seed=1)} & set(texts)) < 10
    assert compose(0, seed=0) == []


def test_a_sentence_says_the_colours_that_it_claims() -> None:
    for look in LOOKS:
        for part, family in look.colours.items():
            assert re.search(rf"\b{part}\b", look.plain), look
            assert re.search(rf"\b{family}\b", look.plain), look
            assert any_of(COLOURS[family]).search(look.text.replace("-", " ")), look
        assert len(set(look.colours.values())) == len(look.colours)


def test_plain_has_no_synonym_left() -> None:
    plain = set(chain.from_iterable(TABLES))
    synonym = any_of(set(chain.from_iterable(chain(*map(dict.values, map(dict, TABLES))))) - plain)
    assert [look.plain for look in LOOKS if synonym.search(look.plain)] == []
    assert sum(bool(synonym.search(look.text)) for look in LOOKS) > 2000


def test_about_half_of_the_colours_are_plain() -> None:
    colours = [word for look in LOOKS for word in look.words if word.part]
    assert 0.4 < sum(word.said == word.plain for word in colours) / len(colours) < 0.6


def test_most_sentences_have_two_or_three_coloured_parts() -> None:
    coloured = Counter(len(look.colours) for look in LOOKS)
    assert coloured[2] + coloured[3] > 0.55 * len(LOOKS)
    assert coloured[1] > 0.1 * len(LOOKS)


def test_the_place_in_a_sentence_does_not_tell_the_part_or_the_colour() -> None:
    parts = [list(look.colours) for look in MANY_COLOURED]
    families = [list(look.colours.values()) for look in MANY_COLOURED]
    for names in (parts, families):
        assert 0.45 < sum(one < other for one, other, *_ in names) / len(names) < 0.55


def test_grammar_is_right() -> None:
    wrong = re.compile(
        r"\ba [aeio]|\ban [^aeiou]|\ba (?:\w+ )?(?:petals|trousers|fur)\b"
        r"|(?:petals|wings|feet|trousers) is\b|(?:fur|centre|hair|dress) are\b|  | ,|^ | $"
    )
    texts = [text for look in LOOKS for text in (look.text, look.plain)]
    assert [text for text in texts if wrong.search(text)] == []


def test_people_are_not_coloured_but_what_they_wear_is() -> None:
    people, worn = set(THINGS["people"]), set(PARTS["clothes"])
    told = set(chain.from_iterable(look.colours for look in LOOKS))
    assert not told & people
    assert worn <= told


def test_swapped_exchanges_two_colours_and_nothing_else() -> None:
    rng = Random(0)
    for look in MANY_COLOURED:
        pair = swapped(look, rng)
        assert pair is not None
        one, other = [part for part in look.colours if look.colours[part] != pair.colours[part]]
        assert pair.colours == exchanged(look.colours, one, other)
        assert list(pair.colours) == list(look.colours)
        assert bag(pair.text) == bag(look.text)
        assert bag(pair.plain) == bag(look.plain)
        assert pair.text != look.text
        assert pair.plain != look.plain
        if len(look.colours) == 2:
            assert swapped(pair, rng) == look


def test_swapped_draws_any_two_of_three_parts() -> None:
    look = next(look for look in MANY_COLOURED if len(look.colours) == 3)
    pairs = {swapped(look, Random(seed)) for seed in range(50)}
    assert len(pairs) == 3


def test_without_two_coloured_parts_there_is_nothing_to_swap() -> None:
    assert {swapped(look, Random(0)) for look in LOOKS if len(look.colours) < 2} == {None}


# Captions that people wrote


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
    rng = Random(0)
    found = 0
    for look in LOOKS:
        read = swap_colours(look.text)
        if read is not None:
            pair = swapped(look, rng)
            assert pair is not None
            assert len(look.colours) == 2
            assert read == pair.text
            found += 1
    assert found > 0.95 * sum(len(look.colours) == 2 for look in LOOKS)


LITTLE_WORDS = ["a", "an", "and", "with", "is", "are", "that", "the", "of", ",", ".", "-"]
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


def test_a_composed_sentence_is_a_value() -> None:
    assert Look(LOOKS[0].words) == LOOKS[0]
    assert len({*LOOKS, *LOOKS}) == len(LOOKS)
