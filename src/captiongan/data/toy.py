"""The built-in toy set: flowers drawn from attributes, with captions that tell the attributes.

It needs no download, and its captions are true by construction: a first training run, and a test
bench in which it is known what a caption means. Everything follows from a seed and an index.
"""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from captiongan.base.files import whole_folder
from captiongan.data.folder import METADATA, Example, LoadedExample
from captiongan.errors import DataError, OutputError

Colour = tuple[int, int, int]
Point = tuple[float, float]

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
"""The words that captions choose from, by what they mean; no word means two things."""

_BACKDROPS = {
    "green": ("a green background", "green leaves"),
    "dark": ("a dark background", "a black background"),
    "grey": ("a grey background", "a gray background"),
    "pale": ("a pale background", "a bright background"),
}

# Each sentence tells all four attributes of the label: half a description would be true of
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
_SUPERSAMPLING = 4
_SHADES = 6


@dataclass(frozen=True)
class ToyFlower:
    """What a toy flower looks like, in words of the tables above.

    `variation` seeds all that captions do not tell: place, size, turn and shade of the flower, and
    which of the possible wordings describe it.
    """

    petal_colour: str
    petals: int
    petal_shape: str
    centre_colour: str
    background: str
    variation: int

    @property
    def label(self) -> str:
        """The attributes that every caption tells: a caption of another label is wrong here."""
        count = PETAL_COUNTS[self.petals]
        return f"{self.petal_colour}, {count} {self.petal_shape} petals, {self.centre_colour}"


def toy_flower(seed: int, index: int) -> ToyFlower:
    """Return flower number `index` (from 0); it depends on nothing but the two numbers."""
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
    """Return five different captions, each telling all attributes of the flower's label."""
    rng = random.Random(f"captions/{flower.variation}")
    sentences = rng.sample(_SENTENCES, _CAPTIONS_PER_FLOWER)
    return tuple(sentence.format(**_wording(flower, rng)) for sentence in sentences)


def draw(flower: ToyFlower, side: int) -> Image.Image:
    """Return the flower as an RGB picture of `side` x `side` pixels."""
    rng = random.Random(f"picture/{flower.variation}")
    canvas_side = side * _SUPERSAMPLING
    canvas = _backdrop(BACKGROUNDS[flower.background], canvas_side, rng)
    radius = canvas_side * rng.uniform(0.37, 0.45)
    middle = (canvas_side * rng.uniform(0.46, 0.54), canvas_side * rng.uniform(0.46, 0.54))
    pen = ImageDraw.Draw(canvas)
    _draw_petals(pen, flower, middle, radius, rng)
    _draw_centre(pen, CENTRE_COLOURS[flower.centre_colour], middle, radius * 0.26, rng)
    return canvas.reduce(_SUPERSAMPLING)


def toy_examples(size: int, side: int, seed: int = 0) -> Iterator[LoadedExample]:
    """Stream the first `size` flowers of a seed as pictures of `side` x `side` pixels.

    Raises `DataError`, at the call, unless both numbers are at least 1.
    """
    for name, value in (("size", size), ("side", side)):
        if value < 1:
            raise DataError(f"toy set's {name} {value} is below 1: give a whole number from 1 up")
    return (_example(index, side, seed) for index in range(size))


def write_toy_folder(out: Path, size: int, side: int, seed: int = 0) -> None:
    """Write the toy set as a captioned folder of PNG files, which appears whole or not at all.

    Raises `OutputError` if `out` is a file, a folder with something in it, or cannot be written to,
    and `DataError` for a size or side below 1.
    """
    examples = toy_examples(size, side, seed)
    try:
        if out.exists() and any(out.iterdir()):
            raise OutputError(f"out {str(out)!r} is not empty: give a new or an empty folder")
        with whole_folder(out.resolve()) as folder:
            lines = [_write(folder, loaded) for loaded in examples]
            (folder / METADATA).write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"out {str(out)!r} cannot be written to ({error}): make room, or give another folder"
        ) from error


def _example(index: int, side: int, seed: int) -> LoadedExample:
    flower = toy_flower(seed, index)
    example = Example(f"toy_{index:06d}.png", captions(flower), flower.label)
    return LoadedExample(example, draw(flower, side))


def _write(out: Path, loaded: LoadedExample) -> str:
    example = loaded.example
    loaded.picture.save(out / example.file_name)
    record = {"file_name": example.file_name, "text": example.captions, "class": example.label}
    return json.dumps(record) + "\n"


