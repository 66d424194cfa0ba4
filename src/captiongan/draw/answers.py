"""What a server answers, read as what captiongan sends; raises ValueError for anything else."""

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from captiongan.base.image_reading import UnusablePictureError, decode_picture
from captiongan.bundle.manifest import LARGEST_SIDE
from captiongan.bundle.text_encoder import Reading
from captiongan.draw.explanation import Explanation
from captiongan.draw.interpolation import Interpolation
from captiongan.draw.picture import Picture

MOST_PIXELS = 2**28
"""Pixels of all pictures of an answer; they are in memory at once."""

LONGEST_LINE = 1000
"""Characters of a server's text that are shown."""

Facts = Mapping[str, Any]
Item = TypeVar("Item")


def facts_of(content: bytes | bytearray) -> Facts:
    """Return the JSON object that a body holds."""
    try:
        return _object(json.loads(content))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def refusal_of(answer: Facts) -> tuple[str, str | None]:
    """Return the message of an error and the field that is to blame, if it is one."""
    error = _object(answer.get("error"))
    return as_line(_text(error, "message")), _optional(_text, error, "field")


def bundles_of(answer: Facts) -> dict[str, Facts]:
    """Return the facts of the bundles by name, the default first."""
    default, bundles = _text(answer, "default"), _list(answer, "bundles", _object)
    named = {_text(bundle, "name"): bundle for bundle in bundles}
    return dict(sorted(named.items(), key=lambda item: item[0] != default))


def pictures_of(answer: Facts, count: int) -> list[Picture]:
    """Return so many pictures, as they were asked for."""
    pictures = _exactly(count, _list(answer, "pictures", _object))
    images = _images([_text(picture, "png") for picture in pictures])
    return [_picture(answer, *pair) for pair in zip(pictures, images, strict=True)]


def explanation_of(answer: Facts) -> Explanation:
    """Return the explanation of a picture."""
    facts, words = _object(answer.get("picture")), _list(answer, "words", _object)
    image, *maps = _images([_text(facts, "png"), *(_text(word, "change") for word in words)])
    changes = [np.asarray(change.convert("L")) for change in maps]
    if not words or any(change.shape[::-1] != image.size for change in changes):
        raise ValueError("its heat maps do not fit its picture")
    picture = _picture(answer, facts, image)
    return Explanation(picture, [_text(word, "word") for word in words], np.stack(changes))


def readings_of(answer: Facts, count: int) -> list[Reading]:
    """Return how the server read each of so many prompts, in words that a terminal can show."""
    return [
        Reading(
            as_line(_optional(_text, prompt, "prompt") or ""),
            _words(prompt, "tokens"),
            _optional(_flag, prompt, "cut") or False,
            0,
            _words(prompt, "unknown_words"),
            np.empty(0, dtype=np.float32),
            _suggestions(prompt),
            _words(prompt, "weak_words"),
            _optional(_flag, prompt, "off_topic") or False,
        )
        for prompt in _exactly(count, _list(answer, "prompts", _object))
    ]


def interpolation_of(answer: Facts, stops: int, steps: int) -> Interpolation:
    """Return an interpolation of so many stops with so many pictures from one to the next."""
    frames = _list(answer, "frames", _as_text)
    return Interpolation(
        _images(_exactly((stops - 1) * (steps - 1) + 1, frames)),
        _list(answer, "prompts", _as_text),
        tuple(_list(answer, "seeds", _as_whole)),
        steps,
        _text(answer, "bundle"),
        _text(answer, "version"),
        _number(answer, "truncation"),
        _optional(_flag, answer, "mirrored") or False,
    )


def _picture(answer: Facts, picture: Facts, image: Image.Image) -> Picture:
    return Picture(
        image,
        _text(picture, "prompt"),
        _whole(picture, "seed"),
        _text(answer, "bundle"),
        _text(answer, "version"),
        _number(answer, "truncation"),
        _optional(_whole, picture, "around"),
        _optional(_number, picture, "strength"),
        _optional(_flag, picture, "mirrored") or False,
        _optional(_number, picture, "score"),
    )


def as_line(text: str) -> str:
    """Return a server's text as one line that a terminal can show."""
    return "".join(each if each.isprintable() else " " for each in text[:LONGEST_LINE])


def _images(pngs: Sequence[str]) -> list[Image.Image]:
    images: list[Image.Image] = []
    room = MOST_PIXELS
    for png in pngs:
        most = min(room, LARGEST_SIDE**2)
        try:
            content = base64.b64decode(png, validate=True)
            image = decode_picture(content, "of the server", most=most)
        except UnusablePictureError as error:
            raise ValueError(str(error)) from error
        if max(image.size) > LARGEST_SIDE:
            raise ValueError(f"a picture of {image.width} x {image.height}")
        room -= image.width * image.height
        images.append(image)
    return images


def _exactly(count: int, items: Sequence[Item]) -> Sequence[Item]:
    if len(items) != count:
        raise ValueError(f"{len(items)} pictures or prompts in place of {count}")
    return items


def _list(facts: Facts, name: str, read: Callable[[object], Item]) -> list[Item]:
    items = facts.get(name)
    if isinstance(items, list):
        return [read(item) for item in items]
    raise ValueError(f"'{name}' is no list")


def _words(facts: Facts, name: str) -> list[str]:
    """Read a list of words, empty if an earlier server does not send it."""
    return [as_line(word) for word in _list(facts, name, _as_text)] if name in facts else []


def _suggestions(facts: Facts) -> dict[str, str]:
    words = _object(facts.get("suggestions", {}))
    return {as_line(word): as_line(_as_text(other)) for word, other in words.items()}


def _optional(read: Callable[[Facts, str], Item], facts: Facts, name: str) -> Item | None:
    return None if facts.get(name) is None else read(facts, name)


def _text(facts: Facts, name: str) -> str:
    return _as_text(facts.get(name))


def _whole(facts: Facts, name: str) -> int:
    return _as_whole(facts.get(name))


def _number(facts: Facts, name: str) -> float:
    value = facts.get(name)
    if isinstance(value, int | float) and type(value) is not bool and abs(value) < math.inf:
        return value
    raise ValueError(f"'{name}' is no number")


def _flag(facts: Facts, name: str) -> bool:
    value = facts.get(name)
    if isinstance(value, bool):
        return value
    raise ValueError(f"'{name}' is neither true nor false")


def _object(value: object) -> Facts:
    if isinstance(value, dict):
        return value
    raise ValueError("it has no object where one belongs")


def _as_text(value: object) -> str:
    if isinstance(value, str):
        value.encode()  # JSON may hold halves of characters: a ValueError
        return value
    raise ValueError("it has no text where one belongs")


def _as_whole(value: object) -> int:
    if type(value) is int:
        return value
    raise ValueError("it has no whole number where one belongs")
