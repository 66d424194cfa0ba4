"""How much one server does for one client, and for all of them together."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from captiongan.draw.pipeline import MAX_BATCH
from captiongan.draw.prompts import MAX_PICTURES
from captiongan.errors import CaptionganError


@dataclass(frozen=True)
class Limits:
    """What is refused beyond; `docs/serve.md` says with which answer.

    Of one request: `body_bytes`, `body_seconds` until it has arrived, `prompts` (and stops of an
    interpolation), `n` pictures of each prompt, `steps` from stop to stop, `pictures` in all,
    `seconds` until it is answered. Of the server: `connections` open, `requests` drawn at a time,
    `queue` pictures waiting. `batch` pictures at most are drawn together, of what has come within
    `window` seconds.
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
                    f"limit {name} {getattr(self, name)} is above {most}, the most there can be; "
                    "take less"
                )

    @classmethod
    def of(cls, settings: Iterable[str]) -> Self:
        """Return the limits with `settings`, each "name=value", in place of the defaults.

        Raises CaptionganError for a name that is none, and a value that is not above 0 (`window`
        may be 0), or not whole where it counts something.
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
