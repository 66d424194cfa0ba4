"""Limits of a server: for each request, and for all requests together."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from captiongan.draw.prompts import MAX_PICTURES
from captiongan.draw.sessions import MAX_BATCH
from captiongan.errors import CaptionganError


@dataclass(frozen=True)
class Limits:
    """The limits; `docs/serve.md` lists the answers to requests beyond them.

    Attributes:
        body_bytes: most bytes of a request's body.
        body_seconds: most seconds until the body has arrived.
        prompts: most prompts of a request, or stops of an interpolation.
        n: most pictures of each prompt.
        steps: most pictures from one stop of an interpolation to the next.
        pictures: most pictures of a request.
        seconds: most seconds until a request is answered.
        connections: most open connections of the server.
        requests: most requests that are drawn at the same time.
        queue: most pictures that wait.
        batch: most pictures that are drawn together.
        window: seconds that a batch waits for more pictures.
    """

    body_bytes: int = 262_144
    body_seconds: float = 10.0
    prompts: int = 16
    n: int = 64
    steps: int = 120
    pictures: int = 256
    seconds: float = 30.0
    connections: int = 512
    requests: int = 128
    queue: int = 1024
    batch: int = 32
    window: float = 0.002

    def __post_init__(self) -> None:
        for name, most in {"batch": MAX_BATCH, "n": MAX_PICTURES, "pictures": MAX_PICTURES}.items():
            if getattr(self, name) > most:
                raise CaptionganError(
                    f"limit {name} {getattr(self, name)} is above {most}, the highest possible "
                    "value; lower it"
                )

    @classmethod
    def of(cls, settings: Iterable[str]) -> Self:
        """Return the default limits with `settings`, each "name=value", in place of some.

        Raises:
            CaptionganError: a name is unknown, or a value is not above 0 (`window` may be 0) or
                not whole where it counts something.
        """
        types = {field.name: field.type for field in fields(cls)}
        given: dict[str, Any] = {}
        for setting in settings:
            name, _, value = setting.partition("=")
            if name not in types:
                raise CaptionganError(
                    f"limit '{setting}' is none of {', '.join(types)}; write NAME=VALUE"
                )
            given[name] = _number(name, value, whole=types[name] is int)
        return replace(cls(), **given)


def _number(name: str, value: str, whole: bool) -> float:
    try:
        number = int(value) if whole else float(value)
    except ValueError:
        number = -1
    if not (0 < number < float("inf") or (name == "window" and number == 0)):
        rule = "a whole number above 0" if whole else "a number above 0"
        raise CaptionganError(f"limit {name} '{value}' is not {rule}; write {name}=10")
    return number
