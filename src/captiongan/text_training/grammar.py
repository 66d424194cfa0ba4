"""Sentences about looks, composed from a grammar: colours, parts, shapes, sizes, textures.

A composed sentence knows which part has which colour. So two sentences that differ only in the
order of their words can be told apart. No caption of a data set promises that.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from captiongan.text.vocabulary import (
    A_BEFORE_VOWEL,
    ABOUT_PEOPLE,
    AMOUNTS,
    COLOURS,
    IRREGULAR_PLURALS,
    PARTS,
    SHADES,
    SHAPES,
    SIZES,
    TEXTURES,
    THINGS,
    UNCOUNTED,
    Families,
)


def _templates(lines: str) -> list[list[str]]:
    return [line.split() for line in lines.strip().splitlines()]


# {thing}: a noun, perhaps with adjectives. {whole}: the thing's own colour. Each other slot names
# one more part: {part} 'a yellow centre', {bare} the same without article, {clause} 'the centre is
# yellow', {is} 'centre is yellow'.
_SENTENCES = _templates(
    """
    a {thing} with {part}
    a {thing} with {part} and {part}
    a {thing} with {part} , {part} and {part}
    a {thing} that has {part} and {part}
    a {thing} having {part} and also {part}
    a {thing} whose {is} and whose {is}
    a {thing} , its {is} and its {is}
    a {thing} that is {whole} with {part}
    a {whole} {thing} with {part}
    a {whole} {thing} with {part} and {part}
    this {thing} has {part}
    this {thing} has {part} and {part}
    this {thing} has {part} as well as {part}
    this {thing} has {part} , {part} and {part}
    this {thing} is {whole} and has {part}
    this {whole} {thing} has {part} and {part}
    the {thing} has {part} with {part}
    the {thing} with {part} also has {part}
    the {thing} is {whole} but {clause}
    there is a {thing} with {part} and {part}
    a photograph of a {thing} with {part} and {part}
    on this {thing} {clause} and {clause}
    {part} with {part}
    {part} and {part}
    {part} , {part} and {part}
    {part} and {part} on a {thing}
    {part} next to {part}
    {bare} , {bare}
    {bare} , {bare} , {bare}
    {thing} , {bare} , {bare}
    {is} , {is}
    {clause} and {clause}
    {clause} while {clause}
    {clause} but {clause}
    {clause} , {clause} and {clause}
    {clause} , with {part}
    """
)
_ABOUT_CLOTHES = _templates(
    """
    a {thing} in {part} and {part}
    a {thing} in {part}
    a {thing} wearing {part} and {part}
    a {thing} dressed in {part} , {part} and {part}
    the {thing} in {part} wears {part}
    """
)
_SINGLE_LOOKS = _templates(
    """
    {look}
    {part}
    {bare}
    {clause}
    a {thing}
    a {whole} {thing}
    this {thing} is {whole}
    this {thing} has {part}
    """
)
# Probabilities.
_SINGLE = 0.15
_WORN = 0.4
_HYPHENED = 0.3
_COLOURED = 0.85
_SHADED = 0.2
_MORE_LOOKS = 0.3
_COUNTED = 0.15
_RELATIVE = 0.2

_GROUPS = tuple(PARTS)
ADJECTIVES = (TEXTURES, SHAPES, SIZES)


class Word(NamedTuple):
    """A word at one place of a sentence, and the plain word for it.

    The two differ in synonyms and in the grammar that follows from them ("foliage is", "leaves
    are"). A colour, with its shade, names the kind of part that has it and its family.
    """

    said: str
    plain: str
    part: str = ""
    family: str = ""


@dataclass(frozen=True)
class Look:
    """A composed sentence."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The sentence."""
        return _join(word.said for word in self.words)

    @property
    def plain(self) -> str:
        """The same sentence with every synonym replaced by the plain word of its family."""
        return _join(word.plain for word in self.words)

    @property
    def colours(self) -> Mapping[str, str]:
        """The colour family of each kind of part, or whole thing, that has a colour."""
        return {word.part: word.family for word in self.words if word.part}


def compose(count: int, seed: int) -> list[Look]:
    """Return `count` different sentences; the first ones do not depend on `count`.

    About half of the colours are synonyms. Most sentences give the colours of two or three parts of
    one thing, all of different families; parts and colours come in any order.
    """
    rng = Random(f"looks/{seed}")
    looks: dict[str, Look] = {}
    while len(looks) < count:
        look = Look(tuple(_Telling(rng).words()))
        looks.setdefault(look.text, look)
    return list(looks.values())


class _Telling:
    """One thing, with those of its parts and colours that are still to be named."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._synonyms = rng.random()
        self._group = rng.choice(_GROUPS)
        self._thing = self._any(THINGS[self._group])
        self._parts = iter(rng.sample(list(PARTS[self._group]), 3))
        self._colours = iter(rng.sample(list(COLOURS), 4))

    def words(self) -> Iterator[Word]:
        """Choose a template and fill its slots."""
        templates = _SENTENCES
        if self._chance(_SINGLE):
            templates = _SINGLE_LOOKS
        elif self._group == "clothes" and self._chance(_WORN):
            templates = _ABOUT_CLOTHES
        if self._group in ABOUT_PEOPLE:
            templates = [template for template in templates if "{whole}" not in template]
        for token in self._rng.choice(templates):
            yield from self._fill(token)

    def _fill(self, token: str) -> list[Word]:
        match token:
            case "{look}":
                return [self._colour() if self._chance(0.5) else self._adjective()]
            case "{thing}":
                noun = self._word(THINGS[self._group], self._thing)
                described = self._group not in ABOUT_PEOPLE and self._chance(_MORE_LOOKS)
                return [self._adjective(), noun] if described else [noun]
            case "{whole}":
                return [self._colour(self._thing)]
            case "{part}":
                return self._part()
            case "{bare}":
                noun, looks = self._next_part()
                return [*looks, noun]
            case "{is}":
                return _clause(*self._next_part())
            case "{clause}":
                return [_fixed("the"), *_clause(*self._next_part())]
        return [_fixed(token)]

    def _part(self) -> list[Word]:
        """Return 'a round yellow centre', 'a centre that is round and yellow' or 'six petals'."""
        noun, looks = self._next_part()
        article = _agreeing(noun, article_of)
        if self._chance(_RELATIVE):
            _, *predicate = _clause(noun, looks)
            return [article, noun, _fixed("that"), *predicate]
        if is_plural(noun.said) and is_plural(noun.plain) and self._chance(_COUNTED):
            article = self._word(AMOUNTS, self._any(AMOUNTS))
        return [article, *looks, noun]

    def _next_part(self) -> tuple[Word, list[Word]]:
        """Return a word for the next part and, in any order, one or two looks of it."""
        kind = next(self._parts)
        one, other = self._rng.sample(ADJECTIVES, 2)
        looks = [self._colour(kind) if self._chance(_COLOURED) else self._adjective(one)]
        if self._chance(_MORE_LOOKS):
            looks.insert(self._rng.randrange(2), self._adjective(other))
        return self._word(PARTS[self._group], kind), looks

    def _colour(self, part: str = "") -> Word:
        family = next(self._colours)
        said, plain, *_ = self._hyphened(self._word(COLOURS, family))
        if self._chance(_SHADED):
            shade = self._word(SHADES, self._any(SHADES))
            said, plain = f"{shade.said} {said}", f"{shade.plain} {plain}"
        return Word(said, plain, part, family if part else "")

    def _adjective(self, families: Families | None = None) -> Word:
        families = families or self._rng.choice(ADJECTIVES)
        return self._hyphened(self._word(families, self._any(families)))

    def _word(self, families: Families, plain: str) -> Word:
        synonyms = families[plain][1:]
        if synonyms and self._chance(self._synonyms):
            return Word(self._rng.choice(synonyms), plain)
        return _fixed(plain)

    def _hyphened(self, word: Word) -> Word:
        if self._chance(_HYPHENED):
            return word._replace(said=word.said.replace(" ", "-"))
        return word

    def _any(self, families: Families) -> str:
        return self._rng.choice(list(families))

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share


def _fixed(word: str) -> Word:
    return Word(word, word)


def _clause(noun: Word, looks: list[Word]) -> list[Word]:
    """Return 'centre is yellow' or 'petals are yellow and round'."""
    verb = _agreeing(noun, lambda word: "are" if is_plural(word) else "is")
    first, *others = looks
    return [noun, verb, first, *(word for other in others for word in (_fixed("and"), other))]


def _agreeing(noun: Word, form: Callable[[str], str]) -> Word:
    """Return the form of another word that goes with the noun, and with its plain word."""
    return Word(form(noun.said), form(noun.plain))


def article_of(noun: str) -> str:
    """Return 'a', or nothing before a plural and what is not counted."""
    return "" if is_plural(noun) or noun in UNCOUNTED else "a"


def is_plural(noun: str) -> bool:
    """Whether a noun takes 'are'."""
    head = noun.partition(" of ")[0].split()[-1]
    ends_in_plural_s = head.endswith("s") and not head.endswith(("ss", "us"))
    return ends_in_plural_s or head in IRREGULAR_PLURALS.values()


def _join(words: Iterable[str]) -> str:
    return A_BEFORE_VOWEL.sub("an ", " ".join(filter(None, words)).replace(" ,", ","))
