"""Drawn pictures as responses: JSON with PNGs inside, or one file."""

import base64
import re
import time
from collections.abc import Sequence

from PIL import Image
from pydantic import BaseModel
from starlette.responses import Response

from captiongan.bundle.text_encoder import Reading
from captiongan.draw.explanation import Explanation
from captiongan.draw.interpolation import Interpolation
from captiongan.draw.picture import Picture, film, origin, png
from captiongan.draw.sheet import in_a_square, sheet_of
from captiongan.web.schema import (
    ExplainAnswer,
    GenerateAnswer,
    InterpolateAnswer,
    PictureAnswer,
    PromptAnswer,
    WordAnswer,
)


def generated(
    kind: str, readings: Sequence[Reading], pictures: Sequence[Picture], started: float
) -> Response:
    """Return a response with drawn pictures.

    Args:
        kind: json for all pictures; png or webp for one file, of the only picture or of a sheet.
        readings: how the text encoder read each prompt.
        pictures: the pictures, prompt by prompt.
        started: when the request arrived, by `perf_counter`.
    """
    first = pictures[0]
    if kind != "json":
        return _file(_sheet(pictures, kind), kind, f"{first.bundle}-{first.seed}")
    answer = GenerateAnswer(
        bundle=first.bundle,
        version=first.bundle_version,
        truncation=first.truncation,
        pictures=[_picture(picture) for picture in pictures],
        prompts=[
            PromptAnswer(
                prompt=reading.text,
                tokens=list(reading.tokens),
                unknown_words=list(dict.fromkeys(reading.unknown_words)),
                gloss=reading.gloss,
                suggestions=dict(reading.suggestions),
                weak_words=list(reading.weak_words),
                off_topic=reading.off_topic,
                cut=reading.cut,
            )
            for reading in readings
        ],
        milliseconds=_milliseconds(started),
    )
    return _json(answer)


def interpolated(kind: str, way: Interpolation, fps: float, started: float) -> Response:
    """Return a response with an interpolation: json of its frames, png strip, webp or gif film."""
    if kind != "json":
        return _file(way.encoded(kind, fps), kind, f"{way.bundle}-way")
    # All prompts in each frame would make a small request a huge answer.
    made_by = origin(way.bundle, way.bundle_version)
    answer = InterpolateAnswer(
        bundle=way.bundle,
        version=way.bundle_version,
        prompts=list(way.prompts),
        seeds=list(way.seeds),
        steps=way.steps,
        truncation=way.truncation,
        mirrored=way.mirrored,
        frames=[_base64(png(image, made_by)) for image in way.images],
        milliseconds=_milliseconds(started),
    )
    return _json(answer)


def explained(kind: str, explanation: Explanation, started: float) -> Response:
    """Return a response with what each word did: json with heat maps, or the png strip."""
    picture = explanation.picture
    if kind != "json":
        return _file(explanation.png(), kind, f"{picture.bundle}-{picture.seed}-words")
    made_by = origin(picture.bundle, picture.bundle_version)
    answer = ExplainAnswer(
        bundle=picture.bundle,
        version=picture.bundle_version,
        truncation=picture.truncation,
        picture=_picture(picture),
        words=[
            WordAnswer(
                word=word,
                strength=explanation.strengths[number],
                change=_base64(png(Image.fromarray(explanation.changes[number]), made_by)),
                heat=_base64(png(explanation.heat(number), made_by)),
            )
            for number, word in enumerate(explanation.words)
        ],
        milliseconds=_milliseconds(started),
    )
    return _json(answer)


def _picture(picture: Picture) -> PictureAnswer:
    return PictureAnswer(
        prompt=picture.prompt,
        seed=picture.seed or 0,
        around=picture.around,
        strength=picture.strength,
        mirrored=picture.mirrored,
        score=picture.score,
        png=_base64(picture.png()),
    )


def _json(answer: BaseModel) -> Response:
    content = answer.model_dump_json(exclude_none=True)
    return Response(content, media_type="application/json")


def _sheet(pictures: Sequence[Picture], kind: str) -> bytes:
    """Encode the only picture, or a sheet of all."""
    (image, metadata) = (
        (pictures[0].image, pictures[0].metadata)
        if len(pictures) == 1
        else sheet_of(in_a_square(pictures))
    )
    return png(image, metadata) if kind == "png" else film([image], kind, metadata)


def _file(content: bytes, kind: str, name: str) -> Response:
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    headers = {"Content-Disposition": f'inline; filename="{safe}.{kind}"'}
    return Response(content, media_type=f"image/{kind}", headers=headers)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _milliseconds(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 1)
