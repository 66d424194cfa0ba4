"""Do the colours of a picture agree with the colour words of its caption?

A colour that the caption names is present to the degree min(1, share / 0.2). The share is that of
the pixels, weighted by a Gaussian window in the middle, an eighth of the side wide. The agreement
is the mean over the named colours.

The colours are the eleven basic ones of Berlin and Kay, "Basic Color Terms", 1969. Which of them a
pixel has depends on its lightness, chroma and hue alone. The thresholds were chosen on the training
sets of flowers and birds, then rounded so that textbook samples keep their names. On those sets,
this rule told a picture's own captions from others better than three alternatives did: the nearest
of published prototypes, equal weights for all pixels, and a colour that is either present or not.
Read a score beside that of shuffled captions: some of the agreement is luck, and more of it where
the background has the colours that captions name.
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from captiongan.data.pairs import Indices
from captiongan.data.store import Pictures
from captiongan.evaluation.distances import Floats

# A word stands for the colour that pictures have more of where captions use it, a rare word for the
# one in its dictionary definition. Words are left out where pictures and dictionary disagree or
# neither decides (maroon, burgundy, plum, salmon, coral, rust, cream, silver and others). So are
# misspellings, and dark, light, bright and pale.
_WORDS = {
    "black": "black blacks blacker blackish",
    "white": "white whites whiter whitish ivory",
    "grey": "grey greys greyer greyish gray grays grayer grayish",
    "red": "red reds redder reddish crimson scarlet",
    "orange": "orange oranges orangish orangey peach tangerine",
    "yellow": "yellow yellows yellower yellowish gold golden",
    "green": "green greens greener greenish olive",
    "blue": "blue blues bluer bluish blueish azure indigo navy teal turquoise",
    "purple": "purple purples purplish violet lavender lilac",
    "pink": "pink pinks pinker pinkish fuchsia magenta rosy",
    "brown": "brown browns browner brownish beige buff chestnut chocolate russet tan taupe",
}

COLOURS = tuple(_WORDS)
"""The eleven basic colours, in the order of the columns of `colour_shares`."""

ENOUGH = 0.2
"""The share from which a named colour is fully present."""

WINDOW = 0.125
"""Standard deviation of the Gaussian window as a share of height and width."""

_NAMED = {word: colour for colour, words in _WORDS.items() for word in words.split()}
_WORD = re.compile(r"[^\W_]+")

# The first degree of each hue in CIELAB. Pink continues past 360 up to the start of red. Blue
# reaches this far because pure blue lies at 306.
_HUES = {
    "red": 15,
    "orange": 45,
    "yellow": 75,
    "green": 105,
    "blue": 180,
    "purple": 308,
    "pink": 335,
}
_WARM = ("red", "orange", "yellow")

# Lightness, of 0 to 100: `_NIGHT` is black whatever its hue. Chroma, of 0 to about 134, below which
# a pixel has hardly any, or little.
_LIGHT = 65.0
_DARK_ORANGE = 45.0
_DARK = 25.0
_NIGHT = 10.0
_COLOURLESS = 10.0
_WEAK = 20.0

# From linear sRGB to CIE XYZ under D65, IEC 61966-2-1:1999.
_SRGB_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)

_LEVELS = 32
_PIXELS_AT_ONCE = 2**20


def colours_named(caption: str) -> frozenset[str]:
    """Return which of the `COLOURS` a caption names, by their own words or by synonyms.

    Only whole words count, in any case; hyphens separate words. Context does not count: "not red"
    names red, and so does a red background.
    """
    words = _WORD.findall(caption.lower())
    return frozenset(_NAMED[word] for word in words if word in _NAMED)


def colour_shares(pictures: Pictures) -> Floats:
    """Measure the share of each colour in each picture: (N, 11), 0 to 1, each row of sum 1.

    Pixels are weighted by a Gaussian window in the middle, where the subject is. The colour of a
    pixel is that of the middle of its cell in a 32 x 32 x 32 grid of sRGB values:

    - black if it is very dark, or dark with almost no chroma;
    - else white or grey, by lightness, if it has almost no chroma, or is light with little;
    - else brown, if it is a red, orange or yellow of little chroma, or a dark orange;
    - else pink, if it is a light red;
    - else the name of its hue.

    Lightness, chroma and hue are those of CIELAB under D65 (CIE 15:2004; sRGB: IEC 61966-2-1:1999).

    Args:
        pictures: sRGB, (N, H, W, 3) uint8, N from 0, H and W from 1.

    Raises:
        ValueError: another type or shape.
    """
    _check_pictures(pictures)
    count, height, width, _ = pictures.shape
    weights = np.outer(_window(height), _window(width)).ravel()
    shares = np.empty((count, len(COLOURS)))
    step = max(1, _PIXELS_AT_ONCE // (height * width))
    for start in range(0, count, step):
        block = slice(start, start + step)
        shares[block] = _weighed_counts(_colour_numbers(pictures[block]), weights)
    return shares


def colour_agreement(pictures: Pictures, captions: Sequence[str]) -> Floats:
    """Measure how far each picture has the colours that its caption names: (N,), 0 to 1.

    A named colour is present to the degree min(1, share / `ENOUGH`), with its share from
    `colour_shares`. The agreement is the mean over the colours that `colours_named` finds, and NaN
    if the caption names none. Other colours of the picture cost nothing.

    Args:
        pictures: sRGB, (N, H, W, 3) uint8, N from 0, H and W from 1.
        captions: one for each picture, N.

    Raises:
        ValueError: another type or shape, or not one caption for each picture.
    """
    _check_pictures(pictures)
    if len(captions) != len(pictures):
        raise ValueError(
            f"captions: {len(captions)}, must be {len(pictures)}, as many as pictures; "
            "give each picture one caption"
        )
    present = np.minimum(colour_shares(pictures) / ENOUGH, 1)
    agreement: Floats = np.full(len(captions), np.nan)
    for row, caption in enumerate(captions):
        named = colours_named(caption)
        columns = [column for column, colour in enumerate(COLOURS) if colour in named]
        if columns:
            agreement[row] = present[row, columns].mean()
    return agreement


def _check_pictures(pictures: Pictures) -> None:
    if pictures.dtype != np.uint8:
        raise ValueError(f"pictures: {pictures.dtype}, must be uint8; give bytes from 0 to 255")
    if pictures.ndim != 4 or pictures.shape[3] != 3 or 0 in pictures.shape[1:]:
        raise ValueError(
            f"pictures: shape {pictures.shape}, must be (pictures, height, width, 3) with a pixel "
            "or more; give RGB, and one picture as a batch of one"
        )


def _window(length: int) -> Floats:
    """Return a Gaussian in the middle of `length` pixels, of sum 1."""
    places = (np.arange(length) + 0.5) / length - 0.5
    heights = np.exp(-0.5 * (places / WINDOW) ** 2)
    weights: Floats = heights / heights.sum()
    return weights


def _colour_numbers(pictures: Pictures) -> Indices:
    """Return the index of each pixel's colour in `COLOURS`: (N, H * W)."""
    cells = (pictures // (256 // _LEVELS)).astype(np.uint16)
    numbers = (cells[..., 0] * _LEVELS + cells[..., 1]) * _LEVELS + cells[..., 2]
    found: Indices = _colour_table()[numbers.reshape(len(pictures), -1)]
    return found


def _weighed_counts(numbers: Indices, weights: Floats) -> Floats:
    """Add up the weights of each row's colours: (N, 11) from (N, P) and (P,)."""
    count = len(numbers)
    places = numbers + np.arange(count)[:, None] * len(COLOURS)
    spread = np.broadcast_to(weights, places.shape)
    sums = np.bincount(places.ravel(), spread.ravel(), minlength=count * len(COLOURS))
    return np.asarray(sums, np.float64).reshape(count, len(COLOURS))


@cache
def _colour_table() -> Indices:
    """Return the index in `COLOURS` of each cell of the sRGB grid, blue changing fastest."""
    middles = (np.arange(_LEVELS) + 0.5) * (256 / _LEVELS) - 0.5
    grid = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness, chroma, hue = _lightness_chroma_hue(grid)
    light = lightness >= _LIGHT
    colourless = (chroma < _COLOURLESS) | (light & (chroma < _WEAK))
    # Hues below the first are left over at place -1: the end of pink.
    hues = np.array(list(_HUES))[np.searchsorted(list(_HUES.values()), hue, side="right") - 1]
    rules = {
        "black": (lightness < _NIGHT) | (colourless & (lightness < _DARK)),
        "white": colourless & light,
        "grey": colourless,
        "brown": (np.isin(hues, _WARM) & (chroma < _WEAK))
        | ((hues == "orange") & (lightness < _DARK_ORANGE)),
        "pink": (hues == "red") & light,
    }
    names = np.select(list(rules.values()), [np.array(name) for name in rules], hues)
    return np.array([COLOURS.index(name) for name in names])


def _lightness_chroma_hue(rgb: Floats) -> tuple[Floats, Floats, Floats]:
    """Convert sRGB in 0..255, (N, 3), to CIELAB's L* (0 to 100), chroma and hue (0 to 360)."""
    values = rgb / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    relative = linear @ _SRGB_TO_XYZ.T / _SRGB_TO_XYZ.sum(axis=1)
    edge = 6 / 29
    bent = np.where(relative > edge**3, np.cbrt(relative), relative / (3 * edge**2) + 4 / 29)
    lightness = 116 * bent[:, 1] - 16
    a, b = 500 * (bent[:, 0] - bent[:, 1]), 200 * (bent[:, 1] - bent[:, 2])
    return lightness, np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
