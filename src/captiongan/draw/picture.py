"""A drawn picture: its metadata, how it is saved, and how its metadata is read back."""

import io
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from captiongan.base.files import os_errors_as, replace_file
from captiongan.base.image_reading import MAXIMUM_PIXELS
from captiongan.errors import CaptionganError, OutputError
from captiongan.version import __version__

FILMS = (".gif", ".webp")
"""Endings of the files that a film can be saved as."""

IMAGE_DESCRIPTION = 0x010E
"""The EXIF tag of a picture's description."""

XMP_KEY = "XML:com.adobe.xmp"
GENERATED = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:iptc="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'iptc:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/'
    'trainedAlgorithmicMedia"/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)
"""XMP that marks a file as made by a trained model, in IPTC's terms; a GIF cannot hold it."""


@dataclass(frozen=True)
class Picture:
    """One drawn picture (RGB) and everything that is needed to draw it again.

    A restyled picture has no seed: its noise came from another picture, which is also needed. The
    noise of a variation lies `strength` of the way from the seed `around` to its own seed. A
    `mirrored` picture was mirrored left to right after it was drawn. The best of several has the
    `score` for which it was kept; higher is better, and only scores of the same sentence are
    comparable.
    """

    image: Image.Image
    prompt: str
    seed: int | None
    bundle: str
    bundle_version: str
    truncation: float = 1.0
    around: int | None = None
    strength: float | None = None
    mirrored: bool = False
    score: float | None = None

    @property
    def metadata(self) -> dict[str, str]:
        """The texts in the saved file."""
        noise = {"seed": self.seed, "around": self.around, "strength": self.strength}
        facts = noise | {"score": self.score}
        given = {name: str(value) for name, value in facts.items() if value is not None}
        drawn_with = given | truncated(self.truncation) | turned(self.mirrored)
        return {"prompt": self.prompt} | drawn_with | origin(self.bundle, self.bundle_version)

    def save(self, path: str | Path) -> None:
        """Write a PNG with the metadata; an existing file is replaced.

        The file appears whole or not at all. Raises OutputError if it cannot be written.
        """
        path = Path(path)
        check_output(path)
        write_picture(path, self.png())

    def png(self) -> bytes:
        """Return the content of the file that `save` writes."""
        return png(self.image, self.metadata)


def truncated(truncation: float) -> dict[str, str]:
    """Return the factor of the noise as metadata, unless it is 1; `float` reads it back exactly."""
    return {} if truncation == 1 else {"truncation": str(truncation)}


def turned(mirrored: bool) -> dict[str, str]:
    """Return as metadata whether a picture was mirrored left to right after it was drawn."""
    return {"mirrored": "true"} if mirrored else {}


def origin(bundle: str, bundle_version: str) -> dict[str, str]:
    """Return as metadata what drew a picture; every saved file has it."""
    return {
        "bundle": bundle,
        "bundle_version": bundle_version,
        "software": f"captiongan {__version__}",
    }


def mirrored(pixels: npt.NDArray[np.uint8], which: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return pictures (N, H, W, 3); those with `which` (N,) are mirrored left to right."""
    return np.where(np.asarray(which)[:, None, None, None], pixels[:, :, ::-1], pixels)


def png(image: Image.Image, metadata: Mapping[str, str]) -> bytes:
    """Return an image and its metadata as the content of a PNG file."""
    texts = PngInfo()
    for key, text in metadata.items():
        texts.add_itxt(key, text)
    texts.add_itxt(XMP_KEY, GENERATED)
    encoded = io.BytesIO()
    image.save(encoded, format="PNG", pnginfo=texts)
    return encoded.getvalue()


def film(
    frames: Sequence[Image.Image],
    kind: str,
    metadata: Mapping[str, str],
    frames_per_second: float = 12.0,
) -> bytes:
    """Return the content of a file, `kind` gif or webp, that plays its frames in a loop.

    The metadata is JSON in the GIF's comment or in the WebP's EXIF image description. A GIF counts
    time in hundredths of a second. Raises OutputError unless `frames_per_second` is 1 to 50.
    """
    if not 1 <= frames_per_second <= 50:
        raise OutputError(
            f"frames per second {frames_per_second}: must be from 1 to 50; 12 looks smooth"
        )
    note, encoded, exif = json.dumps(metadata), io.BytesIO(), Image.Exif()
    exif[IMAGE_DESCRIPTION] = note
    frames[0].save(
        encoded,
        format=kind,
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 / frames_per_second),
        loop=0,
        comment=note.encode(),
        exif=exif,
        xmp=GENERATED.encode(),
        lossless=True,
    )
    return encoded.getvalue()


def write_picture(path: Path, content: bytes) -> None:
    """Write a picture's file whole or not at all; raises OutputError if it cannot be written."""
    with _writing(path):
        replace_file(path, content)


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return the texts in a saved picture, sheet, strip or film.

    Raises CaptionganError unless it is a readable PNG, or a GIF or WebP that captiongan wrote.
    """
    try:
        with Image.open(path, formats=("PNG", "GIF", "WEBP")) as image:
            if image.width * image.height > MAXIMUM_PIXELS:
                raise ValueError(f"more than {MAXIMUM_PIXELS:,} pixels")
            if isinstance(image, PngImageFile):
                texts = image.text
            else:
                texts = json.loads(image.info.get("comment") or image.getexif()[IMAGE_DESCRIPTION])
            return {str(key): str(text) for key, text in texts.items() if key != XMP_KEY}
    except Exception as error:  # foreign bytes can make a decoder raise almost anything
        raise CaptionganError(
            f"picture '{path}' has no readable metadata ({error}); name a PNG, GIF or WebP file "
            "that captiongan wrote"
        ) from error


def numbered(path: Path, numbers: Sequence[int]) -> list[Path]:
    """Return a path for each number: `path` for a single one, else "NAME-NUMBER.png" beside it.

    Raises OutputError as `check_output` does.
    """
    check_output(path)
    if len(numbers) == 1:
        return [path]
    paths = [path.with_name(f"{path.stem}-{number}{path.suffix}") for number in numbers]
    for each in paths:
        check_output(each)
    return paths


def check_output(path: Path, endings: Sequence[str] = (".png",)) -> None:
    """Raise OutputError unless `path` has one of the endings and is in a writable folder."""
    if path.suffix.lower() not in endings:
        raise OutputError(
            f"output '{path}' does not end in {' or '.join(endings)}; give it a name that does"
        )
    folder = path.parent
    with _writing(path):
        if not folder.is_dir():
            raise OutputError(
                f"output '{path}': folder '{folder}' does not exist; create it or choose another"
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(
                f"output '{path}': permission denied in '{folder}'; choose another folder"
            )
        if path.is_dir():
            raise OutputError(f"output '{path}' is a folder; name a file in it")


def _writing(path: Path) -> AbstractContextManager[None]:
    what = f"output '{path}' cannot be written"
    return os_errors_as(OutputError, what, "choose another place")
