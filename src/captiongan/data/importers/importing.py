"""The spine of all importers: items in, captioned folders out, with a journal to resume from.

    OUT/import.jsonl              the journal: what was asked, then a line for each item
    OUT/pictures/rose.jpg         a picture
    OUT/metadata.jsonl            the captions, written last, from the journal

Where the source has splits, each is a captioned folder of its own, `OUT/train` and so on. A kill
costs the picture at hand: the same command goes on where the journal ends.
"""

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from captiongan.base.files import naming, remove_leftovers, replace_file, whole_file
from captiongan.base.image_reading import UnusablePictureError
from captiongan.base.lines import MAXIMUM_LINE
from captiongan.data.folder import METADATA
from captiongan.data.importers.fitting import Fit, fitted
from captiongan.data.importers.items import Found, Item, Rejected
from captiongan.data.importers.source import MemberError
from captiongan.errors import DataError, OutputError

JOURNAL = "import.jsonl"
PICTURES = "pictures"

_SPLIT_NAMES = {"valid": "val", "validation": "val", "dev": "val", "training": "train"}
_SPLIT = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_UNWELCOME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 100


@dataclass
class Account:
    """What became of a source's pictures: how many were kept, by split, and rejected, by reason.

    Pictures without a split count under the empty name.
    """

    kept: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """How many pictures and captions of missing pictures the source had so far."""
        return self.kept.total() + self.rejected.total()

    def __str__(self) -> str:
        """One line: `12 read, 10 kept, 2 rejected`."""
        return f"{self.read} read, {self.kept.total()} kept, {self.rejected.total()} rejected"


def import_pictures(
    items: Iterator[Item],
    out: Path,
    wish: dict[str, Any],
    fit: Fit,
    limit: int | None = None,
    progress: Callable[[Account], None] = lambda _: None,
) -> Account:
    """Write what an importer yields into a folder, or go on with it; return the final account.

    Args:
        items: the pictures, in an order that repeats.
        out: a new or empty folder, or one in which the same import was begun.
        wish: what decides the result, as values that JSON takes, to know the same import again.
        fit: what is kept of each picture.
        limit: stop after so many kept pictures.
        progress: told the account after each item.

    Raises:
        DataError: the source cannot be read, or nothing in it is usable.
        OutputError: `out` holds something else, or cannot be written to.
    """
    wish = wish | asdict(fit) | {"limit": limit}
    try:
        journal = _Journal.open(out / JOURNAL, wish)
        if journal is None:
            first = next(items, None)  # a source that cannot be read leaves nothing behind
            if first is None:
                raise DataError("the source has no pictures of this kind: name another")
            items = itertools.chain([first], items)
            journal = _Journal.create(out / JOURNAL, wish)
        with journal:
            if not journal.complete:
                _import(items, out, fit, limit, journal, progress)
                _write_metadata(out)
                journal.write({"complete": True})
    except OSError as error:
        raise OutputError(
            f"out '{out}' cannot be written to ({error}): make room, or give another folder"
        ) from error
    if not journal.account.kept:
        raise DataError(
            f"nothing usable in the source: {journal.account}; see the reasons in '{out / JOURNAL}'"
        )
    return journal.account


