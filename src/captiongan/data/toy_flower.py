"""Toy flowers as attributes, and captions that name these attributes."""

import random
from dataclasses import dataclass

from captiongan.base.articles import with_article

Colour = tuple[int, int, int]

PETAL_COLOURS: dict[str, Colour] = {
    "red": (208, 32, 44),
    "orange": (246, 128, 28),
    "yellow": (250, 214, 48),
    "pink": (246, 146, 186),
    "purple": (138, 66, 180),
    "blue": (58, 100, 220),
    "white": (246, 244, 240),
    "green": (136, 198, 62),
}
"""Petal colours by name, RGB in 0..255."""

CENTRE_COLOURS: dict[str, Colour] = {
    "yellow": (246, 200, 40),
    "white": (242, 240, 230),
    "red": (186, 30, 40),
    "purple": (104, 44, 140),
    "brown": (112, 68, 34),
}
"""Colours of the disc in the middle by name, RGB in 0..255."""

BACKGROUNDS: dict[str, Colour] = {
    "green": (44, 92, 50),
    "dark": (26, 26, 34),
    "grey": (128, 132, 136),
    "pale": (206, 214, 206),
}
"""Background colours by name, RGB in 0..255."""

PETAL_COUNTS = {3: "three", 4: "four", 5: "five", 6: "six", 8: "eight", 11: "many", 13: "many"}
"""Numbers of petals and the word that captions use for each."""

PETAL_SHAPES = ("round", "pointed", "narrow", "heart-shaped")
"""Petal shapes by name."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange", "tangerine"),
    "yellow": ("yellow", "lemon-yellow"),
    "pink": ("pink", "rosy"),
    "purple": ("purple", "violet"),
    "blue": ("blue", "azure"),
    "white": ("white", "ivory"),
    "green": ("green", "lime-green"),
    "brown": ("brown", "chestnut"),
    "round": ("round", "rounded"),
    "pointed": ("pointed", "sharp"),
    "narrow": ("narrow", "slender"),
    "heart-shaped": ("heart-shaped", "notched"),
    "centre": ("centre", "center"),
}
"""The words for each meaning, from which captions choose; no word has two meanings."""

_BACKDROPS = {
    "green": ("a green background", "green leaves"),
    "dark": ("a dark background", "a black background"),
    "grey": ("a grey background", "a gray background"),
    "pale": ("a pale background", "a bright background"),
}

# Each sentence names all four attributes of the label. A shorter description would be true of
# flowers with another label too.
_SENTENCES = (
    "{a_petal} flower with {count} {shape} petals and {a_disc} {centre}",
    "this flower has {count} {shape} {petal} petals around {a_disc} {centre}",
    "the petals are {petal} and {shape}, there are {count} of them, and the {centre} is {disc}",
    "a flower with {a_disc} {centre} and {count} {shape} {petal} petals",
    "{count} {shape} {petal} petals surround the {disc} {centre} of this flower",
    "{a_disc} {centre} with {count} {shape} petals that are {petal}",
    "{a_petal} flower with {count} {shape} petals and {a_disc} {centre} in front of {backdrop}",
    "{count} {petal} petals, each of them {shape}, and {a_disc} {centre} against {backdrop}",
)

_CAPTIONS_PER_FLOWER = 5


@dataclass(frozen=True)
class ToyFlower:
    """The looks of a toy flower, in the words of the tables above.

    `variation` seeds all that captions do not mention: the flower's place, size, rotation and
    shade, and the choice of wording.
    """

    petal_colour: str
    petals: int
    petal_shape: str
    centre_colour: str
    background: str
    variation: int

    @property
    def label(self) -> str:
        """The attributes that every caption names; captions of another label are wrong here."""
        count = PETAL_COUNTS[self.petals]
        return f"{self.petal_colour}, {count} {self.petal_shape} petals, {self.centre_colour}"


def toy_flower(seed: int, index: int) -> ToyFlower:
    """Return flower number `index` (from 0) of a seed."""
    rng = random.Random(f"{seed}/{index}")
    petal_colour = rng.choice(list(PETAL_COLOURS))
    hidden = {"white": "pale", "green": "green"}.get(petal_colour)
    return ToyFlower(
        petal_colour=petal_colour,
        petals=rng.choice(list(PETAL_COUNTS)),
        petal_shape=rng.choice(PETAL_SHAPES),
        centre_colour=rng.choice([name for name in CENTRE_COLOURS if name != petal_colour]),
        background=rng.choice([name for name in BACKGROUNDS if name != hidden]),
        variation=rng.getrandbits(32),
    )


def captions(flower: ToyFlower) -> tuple[str, ...]:
    """Return five different captions, each with all attributes of the flower's label."""
    rng = random.Random(f"captions/{flower.variation}")
    sentences = rng.sample(_SENTENCES, _CAPTIONS_PER_FLOWER)
    return tuple(sentence.format(**_wording(flower, rng)) for sentence in sentences)


def _wording(flower: ToyFlower, rng: random.Random) -> dict[str, str]:
    petal = rng.choice(SYNONYMS[flower.petal_colour])
    disc = rng.choice(SYNONYMS[flower.centre_colour])
    return {
        "petal": petal,
        "a_petal": with_article(petal),
        "disc": disc,
        "a_disc": with_article(disc),
        "count": PETAL_COUNTS[flower.petals],
        "shape": rng.choice(SYNONYMS[flower.petal_shape]),
        "centre": rng.choice(SYNONYMS["centre"]),
        "backdrop": rng.choice(_BACKDROPS[flower.background]),
    }
