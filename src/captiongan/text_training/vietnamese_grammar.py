"""Pairs of sentences about looks, in Vietnamese and in English, composed from one grammar.

Both sentences of a pair are filled from the same things, parts and colours, by a pair of templates,
so they say the same. Vietnamese puts what describes a noun after it ("cánh tròn màu đỏ": petal round
colour red), and words that sort and count before it ("những", "con", "chiếc").

A negated sentence has the twin that says nothing of what is negated: "a flower" for "a flower that
is not red", in both languages.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from captiongan.bundle.languages import without_accents
from captiongan.bundle.vietnamese import Twins, sections
from captiongan.text_training.grammar import A_BEFORE_VOWEL, article_of, is_plural

_GROUPS: Mapping[str, tuple[str, Sequence[str]]] = {
    "flowers": ("parts of flowers", ("", "", "bông", "đóa", "cây")),
    "birds": ("parts of birds", ("con", "con", "chú", "")),
    "animals": ("parts of animals", ("con", "con", "chú", "")),
    "insects": ("parts of animals", ("con", "con", "chú", "")),
    "people": ("parts of people", ("",)),
    "clothes": ("parts of objects", ("chiếc", "cái", "")),
    "vehicles": ("parts of vehicles", ("chiếc", "")),
    "buildings": ("parts of buildings", ("",)),
    "fruit": ("parts of food", ("quả", "trái", "")),
    "food": ("parts of food", ("",)),
    "plants": ("parts of plants", ("cây", "")),
    "furniture": ("parts of objects", ("cái", "chiếc", "")),
    "objects": ("parts of objects", ("cái", "chiếc", "")),
    "scenes": ("parts of objects", ("",)),
}
"""The parts of the things of each group, and the classifiers that may go before such a thing."""

_SHARES = (8, 8, 2, 1, 1, 1, 1, 1, 1, 0.7, 0.7, 0.7, 1.5, 1)
_CLASSIFIED = ("con ", "chú ", "bông ", "đóa ", "bó ", "cây ", "bụi ", "chiếc ", "cái ", "đôi ")
_TALKED_OF = frozenset(["people", "scenes"])
"""Groups whose things are rarely told to have a colour."""

# Each line: an English template, then Vietnamese ones. {t} is the thing, {w} its colour, {1} to {3}
# its parts: {p1} 'a yellow centre', {b1} the same without article, {n1} 'centre', {l1} 'yellow and
# round', {is1} 'is' or 'are'; {x1} a look that the twin leaves out. {a} is an article or none.
_SENTENCES = """
a {t} with {p1} | {a}{t} với {p1} | {a}{t} có {p1}
a {t} with {p1} and {p2} | {a}{t} với {p1} và {p2} | {a}{t} có {p1} và {p2} | {a}{t} có {p1} với {p2}
a {t} with {p1}, {p2} and {p3} | {a}{t} có {p1}, {p2} và {p3} | {a}{t} với {p1}, {p2} và {p3}
a {t} that has {p1} and {p2} | {a}{t} mà có {p1} và {p2} | {a}{t} mang {p1} và {p2}
a {w} {t} with {p1} | {a}{t} {w} với {p1} | {a}{t} {w} có {p1}
a {w} {t} with {p1} and {p2} | {a}{t} {w} với {p1} và {p2} | {a}{t} {w} có {p1} và {p2}
a {w} {t} | {a}{t} {w} | {a}{t} {w}
a {w} {t} | {a}{t} có {w} | {t} {w}
a {s} {w} {t} | {a}{t} {s} {w} | {a}{t} {w} {s}
a {s} {w} {t} with {p1} and {p2} | {a}{t} {s} {w} với {p1} và {p2} | {a}{t} {w} {s} có {p1} và {p2}
a {s} {t} with {p1} and {p2} | {a}{t} {s} với {p1} và {p2} | {a}{t} {s} có {p1}, {p2}
a {t} whose {n1} {is1} {l1} and whose {n2} {is2} {l2} | {a}{t} có {n1} {l1} và có {n2} {l2} | {a}{t} mà {n1} {l1} và {n2} {l2}
this {t} has {p1} | {t} này có {p1} | {t} có {p1}
this {t} has {p1} and {p2} | {t} này có {p1} và {p2} | {t} này có {p1} với {p2} | {t} có {p1} và {p2}
this {t} has {p1}, {p2} and {p3} | {t} này có {p1}, {p2} và {p3} | {t} này có {p1}, {p2}, {p3}
this {t} has {p1} as well as {p2} | {t} này có {p1} cũng như {p2} | {t} này có {p1} và cả {p2}
this {t} has {n1} that {is1} {l1} | {t} này có {n1} {l1} | {t} có {n1} {l1}
this {t} has {n1} that {is1} {l1} and has {p2} | {t} này có {n1} {l1} và có {p2} | {t} này có {n1} {l1} và {p2}
this {t} has {n1} that {is1} {l1} with {p2} | {t} này có {n1} {l1} với {p2} | {t} này có {n1} {l1} cùng {p2}
this {t} is {w} and has {p1} | {t} này {w} và có {p1} | {t} này có {w} và {p1}
this {t} is {w} in color with {p1} | {t} này có {w} với {p1} | {t} này {w} với {p1}
this {t} is {w} and {w2} in color, with {p1} | {t} này có {w} và {w2}, với {p1} | {t} {w} và {w2}, có {p1}
this {w} {t} has {p1} and {p2} | {t} {w} này có {p1} và {p2} | {t} {w} có {p1} và {p2}
this is a {w} {t} with {p1} | đây là một {t} {w} với {p1} | đây là {t} {w} có {p1}
this {s} {t} has {p1}, and {p2} | {t} {s} này có {p1}, và {p2} | {t} {s} có {p1} và {p2}
the {t} has {p1} with {p2} | {t} có {p1} với {p2} | {t} có {p1} cùng với {p2}
the {n1} of this {t} {is1} {l1} | {n1} của {t} này {l1} | {n1} của {t} này có {l1}
the {n1} of this {t} {is1} {l1} and the {n2} {is2} {l2} | {n1} của {t} này {l1} và {n2} {l2} | {n1} của {t} {l1}, còn {n2} {l2}
the {n1} {is1} {l1} and the {n2} {is2} {l2} | {n1} {l1} và {n2} {l2} | {n1} có {l1} và {n2} có {l2} | {n1} thì {l1} còn {n2} thì {l2}
the {n1} {is1} {l1} | {n1} {l1} | {n1} có {l1} | {n1} thì {l1}
the {n1} {is1} {l1}, the {n2} {is2} {l2} and the {n3} {is3} {l3} | {n1} {l1}, {n2} {l2} và {n3} {l3} | {n1} {l1}, {n2} {l2}, {n3} {l3}
there is a {t} with {p1} and {p2} | có một {t} với {p1} và {p2} | có {t} {p1} và {p2}
a photograph of a {w} {t} with {p1} | ảnh {a}{t} {w} với {p1} | bức ảnh {t} {w} có {p1} | hình {t} {w} có {p1}
{p1} and {p2} | {p1} và {p2} | {p1} với {p2}
{p1} with {p2} | {p1} với {p2} | {p1} cùng {p2}
{p1} surrounded by {p2} | {p1} được bao quanh bởi {p2} | {p1} bao quanh bởi {p2}
{p1} surround {p2} | {p1} bao quanh {p2} | {p1} xung quanh {p2}
{p1} with {p2} in the middle | {p1} với {p2} ở giữa | {p1} và {p2} ở giữa
a {t} with {p1} and {p2} in the middle | {a}{t} với {p1} và {p2} ở giữa | {a}{t} có {p1}, {p2} ở giữa
this {t} has {w} {n1} and {n2} | {t} này có {n1} và {n2} {w} | {t} có {n1} và {n2} {w}
this {t} has {w} {n1}, {n2} and {n3} | {t} này có {n1}, {n2} và {n3} {w} | {t} có {n1}, {n2}, {n3} {w}
the {n1} and {n2} are {w} | {n1} và {n2} {w} | {n1} và {n2} có {w}
the {t} is {w} | {t} {w} | {t} có {w}
{b1}, {b2} | {b1}, {b2} | {b1}, {b2}
{b1}, {b2}, {b3} | {b1}, {b2}, {b3} | {b1}, {b2}, {b3}
{t}, {b1}, {b2} | {t}, {b1}, {b2} | {t} {b1}, {b2}
{p1} | {p1} | {b1}
{b1} | {b1} | {b1}
a {t} | {a}{t} | {t}
{t} | {t} | {a}{t}
{w} | {w} | {w}
a {s} {t} | {a}{t} {s} | {t} {s}
a {w} {t} on a {w2} background | {a}{t} {w} trên nền {w2} | {t} {w} với nền {w2}
a {w} {t} with {w2} {n1} | {a}{t} {w} với {n1} {w2} | {a}{t} {w} {n1} {w2} | {a}{t} {w} có {n1} {w2}
a {w} {t} with {w2} {n1} and {p2} | {a}{t} {w} có {n1} {w2} và {p2} | {a}{t} {w} {n1} {w2}, {p2}
a {t} that is {w} and {w2} | {a}{t} {w} và {w2} | {a}{t} có {w} và {w2} | {a}{t} có {w} pha {w2}
a {w} {t} and a {w2} {t2} | {a}{t} {w} và {a}{t2} {w2} | {t} {w} và {t2} {w2}
two {w} {t}s | hai {t} {w} | đôi {t} {w}
a {w} {t} {doing} | {a}{t} {w} {doing} | {t} {w} {doing}
a {t} {doing} | {a}{t} {doing} | {t} {doing}
"""

_NEGATED = """
a {t} that is not {x} | {a}{t} không {x} | {a}{t} không phải {x} | {a}{t} không có {x} | {a}{t} chẳng có {x} => a {t}
a {t} without any {x} | {a}{t} không có chút {x} nào | {a}{t} không hề có {x} | {a}{t} không có {x} nào => a {t}
a {t} with no {x} | {a}{t} không có {x} | {a}{t} chẳng có {x} nào => a {t}
a {t} with no {x} on it | {a}{t} không có {x} trên đó => a {t}
not {x}, a {t} | không {x}, {a}{t} => a {t}
this {t} is not {x} | {t} này không {x} | {t} này không có {x} | {t} này không phải {x} => this {t}
this {t} isn't {x} | {t} này chẳng {x} | {t} này không hề {x} => this {t}
this {t} has {p1} but no {x} | {t} này có {p1} nhưng không có {x} => this {t} has {p1}
a {w} {t} that is not {x} | {a}{t} {w} không {x} | {a}{t} {w} chứ không {x} | {a}{t} {w} không phải {x} => a {w} {t}
a {w} {t}, not {x} | {a}{t} {w}, không {x} | {a}{t} {w}, không phải {x} => a {w} {t}
a {w}, not {x}, {t} | {a}{t} {w} chứ không phải {x} => a {w} {t}
a {w} {t} without {x} | {a}{t} {w} không có {x} => a {w} {t}
a {t} that is not {x} but {w} | {a}{t} không {x} mà {w} | {a}{t} không phải {x} mà là {w} => a {w} {t}
a {t} that is neither {x} nor {y} | {a}{t} không {x} cũng không {y} | {a}{t} không {x} và không {y} => a {t}
a {t} that is not {x} or {y} | {a}{t} không {x} hay {y} | {a}{t} không có {x} hoặc {y} => a {t}
a {t} with {n1} that {is1} not {x} | {a}{t} có {n1} không {x} | {a}{t} với {n1} không phải {x} => a {t} with {n1}
the {n1} {is1} not {x} | {n1} không {x} | {n1} không có {x} => the {n1}
the {n1} {is1} not {x} but {l1} | {n1} không {x} mà {l1} | {n1} không phải {x} mà là {l1} => the {n1} {is1} {l1}
the {n1} {is1} {l1}, not {x} | {n1} {l1}, không phải {x} | {n1} {l1} chứ không {x} => the {n1} {is1} {l1}
a {w} {t} without {n1} | {a}{t} {w} không có {n1} | {a}{t} {w} không {n1} => a {w} {t}
a {w} {t} with no {n1} | {a}{t} {w} không có {n1} | {a}{t} {w} chẳng có {n1} => a {w} {t}
a {t} with {p1} and no {n2} | {a}{t} có {p1} và không có {n2} => a {t} with {p1}
a {t} with {p1}, without {x} | {a}{t} có {p1}, không có {x} => a {t} with {p1}
a {t} with {p1} and without any {x} | {a}{t} với {p1} và không có {x} nào => a {t} with {p1}
"""

_BASIC = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "white",
    "grey",
    "black",
)
_BARE = frozenset(["đỏ", "vàng", "xanh", "tím", "hồng", "nâu", "trắng", "xám", "đen", "cam"])
"""First syllables of colours that need no "màu" (colour) before them; "kem" alone is ice cream."""

_DOING = {
    "birds": ("flying", "sitting", "singing", "swimming", "standing", "eating"),
    "animals": ("running", "standing", "sleeping", "playing", "eating", "swimming"),
    "insects": ("flying",),
    "flowers": ("blooming", "growing"),
    "people": ("running", "standing", "playing", "singing", "swimming", "sleeping"),
}
_DIGITS = {
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "eight": "8",
    "ten": "10",
}
_PLACES = (
    ("on the grass", "trên bãi cỏ"), ("in the water", "dưới nước"), ("on a branch", "trên cành cây"),
    ("in the garden", "trong vườn"), ("in the snow", "trong tuyết"), ("on the beach", "trên bãi biển"),
    ("in the sky", "trên trời"), ("in the forest", "trong rừng"), ("on a table", "trên bàn"),
    ("", ""), ("", ""), ("", ""), ("", ""), ("", ""),
)  # fmt: skip


_SLOT = re.compile(r"\{(\w+)\}")
_OF_PARTS = frozenset(["n", "l", "b", "p", "is"])


class Pair(NamedTuple):
    """A text, and the English text whose embedding is to be its own."""

    text: str
    twin: str


class _Words(NamedTuple):
    """The same words in English and in Vietnamese."""

    english: str
    vietnamese: str


class _Line(NamedTuple):
    english: str
    vietnamese: tuple[str, ...]
    twin: str
    slots: tuple[str, ...]


def _lines(text: str) -> list[_Line]:
    lines = []
    for line in text.strip().splitlines():
        said, _, twin = line.partition(" => ")
        english, *vietnamese = said.split(" | ")
        slots = tuple(dict.fromkeys(_SLOT.findall(line)))
        lines.append(_Line(english, tuple(vietnamese), twin or english, slots))
    return lines


_PLAIN_LINES, _NEGATED_LINES = _lines(_SENTENCES), _lines(_NEGATED)

# Probabilities.
_NEGATES = 0.12
_NEGATES_IN_ENGLISH = 0.35
_MIXED = 0.04
_WITHOUT_ACCENTS = 0.25
_SOME_ACCENTS = 0.05
_RARE_COLOUR = 0.45
_TWO_COLOURS = 0.12
_MORE_LOOKS = 0.35
_COUNTED = 0.15
_WITH_COLOUR_WORD = 0.6


def compose_pairs(seed: int) -> Iterator[Pair]:
    """Yield pairs without end; some repeat. The same seed yields the same ones."""
    rng = Random(f"pairs/{seed}")
    while True:
        yield _Telling(rng).pair()


def lexicon(seed: int) -> Iterator[Pair]:
    """Yield each entry of the table, as it stands and with the words that go before a noun."""
    rng = Random(f"lexicon/{seed}")
    for name, entries in sections().items():
        _, classifiers = _GROUPS.get(name, ("", ("",)))
        for english, words in entries:
            for word in words:
                yield Pair(word, english)
                if name == "colours":
                    yield Pair(f"màu {word}", english)
                if name in _GROUPS:
                    classified = _with_classifier(word, rng.choice(classifiers))
                    yield Pair(classified, _indefinite(english))
                    yield Pair(f"một {classified}", _indefinite(english))
                    yield Pair(without_accents(classified), _indefinite(english))
                else:
                    yield Pair(without_accents(word), english)


def words_of_the_grammar() -> set[str]:
    """Return all Vietnamese words that the grammar can say, in lower case."""
    entries = [word for section in sections().values() for each in section for word in each[1]]
    templates = [text for line in (*_PLAIN_LINES, *_NEGATED_LINES) for text in line.vietnamese]
    classifiers = [each for _, listed in _GROUPS.values() for each in listed]
    places = [vietnamese for _, vietnamese in _PLACES]
    said = _SLOT.sub(" ", " ".join([*entries, *templates, *classifiers, *places]))
    return set(re.findall(r"[^\W\d_]+", f"{said} một những các màu và pha".lower()))


class _Telling:
    """One thing, with its parts and colours, told in both languages."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._group = rng.choices([*_GROUPS], _SHARES)[0]
        parts, self._classifiers = _GROUPS[self._group]
        self._parts = rng.sample(sections()[parts], 3)
        if self._chance(0.5) and self._group in ("flowers", "birds"):
            self._parts[0] = sections()[parts][0 if self._group == "flowers" else rng.randrange(16)]

    def pair(self) -> Pair:
        """Choose a template in both languages and fill it."""
        negated = self._chance(_NEGATES)
        line = self._rng.choice(_NEGATED_LINES if negated else _PLAIN_LINES)
        slots = self._slots(line.slots)
        english = {name: words.english for name, words in slots.items()}
        twin = _tidied(line.twin.format_map(english))
        if negated and self._chance(_NEGATES_IN_ENGLISH):
            return Pair(_tidied(line.english.format_map(english)), twin)
        said = {name: self._said(name, words) for name, words in slots.items()}
        text = _tidied(self._rng.choice(line.vietnamese).format_map(said))
        return Pair(self._typed(text), twin)

    def _said(self, name: str, words: _Words) -> str:
        mixed = name[0] in "wlps" and self._chance(_MIXED)
        return words.english if mixed else words.vietnamese

    def _typed(self, text: str) -> str:
        """Return a text as people type it: some without accents."""
        if self._chance(_WITHOUT_ACCENTS):
            return without_accents(text)
        if self._chance(_SOME_ACCENTS):
            words = text.split()
            return " ".join(without_accents(word) if self._chance(0.3) else word for word in words)
        return text

    def _slots(self, names: Iterable[str]) -> dict[str, _Words]:
        """Fill the slots of these names, and those of any part that they name."""
        told = {number: self._told(part) for number, part in enumerate(self._parts, start=1)}
        return {
            name: told[int(name[-1])][name[:-1]] if name[:-1] in _OF_PARTS else self._fill(name)
            for name in names
        }

    def _fill(self, name: str) -> _Words:
        match name:
            case "a":
                return _Words("", "một " if self._chance(0.5) else "")
            case "t" | "t2":
                return self._thing()
            case "s":
                return self._adjective("sizes" if self._chance(0.6) else "shapes")
            case "doing":
                return self._doing()
        return self._colour()

    def _told(self, part: Twins) -> dict[str, _Words]:
        """Return what can be said of a part, by the letters of its slots."""
        noun, looks = self._word(part), self._looks(part.english)
        described = self._described(noun, looks)
        return {
            "n": noun,
            "l": self._predicate(looks),
            "b": described,
            "p": self._counted(noun, described),
            "is": _Words("are" if is_plural(noun.english) else "is", ""),
        }

    def _thing(self) -> _Words:
        """Return a noun; one in three is the plain word of its group."""
        things = sections()[self._group]
        plain = self._group in ("flowers", "birds") and self._chance(0.6)
        noun = self._word(things[0] if plain else self._rng.choice(things))
        classifier = self._rng.choice(self._classifiers)
        return _Words(noun.english, _with_classifier(noun.vietnamese, classifier))

    def _looks(self, part: str) -> list[_Words]:
        """Return one or two looks, in the order of English: shape before colour."""
        looks = [self._part_colour(part)] if self._chance(0.88) else []
        if not looks or self._chance(_MORE_LOOKS):
            looks.insert(0, self._adjective(self._rng.choice(("textures", "shapes", "sizes"))))
        return looks

    def _part_colour(self, part: str) -> _Words:
        if part in ("leaves", "stem", "sepals", "pedicel") and self._chance(0.4):
            return _Words("green", self._rng.choice(("xanh", "màu xanh", "xanh lá", "màu xanh lá")))
        colour = self._colour()
        if not self._chance(_TWO_COLOURS):
            return colour
        other = self._colour()
        joined = f"{colour.vietnamese} {self._rng.choice(('và', 'và', 'pha'))} {other.vietnamese}"
        return _Words(f"{colour.english} and {other.english}", joined)

    def _colour(self) -> _Words:
        colours = sections()["colours"]
        if self._chance(_RARE_COLOUR):
            word = self._word(self._rng.choice(colours))
        else:
            word = self._word(_twins_of("colours", self._rng.choice(_BASIC)))
            if self._chance(0.3):
                shade = self._word(self._rng.choice(sections()["shades"]))
                word = _Words(
                    f"{shade.english} {word.english}", f"{word.vietnamese} {shade.vietnamese}"
                )
        first = word.vietnamese.split()[0]
        if first in ("nhiều", "sặc", "đầy", "đa", "hơi"):
            return word
        if first not in _BARE or self._chance(_WITH_COLOUR_WORD):
            return _Words(word.english, f"màu {word.vietnamese}")
        return word

    def _adjective(self, section: str) -> _Words:
        return self._word(self._rng.choice(sections()[section]))

    def _described(self, noun: _Words, looks: Sequence[_Words]) -> _Words:
        english = " ".join(look.english for look in looks)
        after = [look.vietnamese for look in looks]
        if self._chance(0.3):
            after.reverse()
        joint = " và " if len(after) > 1 and self._chance(0.25) else " "
        return _Words(f"{english} {noun.english}", f"{noun.vietnamese} {joint.join(after)}")

    def _counted(self, noun: _Words, described: _Words) -> _Words:
        if not is_plural(noun.english):
            one = "một " if self._chance(0.15) else ""
            article = article_of(noun.english)
            return _Words(f"{article} {described.english}", f"{one}{described.vietnamese}")
        if self._chance(_COUNTED):
            amount = self._amount()
            return _Words(
                f"{amount.english} {described.english}",
                f"{amount.vietnamese} {described.vietnamese}",
            )
        many = self._rng.choice(("những ", "các ")) if self._chance(0.15) else ""
        return _Words(described.english, f"{many}{described.vietnamese}")

    def _amount(self) -> _Words:
        number = self._rng.choice(sections()["amounts"][:-1])
        if number.english in _DIGITS and self._chance(0.3):
            return _Words(number.english, _DIGITS[number.english])
        return self._word(number)

    def _predicate(self, looks: Sequence[_Words]) -> _Words:
        return _Words(
            " and ".join(look.english for look in reversed(looks)),
            " và ".join(look.vietnamese for look in reversed(looks)),
        )

    def _doing(self) -> _Words:
        place = _Words(*self._rng.choice(_PLACES))
        if self._group not in _DOING:
            return place
        done = self._rng.choice(_DOING[self._group])
        verb = self._word(_twins_of("small words", done))
        return _Words(f"{done} {place.english}", f"{verb.vietnamese} {place.vietnamese}")

    def _word(self, twins: Twins) -> _Words:
        """Return an entry with one of its Vietnamese words, half of the time the usual one."""
        usual = self._chance(0.5)
        words = twins.vietnamese
        return _Words(twins.english, words[0] if usual else self._rng.choice(words))

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share


@cache
def _twins_of(section: str, english: str) -> Twins:
    return next(each for each in sections()[section] if each.english == english)


def _with_classifier(noun: str, classifier: str) -> str:
    return noun if not classifier or noun.startswith(_CLASSIFIED) else f"{classifier} {noun}"


def _indefinite(noun: str) -> str:
    return _tidied(f"{article_of(noun)} {noun}")


def _tidied(text: str) -> str:
    text = " ".join(text.split()).replace(" ,", ",")
    return A_BEFORE_VOWEL.sub("an ", text)
