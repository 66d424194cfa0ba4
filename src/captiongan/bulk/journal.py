"""The outcome of each shard, in a file of its own that is written before the shard appears."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from captiongan.base.files import replace_file, whole_file
from captiongan.bulk.prompt_file import Reject

JOURNAL = "journal"
REJECTS_FILE = "rejects.jsonl"


@dataclass(frozen=True)
class Entry:
    """The outcome of a shard.

    Attributes:
        pictures: number of pictures drawn.
        doubtful: number of rows with words that the text encoder hardly knows.
        rejects: the rows that were not drawn.
    """

    pictures: int
    doubtful: int
    rejects: Sequence[Reject]

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read an entry that `write_entry` wrote."""
        facts = json.loads(text)
        rejects = [Reject(**reject) for reject in facts.pop("rejects")]
        return cls(**facts, rejects=rejects)


@dataclass(frozen=True)
class Account:
    """The outcome of a whole job, in the numbers of `Entry`."""

    pictures: int
    doubtful: int
    rejects: int

    def __str__(self) -> str:
        """Return the account as one line."""
        told = f"{self.pictures:,} pictures, {self.rejects:,} rows rejected"
        if self.rejects:
            told += f" (see {REJECTS_FILE})"
        if self.doubtful:
            told += f", {self.doubtful:,} rows drawn with words that the bundle hardly knows"
        return told


def write_entry(out: Path, shard: int, entry: Entry) -> None:
    """Write the entry of a shard, counted from 0; raises OSError."""
    (out / JOURNAL).mkdir(exist_ok=True)
    replace_file(out / JOURNAL / f"{shard:06d}.json", json.dumps(asdict(entry)).encode() + b"\n")


def close_journal(out: Path) -> Account:
    """Write rejects.jsonl, in the order of the rows, and sum up; raises OSError."""
    pictures = doubtful = rejects = 0
    with whole_file(out / REJECTS_FILE) as file:
        for entry in _entries(out):
            pictures, doubtful = pictures + entry.pictures, doubtful + entry.doubtful
            rejects += len(entry.rejects)
            for reject in entry.rejects:
                file.write(json.dumps(asdict(reject)).encode() + b"\n")
    return Account(pictures, doubtful, rejects)


def _entries(out: Path) -> Iterator[Entry]:
    for path in sorted((out / JOURNAL).glob("[0-9]*.json")):
        yield Entry.from_json(path.read_bytes())
