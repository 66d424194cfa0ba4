"""Things, their parts and how they look, told in English and in Vietnamese."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from captiongan.bundle.vietnamese import Twins, sections
from captiongan.text_training.grammar import article_of, is_plural

GROUPS: Mapping[str, tuple[str, Sequence[str]]] = {
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

_BASIC = tuple(
    [
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
    ]
)
_BARE = frozenset(["đỏ", "vàng", "xanh", "tím", "hồng", "nâu", "trắng", "xám", "đen", "cam"])
"""First syllables of colours that need no "màu" (colour) before them. "Kem" alone is ice cream."""

_DOING = {
    "birds": ("flying", "sitting", "singing", "swimming", "standing", "eating"),
    "animals": ("running", "standing", "sleeping", "playing", "eating", "swimming"),
    "insects": ("flying",),
    "flowers": ("blooming", "growing"),
    "people": ("running", "standing", "playing", "singing", "swimming", "sleeping"),
}
_DIGITS = dict(two="2", three="3", four="4", five="5", six="6", eight="8", ten="10")
PLACES = (
    ("on the grass", "trên bãi cỏ"),
    ("in the water", "dưới nước"),
    ("on a branch", "trên cành cây"),
    ("in the garden", "trong vườn"),
    ("in the snow", "trong tuyết"),
    ("on the beach", "trên bãi biển"),
    ("in the sky", "trên trời"),
    ("in the forest", "trong rừng"),
    ("on a table", "trên bàn"),
    *(5 * [("", "")]),
)
"""Where a thing is; often nothing is said of it."""
_OF_PARTS = frozenset(["n", "l", "b", "p", "is"])

# Probabilities.
_RARE_COLOUR = 0.45
_TWO_COLOURS = 0.12
_COLOURED = 0.88
_SHADED = 0.3
_MORE_LOOKS = 0.35
_COUNTED = 0.15
_WITH_COLOUR_WORD = 0.6


class Words(NamedTuple):
    """The same words in English and in Vietnamese."""

    english: str
    vietnamese: str


class Telling:
    """One thing, with its parts and colours, told in both languages."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._group = rng.choices([*GROUPS], _SHARES)[0]
        parts, self._classifiers = GROUPS[self._group]
        self._parts = rng.sample(sections()[parts], 3)
        if self._chance(0.5) and self._group in ("flowers", "birds"):
            self._parts[0] = sections()[parts][0 if self._group == "flowers" else rng.randrange(16)]

    def slots(self, names: Iterable[str]) -> dict[str, Words]:
        """Fill the slots of these names, and those of any part that they name."""
        told = {number: self._told(part) for number, part in enumerate(self._parts, start=1)}
        return {
            name: told[int(name[-1])][name[:-1]] if name[:-1] in _OF_PARTS else self._fill(name)
            for name in names
        }

    def _fill(self, name: str) -> Words:
        match name:
            case "a":
                return Words("", "một " if self._chance(0.5) else "")
            case "t" | "t2":
                return self._thing()
            case "s":
                return self._adjective("sizes" if self._chance(0.6) else "shapes")
            case "doing":
                return self._doing()
        return self._colour()

    def _told(self, part: Twins) -> dict[str, Words]:
        """Return what can be said of a part, by the letters of its slots."""
        noun, looks = self._word(part), self._looks(part.english)
        described = self._described(noun, looks)
        return {
            "n": noun,
            "l": self._predicate(looks),
            "b": described,
            "p": self._counted(noun, described),
            "is": Words("are" if is_plural(noun.english) else "is", ""),
        }

    def _thing(self) -> Words:
        """Return a noun; one in three is the plain word of its group."""
        things = sections()[self._group]
        plain = self._group in ("flowers", "birds") and self._chance(0.6)
        noun = self._word(things[0] if plain else self._rng.choice(things))
        classifier = self._rng.choice(self._classifiers)
        return Words(noun.english, with_classifier(noun.vietnamese, classifier))

    def _looks(self, part: str) -> list[Words]:
        """Return one or two looks, in the order of English: shape before colour."""
        looks = [self._part_colour(part)] if self._chance(_COLOURED) else []
        if not looks or self._chance(_MORE_LOOKS):
            looks.insert(0, self._adjective(self._rng.choice(("textures", "shapes", "sizes"))))
        return looks

    def _part_colour(self, part: str) -> Words:
        if part in ("leaves", "stem", "sepals", "pedicel") and self._chance(0.4):
            return Words("green", self._rng.choice(("xanh", "màu xanh", "xanh lá", "màu xanh lá")))
        colour = self._colour()
        if not self._chance(_TWO_COLOURS):
            return colour
        other = self._colour()
        joined = f"{colour.vietnamese} {self._rng.choice(('và', 'và', 'pha'))} {other.vietnamese}"
        return Words(f"{colour.english} and {other.english}", joined)

    def _colour(self) -> Words:
        colours = sections()["colours"]
        if self._chance(_RARE_COLOUR):
            word = self._word(self._rng.choice(colours))
        else:
            word = self._word(_twins_of("colours", self._rng.choice(_BASIC)))
            if self._chance(_SHADED):
                shade = self._word(self._rng.choice(sections()["shades"]))
                word = Words(
                    f"{shade.english} {word.english}", f"{word.vietnamese} {shade.vietnamese}"
                )
        first = word.vietnamese.split()[0]
        if first in ("nhiều", "sặc", "đầy", "đa", "hơi"):
            return word
        if first not in _BARE or self._chance(_WITH_COLOUR_WORD):
            return Words(word.english, f"màu {word.vietnamese}")
        return word

    def _adjective(self, section: str) -> Words:
        return self._word(self._rng.choice(sections()[section]))

    def _described(self, noun: Words, looks: Sequence[Words]) -> Words:
        english = " ".join(look.english for look in looks)
        after = [look.vietnamese for look in looks]
        if self._chance(0.3):
            after.reverse()
        joint = " và " if len(after) > 1 and self._chance(0.25) else " "
        return Words(f"{english} {noun.english}", f"{noun.vietnamese} {joint.join(after)}")

    def _counted(self, noun: Words, described: Words) -> Words:
        if not is_plural(noun.english):
            one = "một " if self._chance(0.15) else ""
            article = article_of(noun.english)
            return Words(f"{article} {described.english}", f"{one}{described.vietnamese}")
        if self._chance(_COUNTED):
            amount = self._amount()
            return Words(
                f"{amount.english} {described.english}",
                f"{amount.vietnamese} {described.vietnamese}",
            )
        many = self._rng.choice(("những ", "các ")) if self._chance(0.15) else ""
        return Words(described.english, f"{many}{described.vietnamese}")

    def _amount(self) -> Words:
        number = self._rng.choice(sections()["amounts"][:-1])
        if number.english in _DIGITS and self._chance(0.3):
            return Words(number.english, _DIGITS[number.english])
        return self._word(number)

    def _predicate(self, looks: Sequence[Words]) -> Words:
        return Words(
            " and ".join(look.english for look in reversed(looks)),
            " và ".join(look.vietnamese for look in reversed(looks)),
        )

    def _doing(self) -> Words:
        place = Words(*self._rng.choice(PLACES))
        if self._group not in _DOING:
            return place
        done = self._rng.choice(_DOING[self._group])
        verb = self._word(_twins_of("small words", done))
        return Words(f"{done} {place.english}", f"{verb.vietnamese} {place.vietnamese}")

    def _word(self, twins: Twins) -> Words:
        """Return an entry with one of its Vietnamese words, half of the time the usual one."""
        usual = self._chance(0.5)
        words = twins.vietnamese
        return Words(twins.english, words[0] if usual else self._rng.choice(words))

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share


@cache
def _twins_of(section: str, english: str) -> Twins:
    return next(each for each in sections()[section] if each.english == english)


def with_classifier(noun: str, classifier: str) -> str:
    """Return a noun after a classifier, unless it has one."""
    return noun if not classifier or noun.startswith(_CLASSIFIED) else f"{classifier} {noun}"
