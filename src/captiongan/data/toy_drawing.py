"""Draws toy flowers from their attributes."""

import math
import random

from PIL import Image, ImageDraw, ImageFilter

from captiongan.data.toy_flower import (
    BACKGROUNDS,
    CENTRE_COLOURS,
    PETAL_COLOURS,
    Colour,
    ToyFlower,
)

Point = tuple[float, float]

_SUPERSAMPLING = 4
_SHADES = 6


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
    """Draw a dark rim, then ever smaller and darker petals inside."""
    pen.polygon(_placed(outline, middle, angle, length), _lit(colour, -0.35))
    for shade in range(_SHADES):
        depth = shade / _SHADES
        long, wide = 0.96 - 0.56 * depth, 0.88 - 0.6 * depth
        inner = [(long * along, wide * across) for along, across in outline]
        pen.polygon(_placed(inner, middle, angle, length), _lit(colour, 0.1 - 0.32 * depth))


def _petal_outline(shape: str, petals: int) -> list[Point]:
    """Return a petal of length 1 along the first axis, as wide as its neighbours allow."""
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
