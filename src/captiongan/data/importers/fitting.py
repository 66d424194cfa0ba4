"""Fits pictures for import: which part is kept, how large, and on which background."""

import hashlib
import io
import random
import warnings
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageColor, ImageOps

from captiongan.base.image_reading import (
    FORMATS,
    MAXIMUM_PIXELS,
    WHITE,
    UnusablePictureError,
    decode_picture,
)
from captiongan.data.importers.items import Box
from captiongan.errors import DataError

Crop = Literal["centre", "random", "box", "pad"]

JPEG_QUALITY = 95

_ENDINGS = {"JPEG": ".jpg", "TIFF": ".tif"}


@dataclass(frozen=True)
class Fit:
    """How pictures are fitted.

    `crop`: `centre` keeps the whole picture, of which training takes the middle square. `random`
    keeps a square of the short side, at a place that the picture's name decides. `box` keeps what
    the source marks, or the whole picture if it marks nothing. `pad` widens the short side until
    the picture is square.

    `background` is the colour under transparent pixels and of what `pad` adds. `side`: pictures
    with a longer short side are shrunk to it, in pixels; 0 for never.

    Raises:
        DataError: `background` is no colour, or `side` is negative.
    """

    crop: Crop = "centre"
    background: str = WHITE
    side: int = 0

    def __post_init__(self) -> None:
        try:
            ImageColor.getrgb(self.background)
        except ValueError as error:
            raise DataError(
                f"--background '{self.background}' is no colour; give a name such as white, or "
                "#rrggbb"
            ) from error
        if self.side < 0:
            raise DataError(f"--side {self.side} is negative; give pixels, or 0 for no shrinking")


def fitted(fit: Fit, content: bytes, name: str, box: Box | None) -> tuple[bytes, str]:
    """Return the content to keep of a picture file, and its extension.

    If nothing changes, these are the very bytes of the file.

    Raises:
        UnusablePictureError: see `decode_picture`.
    """
    picture = decode_picture(content, name, fit.background)
    file_format, transparent = _facts(content)
    kept = _shrunk(_cropped(picture, fit, name, box), fit.side)
    if kept is picture and (not transparent or fit.background == WHITE):
        return content, _ENDINGS.get(file_format, f".{file_format.lower()}")
    buffer = io.BytesIO()
    if file_format == "JPEG":
        kept.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return buffer.getvalue(), ".jpg"
    kept.save(buffer, "PNG")
    return buffer.getvalue(), ".png"


def _facts(content: bytes) -> tuple[str, bool]:
    """Return the format of a picture that can be decoded, and whether it is transparent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(content), formats=FORMATS) as header:
            return str(header.format), header.has_transparency_data


def _cropped(picture: Image.Image, fit: Fit, name: str, box: Box | None) -> Image.Image:
    """Return the part to keep; the very same picture if that is all of it."""
    width, height = picture.size
    if fit.crop == "box" and box is not None:
        return _boxed(picture, box)
    if width == height or fit.crop in ("centre", "box"):
        return picture
    if fit.crop == "pad":
        side = max(width, height)
        if side * side > MAXIMUM_PIXELS:
            reason = f"{side}x{side} when padded; at most {MAXIMUM_PIXELS}"
            raise UnusablePictureError(name, "too many pixels", reason)
        return ImageOps.pad(picture, (side, side), color=fit.background)
    side = min(width, height)
    place = random.Random(hashlib.sha256(name.encode(errors="replace")).digest())
    left, top = place.randint(0, width - side), place.randint(0, height - side)
    return picture.crop((left, top, left + side, top + side))


def _boxed(picture: Image.Image, box: Box) -> Image.Image:
    left, top = (max(0, round(edge)) for edge in box[:2])
    right, bottom = min(picture.width, round(box[2])), min(picture.height, round(box[3]))
    if right <= left or bottom <= top or (right - left, bottom - top) == picture.size:
        return picture
    return picture.crop((left, top, right, bottom))


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    short = min(picture.size)
    if not side or short <= side:
        return picture
    width, height = (max(1, round(edge * side / short)) for edge in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
