"""Fits pictures for import: which part is kept, how large, and on which background."""

import hashlib
import io
import random
import warnings
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageColor, ImageOps

from captiongan.base.image_reading import (
    MAXIMUM_PIXELS,
    WHITE,
    UnusablePictureError,
    decode_picture,
    formats,
)
from captiongan.data.importers.items import Box
from captiongan.errors import DataError

Crop = Literal["centre", "random", "box", "pad"]

JPEG_QUALITY = 95

_ENDINGS = {"JPEG": ".jpg", "TIFF": ".tif"}
_LONGEST_SIDE = 65_500  # of a JPEG file, in pixels

NO_BOX = "whole: the source marks no box in them"
"""The remark on a picture that `crop` cannot cut out."""


@dataclass(frozen=True)
class Fit:
    """How pictures are fitted.

    `crop`: `centre` keeps the whole picture, of which training takes the middle square. `random`
    keeps a square of the short side, at a place that the picture's name decides. `box` keeps what
    the source marks, or the whole picture if it marks nothing. `pad` widens the short side until
    the picture is square.

    `background` is the colour under transparent pixels and of what `pad` adds. `side`: pictures
    with a longer short side are shrunk to it, in pixels; 0 for never. `enlarge`: pictures with a
    shorter short side are enlarged to it, likewise.

    Raises:
        DataError: `background` is no colour, `side` or `enlarge` is negative, or they contradict
            each other.
    """

    crop: Crop = "centre"
    background: str = WHITE
    side: int = 0
    enlarge: int = 0

    def __post_init__(self) -> None:
        try:
            ImageColor.getrgb(self.background)
        except ValueError as error:
            raise DataError(
                f"--background '{self.background}' is no colour; give a name such as white, or "
                "#rrggbb"
            ) from error
        for option, pixels in (("side", self.side), ("enlarge", self.enlarge)):
            if pixels < 0:
                raise DataError(f"--{option} {pixels} is negative; give pixels, or 0 for never")
        if self.enlarge > self.side > 0:
            raise DataError(
                f"--enlarge {self.enlarge} is above --side {self.side}, to which pictures are "
                "shrunk; give a smaller --enlarge"
            )


@dataclass(frozen=True)
class Fitted:
    """What to keep of a picture file: its content, its extension, and remarks on the picture."""

    content: bytes
    ending: str
    remarks: tuple[str, ...] = ()


def fitted(fit: Fit, content: bytes, name: str, box: Box | None) -> Fitted:
    """Return what to keep of a picture file.

    If nothing changes, the content is the very bytes of the file.

    Raises:
        UnusablePictureError: see `decode_picture`; or it would be too large when padded or
            enlarged.
    """
    picture = decode_picture(content, name, fit.background)
    file_format, transparent = _facts(content)
    cropped = _cropped(picture, fit, name, box)
    kept, remarks = _enlarged(_shrunk(cropped, fit.side), fit.enlarge, name)
    if fit.crop == "box" and box is None:
        remarks = (NO_BOX, *remarks)
    if kept is picture and (not transparent or fit.background == WHITE):
        return Fitted(content, _ENDINGS.get(file_format, f".{file_format.lower()}"), remarks)
    buffer = io.BytesIO()
    if file_format == "JPEG":
        kept.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return Fitted(buffer.getvalue(), ".jpg", remarks)
    kept.save(buffer, "PNG")
    return Fitted(buffer.getvalue(), ".png", remarks)


def _facts(content: bytes) -> tuple[str, bool]:
    """Return the format of a picture that can be decoded, and whether it is transparent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(content), formats=formats()) as header:
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
    return picture.resize(_scaled(picture, side), Image.Resampling.LANCZOS)


def _enlarged(picture: Image.Image, side: int, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a picture with a short side of `side` at least, and a remark if it was enlarged."""
    if min(picture.size) >= side:
        return picture, ()
    width, height = _scaled(picture, side)
    if width * height > MAXIMUM_PIXELS or max(width, height) > _LONGEST_SIDE:
        reason = f"{width}x{height} when enlarged; at most {MAXIMUM_PIXELS}, {_LONGEST_SIDE} a side"
        raise UnusablePictureError(name, "too many pixels", reason)
    larger = picture.resize((width, height), Image.Resampling.LANCZOS)
    return larger, (f"enlarged to a short side of {side} pixels",)


def _scaled(picture: Image.Image, side: int) -> tuple[int, int]:
    """Return width and height of a picture whose short side becomes `side` pixels."""
    short = min(picture.size)
    width, height = (max(1, round(edge * side / short)) for edge in picture.size)
    return width, height
