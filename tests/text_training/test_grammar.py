import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain

import pytest

from captiongan.evaluation.colours import colours_named
from captiongan.text.vocabulary import (
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
from captiongan.text_training.grammar import Look, compose

LOOKS = compose(4000, seed=0)
MANY_COLOURED = [look for look in LOOKS if len(look.colours) > 1]
TABLES = (COLOURS, SHADES, TEXTURES, SHAPES, SIZES, AMOUNTS, *PARTS.values(), *THINGS.values())


def any_of(words: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(longest_first)})\b(?! shaped)")


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


def test_a_composed_sentence_is_a_value() -> None:
    assert Look(LOOKS[0].words) == LOOKS[0]
    assert len({*LOOKS, *LOOKS}) == len(LOOKS)