def _wording(flower: ToyFlower, rng: random.Random) -> dict[str, str]:
    petal = rng.choice(SYNONYMS[flower.petal_colour])
    disc = rng.choice(SYNONYMS[flower.centre_colour])
    return {
        "petal": petal,
        "a_petal": _with_article(petal),
        "disc": disc,
        "a_disc": _with_article(disc),
        "count": PETAL_COUNTS[flower.petals],
        "shape": rng.choice(SYNONYMS[flower.petal_shape]),
        "centre": rng.choice(SYNONYMS["centre"]),
        "backdrop": rng.choice(_BACKDROPS[flower.background]),
    }


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _backdrop(colour: Colour, side: int, rng: random.Random) -> Image.Image:
    """Return blurred patches of light and shade, like leaves out of focus."""
    canvas = Image.new("RGB", (side, side), colour)
    pen = ImageDraw.Draw(canvas)
    for _ in range(12):
        centre = (rng.uniform(0, side), rng.uniform(0, side))
        _disc(pen, centre, side * rng.uniform(0.08, 0.25), _lit(colour, rng.uniform(-0.3, 0.2)))
    return canvas.filter(ImageFilter.GaussianBlur(side / 20))


def _draw_petals(
    pen: ImageDraw.ImageDraw,
    flower: ToyFlower,
    middle: Point,
    radius: float,
    rng: random.Random,
) -> None:
    base = _lit(PETAL_COLOURS[flower.petal_colour], rng.uniform(-0.12, 0.08))
    outline = _petal_outline(flower.petal_shape, flower.petals)
    turn = rng.uniform(0, math.tau)
    step = math.tau / flower.petals
    for number in range(flower.petals):
        angle = turn + number * step + rng.uniform(-0.06, 0.06) * step
        length = radius * rng.uniform(0.94, 1.0)
        _draw_petal(pen, outline, middle, angle, length, _lit(base, rng.uniform(-0.08, 0.04)))


def _draw_petal(
    pen: ImageDraw.ImageDraw,
    outline: list[Point],
    middle: Point,
    angle: float,
    length: float,
    colour: Colour,
) -> None:
    """Draw a dark rim, then ever smaller petals inside, deeper in colour towards the centre."""
    pen.polygon(_placed(outline, middle, angle, length), _lit(colour, -0.35))
    for shade in range(_SHADES):
        depth = shade / _SHADES
        long, wide = 0.96 - 0.56 * depth, 0.88 - 0.6 * depth
        inner = [(long * along, wide * across) for along, across in outline]
        pen.polygon(_placed(inner, middle, angle, length), _lit(colour, 0.1 - 0.32 * depth))


def _petal_outline(shape: str, petals: int) -> list[Point]:
    """Return a petal of length 1 along the first axis, as wide as its neighbours leave room."""
    room = min(0.45, 0.72 * math.tan(math.pi / max(petals, 4)))
    width = room * (0.45 if shape == "narrow" else 1.0)
    edge = [_EDGES[shape](number / 24) for number in range(25)]
    right = [(along, width * across) for along, across in edge]
    return right + [(along, -across) for along, across in reversed(right)]


# Each edge is one side of a petal: at `step` (0 to 1) of the way from the root to the tip, the
# distance from the root and the half width, both in 0..1.
def _round_edge(step: float) -> Point:
    return step, math.pow(max(0.0, math.sin(math.pi * math.pow(step, 1.5))), 0.7)


def _pointed_edge(step: float) -> Point:
    return step, 2.6 * math.pow(step, 0.75) * (1 - step) * (1 - 0.25 * step)


def _heart_edge(step: float) -> Point:
    """Widen up to three quarters of the length, then go round a lobe and into the notch."""
    if step < 0.5:
        return 1.5 * step, math.sin(math.pi * step)
    turn = math.pi * (2 * step - 1)
    return 0.75 + 0.25 * math.sin(0.85 * turn), 0.5 + 0.5 * math.cos(turn)


_EDGES = {
    "round": _round_edge,
    "pointed": _pointed_edge,
    "narrow": _round_edge,
    "heart-shaped": _heart_edge,
}


def _placed(outline: list[Point], middle: Point, angle: float, length: float) -> list[Point]:
    cos, sin = math.cos(angle) * length, math.sin(angle) * length
    return [
        (middle[0] + along * cos - across * sin, middle[1] + along * sin + across * cos)
        for along, across in outline
    ]


def _draw_centre(
    pen: ImageDraw.ImageDraw, colour: Colour, middle: Point, radius: float, rng: random.Random
) -> None:
    """Draw a domed disc, dotted with stamens."""
    _disc(pen, middle, radius, _lit(colour, -0.45))
    _disc(pen, middle, radius * 0.9, _lit(colour, -0.1))
    _disc(pen, middle, radius * 0.6, _lit(colour, 0.1))
    for _ in range(22):
        angle, reach = rng.uniform(0, math.tau), radius * 0.8 * math.sqrt(rng.random())
        dot = (middle[0] + reach * math.cos(angle), middle[1] + reach * math.sin(angle))
        _disc(pen, dot, radius * 0.09, _lit(colour, rng.choice((-0.3, 0.35))))


def _disc(pen: ImageDraw.ImageDraw, middle: Point, radius: float, colour: Colour) -> None:
    x, y = middle
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)


def _lit(colour: Colour, light: float) -> Colour:
    """Mix the colour with white (`light` up to 1) or black (down to -1)."""
    target = 255 if light > 0 else 0
    red, green, blue = (round(part + (target - part) * abs(light)) for part in colour)
    return red, green, blue
