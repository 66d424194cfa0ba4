"""What each word of a prompt did: how the picture changes if the word is left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from captiongan.draw.picture import Picture, check_output, png, write_picture
from captiongan.draw.sheet import grid
from captiongan.errors import PromptError

Pixels = npt.NDArray[np.uint8]

SMOOTHING = 1 / 32
"""Deviation of the Gaussian that smooths a heat map, as a share of the picture's side."""

LEAST_SCALE = 32
"""Levels of change that are shown at full heat, at least; weak changes stay weak."""

TILE = 128
"""Pixels of a picture's side on a strip, at least."""

COLUMNS = 6
"""Pictures in a row of a strip."""


@dataclass(frozen=True)
class Explanation:
    """A picture, and where each word of its prompt changed it.

    Attributes:
        picture: the picture of the whole prompt.
        words: the words of the prompt in order, as white space separates them.
        changes: (words, H, W) uint8, in levels of 0 to 255. The sentence without the word is drawn
            with the same noise; a change is the absolute difference of the two pictures, averaged
            over the colours and smoothed.
    """

    picture: Picture
    words: Sequence[str]
    changes: Pixels

    @property
    def strengths(self) -> list[float]:
        """The change of each word, averaged over the picture, in levels."""
        return [round(float(change.mean()), 2) for change in self.changes]

    def heat(self, number: int) -> Image.Image:
        """Return the heat map of word `number` (from 0) over the picture, in grey below it.

        All words have one scale: full heat is the largest change of any word.
        """
        scale = max(float(self.changes.max()), LEAST_SCALE)
        pixels = np.asarray(self.picture.image)
        return Image.fromarray(_heat(pixels, self.changes[number], scale))

    def strip(self) -> Image.Image:
        """Return the picture and the heat map of each word, with the words below."""
        tiles = [_tile(self.picture.image, "the picture")]
        tiles += [_tile(self.heat(number), word) for number, word in enumerate(self.words)]
        return grid([tiles[start : start + COLUMNS] for start in range(0, len(tiles), COLUMNS)])

    def png(self) -> bytes:
        """Return the content of the file that `save` writes."""
        return png(self.strip(), self.picture.metadata)

    def save(self, path: str | Path) -> None:
        """Write the strip as a PNG with the picture's metadata, as `Picture.save` does."""
        path = Path(path)
        check_output(path)
        write_picture(path, self.png())


def words_of(prompt: str) -> list[str]:
    """Return the words of a checked prompt.

    Raises PromptError if it has only one: nothing is left without it.
    """
    words = prompt.split()
    if len(words) < 2:
        raise PromptError(
            "prompt",
            f"'{prompt}' has one word; a word is explained by the others, so give two at least",
        )
    return words


def without_each(words: Sequence[str]) -> list[str]:
    """Return the sentence without each of its words in turn."""
    return [" ".join([*words[:place], *words[place + 1 :]]) for place in range(len(words))]


def explanation_of(
    pixels: Pixels, words: Sequence[str], picture: Callable[[Image.Image], Picture]
) -> Explanation:
    """Return the explanation of a picture.

    Args:
        pixels: the finished pictures (1 + words, H, W, 3): of the whole sentence, then without each
            word.
        words: the words of the sentence.
        picture: adds to the first picture what drew it.
    """
    whole, *others = pixels.astype(np.float32)
    differences = np.abs(np.stack(others) - whole).mean(axis=-1)
    blur = _blur(differences.shape[-1])
    changes = np.rint(blur @ differences @ blur.T).astype(np.uint8)
    return Explanation(picture(Image.fromarray(pixels[0])), words, changes)


def _blur(side: int) -> npt.NDArray[np.float32]:
    """Return the matrix (side, side) that smooths a column; its rows have the sum 1."""
    places = np.arange(side, dtype=np.float32)
    distances = (places[:, None] - places) / (SMOOTHING * side)
    weights = np.exp(-(distances**2) / 2)
    blur: npt.NDArray[np.float32] = weights / weights.sum(axis=1, keepdims=True)
    return blur


def _heat(picture: Pixels, change: Pixels, scale: float) -> Pixels:
    """Blend from a dim grey picture to a glow, which turns from red to yellow: (H, W, 3)."""
    share = (change / scale)[..., None]
    grey = 0.6 * picture.mean(axis=-1, keepdims=True)
    glow = np.concatenate([np.full_like(share, 255), 60 + 180 * share, np.full_like(share, 40)], -1)
    heat: Pixels = np.rint(grey + (glow - grey) * share).astype(np.uint8)
    return heat


def _tile(image: Image.Image, words: str) -> Image.Image:
    """Enlarge an image by a whole number, and write words below it."""
    side = image.width * -(-TILE // image.width)
    tile = Image.new("RGB", (side, side + 20), "white")
    tile.paste(image.resize((side, side), Image.Resampling.NEAREST))
    font = ImageFont.load_default(size=13)
    ImageDraw.Draw(tile).text((side / 2, side + 3), words, "black", font, anchor="ma")
    return tile