class _Journal:
    """What was asked for, and what became of each item so far; appended to a line at a time."""

    def __init__(self, path: Path) -> None:
        self.account = Account()
        self.names: Counter[str] = Counter()
        self.files: set[str] = set()
        self.complete = False
        self._path = path

    @classmethod
    def create(cls, path: Path, wish: dict[str, Any]) -> "_Journal":
        path.parent.mkdir(parents=True, exist_ok=True)
        if any(path.parent.iterdir()):
            raise OutputError(
                f"out '{path.parent}' is not empty, and no import that can go on: give another"
            )
        replace_file(path, (json.dumps({"wish": wish}) + "\n").encode())
        return cls(path)

    @classmethod
    def open(cls, path: Path, wish: dict[str, Any]) -> "_Journal | None":
        """Read a journal to go on with; None if there is none."""
        if not path.is_file():
            return None
        lines = read_journal(path)
        begun = next(lines, {}).get("wish")
        if begun != json.loads(json.dumps(wish)):
            differing = [key for key in wish if not begun or begun.get(key) != wish[key]]
            raise OutputError(
                f"out '{path.parent}' holds another import (differing in {', '.join(differing)}): "
                "repeat its arguments to go on with it, or give another folder"
            )
        _drop_torn_line(path)
        journal = cls(path)
        for line in lines:
            journal._remember(line)
        return journal

    def __enter__(self) -> "_Journal":
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        with naming(self._path):  # where the disk is full, what `write` could not write fails again
            self._file.close()

    def write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._remember(line)

    def _remember(self, line: dict[str, Any]) -> None:
        if line.get("complete"):
            self.complete = True
        elif "file_name" in line:
            self.account.kept[line["split"]] += 1
            self.files.add(line["file_name"].casefold())
        elif "kind" in line:
            self.account.rejected[line["kind"]] += 1
        if "name" in line:
            self.names[line["name"]] += 1


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Stream the whole lines of a journal; raises OSError, and OutputError if it is damaged."""
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError as error:
                raise OutputError(
                    f"'{path}' is damaged ({error}): remove the folder, and import again"
                ) from error


def _drop_torn_line(path: Path) -> None:
    """Cut off what a kill left of a line."""
    with path.open("rb+") as file:
        file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))


def _import(
    items: Iterator[Item],
    out: Path,
    fit: Fit,
    limit: int | None,
    journal: _Journal,
    progress: Callable[[Account], None],
) -> None:
    before = journal.names.copy()
    for item in items:
        if limit is not None and journal.account.kept.total() >= limit:
            return
        if before[item.name]:  # it was dealt with before a kill
            before[item.name] -= 1
            continue
        journal.write(_dealt_with(item, out, fit, journal))
        progress(journal.account)


def _dealt_with(item: Item, out: Path, fit: Fit, journal: _Journal) -> dict[str, Any]:
    """Write a picture; return its line of the journal, or that of a reject."""
    if isinstance(item, Found):
        try:
            return _written(item, out, fit, journal)
        except MemberError as error:
            item = Rejected(item.name, error.kind, error.reason)
        except UnusablePictureError as error:
            item = Rejected(item.name, error.fault, error.reason)
    return asdict(item)


def _written(item: Found, out: Path, fit: Fit, journal: _Journal) -> dict[str, Any]:
    note = item.note
    if item.name in journal.names:
        raise MemberError("duplicate", "another picture of the source has this name")
    captions = [words for caption in note.captions if (words := " ".join(caption.split()))]
    if not captions:
        raise MemberError("no caption", "all are blank")
    if not _is_unicode(captions):
        raise MemberError("bad caption", "it holds half a character")
    split = _split(note.split)
    content, ending = fitted(fit, item.read(), item.name, note.box)
    file_name = _file_name(item.name, ending, journal.files)
    record = {"file_name": file_name, "text": captions}
    if note.label is not None and note.label.strip():
        record["class"] = note.label
    line = {"name": item.name, "split": split} | record
    if len(json.dumps(line)) >= MAXIMUM_LINE:
        raise MemberError("line too long", f"its captions come to more than {MAXIMUM_LINE} bytes")
    path = out / split / file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path):
        path.write_bytes(content)
    return line


def _is_unicode(texts: Iterable[str]) -> bool:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _split(name: str | None) -> str:
    if name is None or not name.strip():
        return ""
    split = name.strip().lower()
    split = _SPLIT_NAMES.get(split, split)
    if not _SPLIT.fullmatch(split) or split == PICTURES:
        raise MemberError("bad split", f"{name!r:.60}: use letters, digits, - and _, as in train")
    return split


def _file_name(name: str, ending: str, taken: set[str]) -> str:
    """Return a name for a picture's file that is safe everywhere, and not taken yet.

    Names of the source stay legible; what is unwelcome in them is replaced.
    """
    path = PurePosixPath(name)
    stem = path.stem if re.fullmatch(r"\.[A-Za-z]{1,5}", path.suffix) else path.name
    plain = _UNWELCOME.sub("-", stem).strip(".-")[:_LONGEST_NAME] or "picture"
    file_name = f"{PICTURES}/{plain}{ending}"
    if file_name.casefold() in taken:
        mark = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:12]
        file_name = f"{PICTURES}/{plain}-{mark}{ending}"
    return file_name


def _write_metadata(out: Path) -> None:
    """Write the captions of each split, whole or not at all, a line at a time."""
    with ExitStack() as whole:
        works: dict[str, BinaryIO] = {}
        for line in read_journal(out / JOURNAL):
            if "file_name" in line:
                split = line.pop("split")
                del line["name"]
                if split not in works:
                    remove_leftovers(out / split, METADATA)
                    works[split] = whole.enter_context(whole_file(out / split / METADATA))
                works[split].write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
