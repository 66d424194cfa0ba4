"""Reads foreign picture files as upright RGB pictures, or refuses them with a reason."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO, Literal

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError, features

from captiongan.errors import CaptionganError

MAXIMUM_PIXELS = 100_000_000
"""The largest picture that is decoded, in pixels; the header tells the size."""

MAXIMUM_WEBP = 50_000_000
"""The largest WebP or AVIF picture, whose decoder holds every pixel several times."""

MAXIMUM_PASSES = 2_000_000_000
"""The most pixels that all scans of a JPEG picture pass over together."""

_BAND = 4_000_000
"""How many pixels are converted at a time, so that a large picture is in memory about twice."""

_TURNED = range(2, 9)
_START_OF_SCAN = b"\xff\xda"

# A closed list, because Pillow passes some other formats (such as EPS) to external programs.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""The formats that are always accepted, by Pillow's names; the file's extension does not matter."""

_TO_CONVERT = {
    "AVIF": {b"avif", b"avis"},
    "HEIC": {b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevm", b"hevs", b"hevx", b"mif1"},
}
"""Formats of cameras and the web that Pillow does not read everywhere, and their brands."""

WHITE = "white"
"""The default colour behind transparent pixels."""

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
    """A picture that was decoded, but breaks a rule."""

    def __init__(self, fault: PictureFault, reason: str) -> None:
        super().__init__(fault, reason)
        self.fault: PictureFault = fault
        self.reason = reason


class _Silence:
    """Suppresses warnings while at least one thread is in `kept`.

    `warnings.catch_warnings` acts on the whole process. If two threads overlapped in it, the last
    one to leave would restore the filters that it found: those that the other one had set.
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
    """Decode a picture of any of `formats()`: upright, RGB, transparency on white.

    Raises:
        UnusablePictureError: the picture cannot be read, has too many pixels, or has a side
            shorter than `minimum_side` pixels.
    """
    return _read(path, path, minimum_side, WHITE)


def decode_picture(
    content: bytes, name: str, background: str = WHITE, most: int = MAXIMUM_PIXELS
) -> Image.Image:
    """Decode the content of a picture file as `read_picture` does, transparency on `background`.

    `background` is a colour by Pillow's names, such as `white` or `#ffcc00`; `most` is how many
    pixels it may have.

    Raises:
        UnusablePictureError: the picture cannot be read, or has too many pixels; the message
            calls it `name`.
    """
    return _read(io.BytesIO(content), name, 1, background, most)


def as_rgb(picture: str | Path | Image.Image) -> Image.Image:
    """Return a picture file, or an image of any mode, as `read_picture` does.

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


@cache
def formats() -> tuple[str, ...]:
    """Return the accepted formats: `FORMATS`, and AVIF if the installed Pillow reads it."""
    return (*FORMATS, "AVIF") if features.check("avif") else FORMATS


def without_path(error: Exception) -> str:
    """Return the message of an error on one line, without the file's path."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return " ".join((strerror or str(error)).split()) or type(error).__name__


def _read(
    file: Path | io.BytesIO,
    name: str | Path,
    minimum_side: int,
    background: str,
    most: int = MAXIMUM_PIXELS,
) -> Image.Image:
    with _silence.kept():  # a picture is used or refused, without warnings
        try:
            with Image.open(file, formats=formats()) as picture:
                _check_size(picture, minimum_side, most)
                if picture.format in ("JPEG", "MPO"):
                    _check_scans(file, picture)
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
        return "unreadable picture", _why_unidentified(file)
    reason = without_path(error)
    return "truncated picture" if "truncated" in reason.lower() else "unreadable picture", reason


def _why_unidentified(file: Path | io.BytesIO) -> str:
    with _opened(file) as content:
        head = content.read(64)
    if not head:
        return "zero bytes"
    if head[4:8] == b"ftyp":  # the size of this box, its name, and brands of four letters
        end = min(len(head), int.from_bytes(head[:4]))
        brands = {head[at : at + 4] for at in range(8, end, 4)}
        for name, theirs in _TO_CONVERT.items():
            if brands & theirs:
                return f"{name}: convert it to JPEG"
    return "not one of " + ", ".join(formats())


def _opened(file: Path | io.BytesIO) -> IO[bytes]:
    return file.open("rb") if isinstance(file, Path) else io.BytesIO(file.getbuffer())


def _check_size(picture: Image.Image, minimum_side: int, most: int) -> None:
    size, pixels = f"{picture.width}x{picture.height}", picture.width * picture.height
    most = min(most, MAXIMUM_WEBP) if picture.format in ("WEBP", "AVIF") else most
    if pixels > most:
        raise _RefusedError("too many pixels", f"{size}; at most {most}")
    if min(picture.size) < minimum_side:
        raise _RefusedError("too small", f"{size}; at least {minimum_side} a side")


def _check_scans(file: Path | io.BytesIO, picture: Image.Image) -> None:
    """Refuse a JPEG picture of so many scans that they would take minutes.

    A start of a scan never occurs within one; a preview in the EXIF data has a few of its own.
    """
    with _opened(file) as content:
        scans = _count(_START_OF_SCAN, content)
    if scans * picture.width * picture.height > MAXIMUM_PASSES:
        raise _RefusedError(
            "too many pixels", f"{scans} scans of {picture.width}x{picture.height} pixels"
        )


def _count(mark: bytes, content: IO[bytes]) -> int:
    """Count a mark of two bytes, a piece of the content at a time."""
    count, last = 0, b""
    while piece := content.read(2**20):
        count += (last + piece).count(mark)
        last = piece[-1:]
    return count


def _upright(picture: Image.Image) -> Image.Image:
    try:
        turned = picture.getexif().get(ExifTags.Base.Orientation) in _TURNED
        return ImageOps.exif_transpose(picture) if turned else picture
    except Exception:  # damaged EXIF does not affect the pixels
        return picture


def _rgb(picture: Image.Image, background: str) -> Image.Image:
    if picture.mode == "F":
        raise _RefusedError("unreadable picture", "floating point pixels have no agreed range")
    if picture.mode.startswith("I"):
        return _in_bands(picture, _grey_from_16_bits)
    if picture.has_transparency_data:
        return _in_bands(picture, lambda band: _on(background, band))
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _in_bands(picture: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert a picture to RGB pixel by pixel, a band of rows at a time if it is large."""
    rows = max(1, _BAND // picture.width)
    if rows >= picture.height:
        return convert(picture)
    whole = Image.new("RGB", picture.size)
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        whole.paste(convert(picture.crop((0, top, picture.width, bottom))), (0, top))
    return whole


def _on(background: str, picture: Image.Image) -> Image.Image:
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, background), layer).convert("RGB")


def _grey_from_16_bits(picture: Image.Image) -> Image.Image:
    """Scale 0..65535 to 0..255, because Pillow's own conversion clips at 255."""
    levels = np.asarray(picture).astype(np.int64).clip(0, 65535)
    return Image.fromarray(((levels + 128) // 257).astype(np.uint8)).convert("RGB")
