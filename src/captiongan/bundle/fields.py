"""The fields of a manifest: each is returned if it keeps its rule, or named in an error."""

import reprlib
from collections.abc import Mapping

from captiongan.errors import BundleError

MANIFEST = "bundle.json"


def value_at(facts: object, path: tuple[str, ...]) -> object:
    """Follow `path` through nested objects; None where it ends early."""
    for key in path:
        facts = facts.get(key) if isinstance(facts, dict) else None
    return facts


def text(facts: object, *path: str) -> str:
    """Return a text on one line that is not empty."""
    value = value_at(facts, path)
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise broken(path, value, "a text on one line that is not empty")


def texts(facts: object, *path: str) -> tuple[str, ...]:
    """Return a list of texts."""
    value = value_at(facts, path)
    if isinstance(value, list) and all(map(_is_unicode, value)):
        return tuple(value)
    raise broken(path, value, "a list of texts")


def _is_unicode(value: object) -> bool:
    """Whether this is a text that UTF-8 can write; JSON may also hold halves of characters."""
    return isinstance(value, str) and not any("\ud800" <= each <= "\udfff" for each in value)


def count(facts: object, *path: str, most: int | None = None) -> int:
    """Return a whole number from 1 to `most`."""
    value = value_at(facts, path)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= (most or value):
        return value
    rule = f"a whole number from 1 to {most:,}" if most else "a whole number above 0"
    raise broken(path, value, rule)


def flag(facts: object, *path: str) -> bool:
    """Return true or false."""
    value = value_at(facts, path)
    if isinstance(value, bool):
        return value
    raise broken(path, value, "true or false")


def sha256(facts: object, *path: str) -> str:
    """Return 64 hexadecimal digits."""
    value = value_at(facts, path)
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value
    raise broken(path, value, "64 hexadecimal digits in lower case")


def mapping(facts: object, *path: str) -> Mapping[str, object]:
    """Return a JSON object."""
    value = value_at(facts, path)
    if isinstance(value, dict):
        return value
    raise broken(path, value, "a JSON object")


def broken(path: tuple[str, ...], value: object, rule: str) -> BundleError:
    """Return the error for a value that breaks its rule."""
    found = "missing" if value is None else reprlib.repr(value)
    return BundleError(
        f"{MANIFEST}: '{' > '.join(path)}' is {found}, must be {rule}; "
        "write the bundle again with `captiongan export`"
    )
