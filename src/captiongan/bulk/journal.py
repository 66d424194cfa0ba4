"""The outcome of each shard, in a file of its own that is written before the shard appears."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from captiongan.base.files import replace_file, whole_file
from captiongan.base.lines import BadTextError, parsed_object
from captiongan.bulk.prompt_file import Reject

JOURNAL = "journal"
REJECTS_FILE = "rejects.jsonl"


@dataclass(frozen=True)
class Entry:
    """The outcome of a shard.

    Attributes:
        pictures: number of pictures drawn.
        doubtful: number of rows with words that the bundle hardly knows or follows.
        rejects: the rows that were not drawn.
    """

    pictures: int
    doubtful: int
    rejects: Sequence[Reject]

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read an entry that `write_entry` wrote; raises BadTextError, KeyError or TypeError."""
        facts: dict[str, Any] = parsed_object(text)
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
            told += f", {self.doubtful:,} rows drawn with words that the bundle hardly knows or "
            told += "follows"
        return told


def write_entry(out: Path, shard: int, entry: Entry) -> None:
    """Write the entry of a shard, counted from 0; raises OSError."""
    (out / JOURNAL).mkdir(exist_ok=True)
    replace_file(_file(out, shard), json.dumps(asdict(entry)).encode() + b"\n")


def read_entry(out: Path, shard: int) -> Entry | None:
    """Return the entry of a shard, counted from 0; None if it is absent or damaged."""
    try:
        return Entry.from_json(_file(out, shard).read_bytes())
    except (OSError, BadTextError, KeyError, TypeError):
        return None


def close_journal(out: Path, shards: int) -> Account:
    """Write rejects.jsonl, in the order of the rows, and sum up; raises OSError."""
    pictures = doubtful = rejects = 0
    with whole_file(out / REJECTS_FILE) as file:
        for entry in (Entry.from_json(_file(out, shard).read_bytes()) for shard in range(shards)):
            pictures, doubtful = pictures + entry.pictures, doubtful + entry.doubtful
            rejects += len(entry.rejects)
            for reject in entry.rejects:
                file.write(json.dumps(asdict(reject)).encode() + b"\n")
    return Account(pictures, doubtful, rejects)


def _file(out: Path, shard: int) -> Path:
    return out / JOURNAL / f"{shard:06d}.json"
