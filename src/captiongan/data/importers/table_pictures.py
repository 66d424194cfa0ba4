r"""Finds the pictures that a table names, in a folder or an archive.

A name in the table is the end of a file's name: `rose.jpg` is found in `photos.zip` too. A name of
which that holds for no file, such as `C:\photos\rose.jpg`, is found by as much of its end as one
file alone shares. Files that the table does not name are skipped.
"""

import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from captiongan.data.importers.items import PICTURE, Found, Item, Note, Rejected, linked_folder
from captiongan.data.importers.source import members

ELSEWHERE = "from another folder than the table says: its name is the only one like it"
"""The remark on a picture that was found by the end of its name alone."""


def pictures_of(where: Path, notes: Mapping[str, Note]) -> Iterator[Item]:
    """Stream the pictures of the notes, whose keys are names in the table in NFC."""
    found: set[str] = set()
    others: list[str] = []
    for member in members(where):
        if refusal := linked_folder(member):
            yield refusal
        elif PICTURE.search(member.name):
            key = _ending_in(notes, member.name)
            if key is None:
                others.append(member.name)
            else:
                found.add(key)
                yield Found(key, notes[key], member.read)
    candidates = _candidates([key for key in notes if key not in found], others)
    chosen = _chosen(candidates)
    for member in members(where) if chosen else ():
        if key := chosen.get(member.name):
            remarks = (*notes[key].remarks, ELSEWHERE)
            yield Found(key, replace(notes[key], remarks=remarks), member.read)
    for key, files in candidates.items():
        if key not in chosen.values():
            yield Rejected(key, "missing file", _why(where, key, files))


def _ending_in(notes: Mapping[str, Note], name: str) -> str | None:
    """Return the name in the table with which a file's name ends."""
    parts = unicodedata.normalize("NFC", name).split("/")
    endings = ("/".join(parts[first:]) for first in range(len(parts)))
    return next((ending for ending in endings if ending in notes), None)


def _candidates(keys: Iterable[str], files: Iterable[str]) -> dict[str, list[str]]:
    """Return for each key the files of the same base name that share most of its end."""
    by_base: defaultdict[str, list[str]] = defaultdict(list)
    for file in files:
        by_base[_folded(file)[-1]].append(file)
    candidates = {}
    for key in keys:
        wanted = _folded(key)
        shared = {file: _shared(wanted, _folded(file)) for file in by_base.get(wanted[-1], ())}
        most = max(shared.values(), default=0)
        candidates[key] = [file for file, parts in shared.items() if parts == most]
    return candidates


def _chosen(candidates: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the keys by file, where one file is the only one for a key, and for no other."""
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for key, files in candidates.items():
        for file in files:
            keys[file].append(key)
    return {
        file: wanting[0]
        for file, wanting in keys.items()
        if len(wanting) == 1 and len(candidates[wanting[0]]) == 1
    }


def _folded(name: str) -> list[str]:
    return unicodedata.normalize("NFC", name).casefold().split("/")


def _shared(one: list[str], other: list[str]) -> int:
    """Return how many parts, from the last one backwards, are the same."""
    pairs = enumerate(zip(reversed(one), reversed(other), strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _why(where: Path, key: str, files: list[str]) -> str:
    if files:
        return f"several names or files end in '{posixpath.basename(key)}', such as '{files[0]}'"
    place = "; if it is elsewhere, give its folder by --pictures" if _is_absolute(key) else ""
    return f"no picture below '{where}' has this name, in any folder{place}"


def _is_absolute(key: str) -> bool:
    return key.startswith("/") or key[1:3] == ":/"
