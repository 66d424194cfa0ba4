"""WebDataset shards: tar files in which files with the same name up to the first dot are a sample.

    shard-000000.tar: 000000001.jpg, 000000001.txt (or .caption), 000000001.json, 000000001.cls

`.json` may hold `caption`, `captions` or `text`, and `class` or `label`. The name of a shard or its
folder may tell the split (`train-000000.tar`).
"""

import itertools
import json
import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from captiongan.base.lines import lines_of
from captiongan.data.importers.items import (
    PICTURE,
    Found,
    Item,
    Note,
    Rejected,
    Request,
    linked_folder,
    only_splits,
    split_in,
)
from captiongan.data.importers.source import Member, MemberError, as_text, members

_MAXIMUM_TEXT = 2**20
_CAPTIONS = ("caption", "captions", "text", "txt")
_WHOLE_NAME = "another picture has the same name up to the first dot"
_CLASSES = ("class", "label", "cls")


def read(request: Request) -> Iterator[Item]:
    """Stream the samples; memory holds one at a time."""
    splits = only_splits(request, "webdataset", "source", "none")
    for key, parts in itertools.groupby(members(request.source), lambda each: _key(each.name)):
        yield from _sample(key, parts, split_in(key) if splits == "source" else None)


def _key(name: str) -> str:
    folder, file = posixpath.split(name)
    return f"{folder}/{file.partition('.')[0]}"


def _sample(key: str, parts: Iterator[Member], split: str | None) -> Iterator[Item]:
    """Yield the picture of a sample; other pictures in it are rejects, and so is text alone."""
    picture: bytes | None = None
    facts: dict[str, Any] = {}
    try:
        for part in parts:
            ending = posixpath.basename(part.name).partition(".")[2].lower()
            if refusal := linked_folder(part):
                yield refusal
            elif PICTURE.search(f".{ending}") and picture is not None:
                yield Rejected(part.name, "duplicate", f"{_WHOLE_NAME}; give it a name of its own")
            elif PICTURE.search(f".{ending}"):
                picture = part.read()
            elif ending == "json":
                facts = _object(part.read(_MAXIMUM_TEXT)) | facts
            elif ending in (*_CAPTIONS, *_CLASSES):
                facts[ending] = as_text(part.read(_MAXIMUM_TEXT))
    except MemberError as error:
        yield Rejected(key, error.kind, error.reason)
        return
    if picture is None:
        if facts:
            yield Rejected(key, "missing file", "the sample has no picture")
        return
    content = picture
    captions, left = _first(facts, _CAPTIONS, "captions")
    label, left_too = _first(facts, _CLASSES, "class")
    texts = captions if isinstance(captions, list) else lines_of(str(captions or ""))
    note = Note(tuple(map(str, texts)), None if label is None else str(label), split)
    yield Found(key, replace(note, remarks=left + left_too), lambda: content)


def _first(facts: dict[str, Any], names: tuple[str, ...], what: str) -> tuple[Any, tuple[str, ...]]:
    """Return the first fact of these names, and a remark on others that differ from it."""
    known = {name: facts[name] for name in names if facts.get(name) not in (None, "", [])}
    if not known:
        return None, ()
    first, *others = known
    unlike = ", ".join(name for name in others if _words(known[name]) != _words(known[first]))
    return known[first], (f"with {what} from {first}, not {unlike}",) if unlike else ()


def _words(value: Any) -> list[str]:
    return " ".join(map(str, value) if isinstance(value, list) else [str(value)]).split()


def _object(content: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(as_text(content))
    except (ValueError, RecursionError) as error:
        raise MemberError("bad JSON", str(error)) from error
    return facts if isinstance(facts, dict) else {}
