"""The spine of all importers: items in, captioned folders out, with a journal to resume from.

    OUT/import.jsonl              the journal: what was asked, then a line for each item
    OUT/pictures/rose.jpg         a picture
    OUT/metadata.jsonl            the captions, written last, from the journal

If the source has splits, each becomes a captioned folder of its own, `OUT/train` and so on. After a
kill the same command resumes where the journal ends.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from captiongan.base.files import naming, os_errors_as, remove_leftovers, whole_file
from captiongan.base.image_reading import UnusablePictureError
from captiongan.base.lines import MAXIMUM_LINE
from captiongan.data.folder import METADATA
from captiongan.data.importers.fitting import Fit, fitted
from captiongan.data.importers.items import Found, Item, Note, Rejected
from captiongan.data.importers.journal import JOURNAL, Account, Journal, read_journal
from captiongan.data.importers.source import MemberError
from captiongan.errors import DataError, OutputError

PICTURES = "pictures"

NOT_TEXT = "without those of its captions that are not UTF-8"
"""The remark on a picture that loses some of its captions."""

_SPLIT_NAMES = {"valid": "val", "validation": "val", "dev": "val", "training": "train"}
_SPLIT = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_UNWELCOME = re.compile(r"[^A-Za-z0-9._-]+")
_UNDECODED = re.compile("[\udc80-\udcff]")
_LONGEST_NAME = 100


def import_pictures(
    items: Iterator[Item],
    out: Path,
    wish: dict[str, Any],
    fit: Fit,
    limit: int | None = None,
    progress: Callable[[Account], None] = lambda _: None,
) -> Account:
    """Write what an importer yields into a folder, or resume that; return the final account.

    Args:
        items: the pictures, in a repeatable order.
        out: a new or empty folder, or one with an unfinished import of the same `wish`.
        wish: all that decides the result, as JSON values; it identifies the import.
        fit: what is kept of each picture.
        limit: stop after so many kept pictures.
        progress: receives the account after each item.

    Raises:
        DataError: the source cannot be read, or nothing in it is usable.
        OutputError: `out` holds something else, or cannot be written to.
    """
    wish = wish | asdict(fit) | {"limit": limit}
    what = f"out '{out}' cannot be written to"
    with os_errors_as(OutputError, what, "make room, or choose another folder"):
        journal = Journal.open(out / JOURNAL, wish)
        if journal is None:
            first = next(items, None)  # an unreadable source must leave nothing behind
            if first is None:
                raise DataError("the source has no pictures of this kind; name another")
            items = itertools.chain([first], items)
            journal = Journal.create(out / JOURNAL, wish)
        with journal:
            if not journal.complete:
                _import(items, out, fit, limit, journal, progress)
                _write_metadata(out)
                journal.write({"complete": True})
    if not journal.account.kept:
        reason = next(line for line in read_journal(out / JOURNAL) if "kind" in line)
        raise DataError(
            f"nothing usable in the source: {journal.account}, the first one {reason['name']}: "
            f"{reason['kind']} ({reason['reason']}); see all reasons in '{out / JOURNAL}'"
        )
    return journal.account


def _import(
    items: Iterator[Item],
    out: Path,
    fit: Fit,
    limit: int | None,
    journal: Journal,
    progress: Callable[[Account], None],
) -> None:
    before = journal.names.copy()
    for item in items:
        if limit is not None and journal.account.kept.total() >= limit:
            return
        if before[item.name]:  # a run before a kill wrote it
            before[item.name] -= 1
            continue
        journal.write(_dealt_with(item, out, fit, journal))
        progress(journal.account)


def _dealt_with(item: Item, out: Path, fit: Fit, journal: Journal) -> dict[str, Any]:
    """Write a picture; return its line of the journal, or the line of a reject."""
    if isinstance(item, Found):
        try:
            return _written(item, out, fit, journal)
        except MemberError as error:
            item = Rejected(item.name, error.kind, error.reason)
        except UnusablePictureError as error:
            item = Rejected(item.name, error.fault, error.reason)
    return asdict(item)


def _written(item: Found, out: Path, fit: Fit, journal: Journal) -> dict[str, Any]:
    note = item.note
    if item.name in journal.names:
        raise MemberError("duplicate", "another picture of the source has this name")
    captions, remarks = _captions(note)
    split = _split(note.split)
    picture = fitted(fit, item.read(), item.name, note.box)
    file_name = _file_name(item.name, picture.ending, journal.files)
    record = {"file_name": file_name, "text": captions}
    if note.label is not None and note.label.strip():
        if not _is_unicode(note.label):
            raise MemberError(_fault_of(note.label), "its class; save it in UTF-8")
        record["class"] = note.label
    line = {"name": item.name, "split": split} | record
    if remarks := [*remarks, *picture.remarks]:
        line["remarks"] = remarks
    if len(json.dumps(line)) >= MAXIMUM_LINE:
        raise MemberError("line too long", f"its captions come to more than {MAXIMUM_LINE} bytes")
    path = out / split / file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path):
        path.write_bytes(picture.content)
    return line


def _captions(note: Note) -> tuple[list[str], list[str]]:
    """Return the captions that are not blank and are text, and the remarks on the picture."""
    texts = [words for caption in note.captions if (words := " ".join(caption.split()))]
    if not texts:
        raise MemberError("no caption", "all are blank")
    captions = list(filter(_is_unicode, texts))
    if not captions:
        raise MemberError(_fault_of(texts[0]), "save the captions in UTF-8")
    remarks = list(note.remarks)
    if len(captions) < len(texts):
        remarks.append(NOT_TEXT)
    return captions, remarks


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault_of(text: str) -> str:
    """Tell bytes that are not UTF-8, as the readers mark them, from half a character."""
    return "not UTF-8" if _UNDECODED.search(text) else "bad caption"


def _split(name: str | None) -> str:
    if name is None or not name.strip():
        return ""
    split = name.strip().lower()
    split = _SPLIT_NAMES.get(split, split)
    if not _SPLIT.fullmatch(split) or split == PICTURES:
        raise MemberError("bad split", f"{name!r:.60}: use letters, digits, - and _, as in train")
    return split


def _file_name(name: str, ending: str, taken: set[str]) -> str:
    """Return a file name for a picture that is safe on all systems and not taken.

    It stays close to the name in the source; unsafe characters are replaced.
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
    """Write the captions of each split line by line, each file whole or not at all."""
    with ExitStack() as whole:
        works: dict[str, BinaryIO] = {}
        for line in read_journal(out / JOURNAL):
            if "file_name" in line:
                split = line.pop("split")
                del line["name"]
                line.pop("remarks", None)
                if split not in works:
                    remove_leftovers(out / split, METADATA)
                    works[split] = whole.enter_context(whole_file(out / split / METADATA))
                works[split].write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
