"""The journal of an import: what was asked, then a line for each item, to resume from."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captiongan.base.files import naming, replace_file
from captiongan.errors import OutputError

JOURNAL = "import.jsonl"
"""Name of the journal in the folder of an import."""


@dataclass
class Account:
    """How many pictures of a source were kept, by split, and rejected, by reason.

    Pictures without a split count under the empty name. `remarks` counts what there is to tell of
    kept pictures.
    """

    kept: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """How many items the source has yielded so far."""
        return self.kept.total() + self.rejected.total()

    def __str__(self) -> str:
        """One line: `12 read, 10 kept, 2 rejected`."""
        return f"{self.read} read, {self.kept.total()} kept, {self.rejected.total()} rejected"


class Journal:
    """What the user asked for, and the fate of each item so far; appended to line by line.

    A context manager: `write` works inside its block.
    """

    def __init__(self, path: Path) -> None:
        self.account = Account()
        self.names: Counter[str] = Counter()
        self.files: set[str] = set()
        self.complete = False
        self._path = path

    @classmethod
    def create(cls, path: Path, wish: dict[str, Any]) -> "Journal":
        """Begin a journal in a new or empty folder.

        Raises:
            OutputError: the folder holds something.
            OSError: the folder cannot be written to.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if any(path.parent.iterdir()):
            raise OutputError(
                f"out '{path.parent}' is not empty and holds no import to resume; choose another"
            )
        cls._begin(path, wish)
        return cls(path)

    @classmethod
    def open(cls, path: Path, wish: dict[str, Any]) -> "Journal | None":
        """Open a journal to resume from; None if there is none.

        One that has kept nothing begins anew: there is nothing to lose, and what was wrong with
        the source may be corrected.

        Raises:
            OutputError: it is the journal of another import, or damaged.
            OSError: it cannot be read.
        """
        if not path.is_file():
            return None
        lines = read_journal(path)
        begun = next(lines, {}).get("wish") or {}
        journal = cls(path)
        for line in lines:
            journal._remember(line)
        if not journal.account.kept:
            cls._begin(path, wish)
            return cls(path)
        _check_same(path.parent, begun, json.loads(json.dumps(wish)))
        _drop_torn_line(path)
        return journal

    @staticmethod
    def _begin(path: Path, wish: dict[str, Any]) -> None:
        replace_file(path, (json.dumps({"wish": wish}) + "\n").encode())

    def __enter__(self) -> "Journal":
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        with naming(self._path):  # where the disk is full, what `write` could not write fails again
            self._file.close()

    def write(self, line: dict[str, Any]) -> None:
        """Append a line, and count it in the account."""
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._remember(line)

    def _remember(self, line: dict[str, Any]) -> None:
        if line.get("complete"):
            self.complete = True
        elif "file_name" in line:
            self.account.kept[line["split"]] += 1
            self.account.remarks.update(line.get("remarks", ()))
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
                    f"'{path}' is damaged ({error}); remove the folder, and import again"
                ) from error


def _check_same(out: Path, begun: dict[str, Any], wish: dict[str, Any]) -> None:
    """Raise OutputError unless an import was begun with this wish, from this content.

    A journal of an older version lacks the options that it did not know; they asked for nothing.
    """
    differing = [key for key in wish if (begun.get(key) or None) != (wish[key] or None)]
    if "content" not in begun:  # as of older versions
        differing = [key for key in differing if key != "content"]
    if differing == ["content"]:
        raise OutputError(
            f"out '{out}' holds an import of this source as it was before it changed; remove that "
            "folder to import anew, or choose another"
        )
    if differing:
        raise OutputError(
            f"out '{out}' holds another import (differing in {', '.join(differing)}); "
            "repeat its arguments to resume it, or choose another folder"
        )


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line that a kill left incomplete."""
    with path.open("rb+") as file:
        file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))
