"""Reads foreign picture files: as upright RGB pictures, or refused with a reason."""

import io
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from captiongan.errors import CaptionganError

MAXIMUM_PIXELS = 100_000_000
"""The largest picture that is decoded, in pixels; the header tells the size."""

# A closed list, because Pillow passes some other formats (such as EPS) to external programs.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""The formats that are read, by Pillow's names; the file's extension does not matter."""

WHITE = "white"
"""The default colour under transparent pixels."""

PictureFault = Literal["unreadable picture", "truncated picture", "too many pixels", "too small"]
"""The faults of a picture that cannot be used."""


class UnusablePictureError(CaptionganError):
    """A picture that cannot be used; `fault` names the fault, `reason` the details."""

    def __init__(self, name: str | Path, fault: PictureFault, reason: str) -> None:
        super().__init__(
            f"picture '{name}': {fault} ({reason}); give another, such as a JPEG or a PNG"
        )
        self.fault: PictureFault = fault
        self.reason = reason


class _RefusedError(Exception):
    """A picture that could be decoded but is refused."""

    def __init__(self, fault: PictureFault, reason: str) -> None:
        super().__init__(fault, reason)
        self.fault: PictureFault = fault
        self.reason = reason


class _Silence:
    """Suppresses warnings as long as at least one thread asks for it.

    `warnings.catch_warnings` acts on the whole process. If two threads overlapped in it, the one
    that leaves last would restore the filters it found: the other's silence.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._keepers = 0
        self._before = ExitStack()

    @contextmanager
    def kept(self) -> Iterator[None]:
        with self._lock:
            if not self._keepers:
                self._before.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
            self._keepers += 1
        try:
            yield
        finally:
            with self._lock:
                self._keepers -= 1
                if not self._keepers:
                    self._before.close()


_silence = _Silence()


def read_picture(path: Path, minimum_side: int = 1) -> Image.Image:
    """Decode a picture of any of `FORMATS`: upright, RGB, transparency on white.

    Raises:
        UnusablePictureError: the picture cannot be read, has too many pixels, or has a side
            shorter than `minimum_side` pixels.
    """
    return _read(path, path, minimum_side, WHITE)


def decode_picture(content: bytes, name: str, background: str = WHITE) -> Image.Image:
    """Decode the content of a picture file as `read_picture` does, transparency on `background`.

    `background` is a colour by Pillow's names, such as `white` or `#ffcc00`.

    Raises:
        UnusablePictureError: the picture cannot be read, or has too many pixels; the message
            calls it `name`.
    """
    return _read(io.BytesIO(content), name, 1, background)


def as_rgb(picture: str | Path | Image.Image) -> Image.Image:
    """Return a picture file, or an image of any mode, as the picture that `read_picture` gives.

    Raises:
        UnusablePictureError: the picture cannot be read, or cannot be converted to RGB.
    """
    if not isinstance(picture, Image.Image):
        return read_picture(Path(picture))
    try:
        return _rgb(_upright(picture), WHITE)
    except _RefusedError as refused:
        raise UnusablePictureError("in memory", refused.fault, refused.reason) from refused


def middle_square(picture: Image.Image, side: int) -> Image.Image:
    """Return the middle square of a picture, resized to `side` with an antialiasing filter."""
    return ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)


def without_path(error: Exception) -> str:
    """Return the message of an error without the file's path."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__


def _read(
    file: Path | io.BytesIO, name: str | Path, minimum_side: int, background: str
) -> Image.Image:
    with _silence.kept():  # a picture is used or refused; there is nothing to warn of
        try:
            with Image.open(file, formats=FORMATS) as picture:
                _check_size(picture.width, picture.height, minimum_side)
                picture.load()
                return _rgb(_upright(picture), background)
        except Exception as error:  # foreign bytes can make a decoder raise almost anything
            raise UnusablePictureError(name, *_fault(file, error)) from error


def _fault(file: Path | io.BytesIO, error: Exception) -> tuple[PictureFault, str]:
    if isinstance(error, _RefusedError):
        return error.fault, error.reason
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels", f"more than {MAXIMUM_PIXELS}"
    if isinstance(error, UnidentifiedImageError):
        empty = file.stat().st_size == 0 if isinstance(file, Path) else not file.getvalue()
        return "unreadable picture", "zero bytes" if empty else "not one of " + ", ".join(FORMATS)
    reason = without_path(error)
    return "truncated picture" if "truncated" in reason.lower() else "unreadable picture", reason


def _check_size(width: int, height: int, minimum_side: int) -> None:
    if width * height > MAXIMUM_PIXELS:
        raise _RefusedError("too many pixels", f"{width}x{height}; at most {MAXIMUM_PIXELS}")
    if min(width, height) < minimum_side:
        raise _RefusedError("too small", f"{width}x{height}; at least {minimum_side} a side")


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged EXIF does not affect the pixels
        return picture


def _rgb(picture: Image.Image, background: str) -> Image.Image:
    if picture.mode == "F":
        raise _RefusedError("unreadable picture", "floating point pixels have no agreed range")
    if picture.mode.startswith("I"):
        return _grey_from_16_bits(picture).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, background), layer).convert(
            "RGB"
        )
    return picture.convert("RGB")


def _grey_from_16_bits(picture: Image.Image) -> Image.Image:
    """Scale 0..65535 to 0..255, because Pillow's own conversion clips at 255."""
    levels = np.asarray(picture).astype(np.int64).clip(0, 65535)
    return Image.fromarray(((levels + 128) // 257).astype(np.uint8))
