"""A job of bulk generation: all that decides what is in its folder, to the last bit."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from captiongan.base.files import replace_file, sha256_of
from captiongan.bulk.layouts import LAYOUTS
from captiongan.bulk.prompt_file import read_rows
from captiongan.bundle.bundle import MANIFEST, Bundle
from captiongan.draw.prompts import SEEDS, check_truncation, seeds_of
from captiongan.errors import BulkError
from captiongan.version import __version__

JOB_FILE = "job.json"


@dataclass(frozen=True)
class Job:
    """What is drawn: from which prompts, with which bundle, how, and how it is laid out.

    `rows` counts the rejected ones too; `shard_size` is the most pictures in a shard. Two runs of
    equal jobs write equal folders.
    """

    prompts_sha256: str
    prompts_format: str
    rows: int
    bundle: str
    bundle_version: str
    bundle_sha256: str
    n: int
    seed: int
    truncation: float
    layout: str
    shard_size: int
    captiongan: str

    @classmethod
    def of(
        cls,
        prompts: Path,
        bundle: Bundle,
        n: int,
        seed: int,
        truncation: float,
        layout: str,
        shard_size: int,
    ) -> Self:
        """Read the prompts once through, to know them again and to count them.

        Raises:
            BulkError: they cannot be read, `layout` is unknown, or `shard_size` is below `n`.
            PromptError: `n` or `truncation` is not as for `Pipeline.generate`, or `seed` leaves no
                room for a seed for each picture.
        """
        seeds_of(seed, n)
        truncation = check_truncation(truncation)
        if layout not in LAYOUTS:
            raise BulkError(f"layout {layout!r} must be one of {', '.join(LAYOUTS)}; choose one")
        if shard_size < n:
            raise BulkError(
                f"shard size {shard_size} is below n, {n}: the pictures of a prompt stay together; "
                "give a larger shard size"
            )
        rows = sum(1 for _ in read_rows(prompts))
        if rows == 0:
            raise BulkError(f"prompts '{prompts}' has no rows; write a prompt on each")
        if seed + n * rows > SEEDS:
            raise BulkError(
                f"seed {seed} leaves no room for {n * rows:,} pictures, one seed each, below 2**32;"
                f" give at most {max(SEEDS - n * rows, 0)}, or fewer prompts"
            )
        return cls(
            prompts_sha256=sha256_of(prompts),
            prompts_format=prompts.suffix.lower(),
            rows=rows,
            n=n,
            seed=seed,
            truncation=truncation,
            layout=layout,
            shard_size=shard_size,
            **_drawn_with(bundle),
        )

    @property
    def pictures(self) -> int:
        """How many pictures there are if no row is rejected."""
        return self.rows * self.n

    @property
    def rows_per_shard(self) -> int:
        """How many rows a shard has, the last perhaps fewer."""
        return self.shard_size // self.n

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-self.rows // self.rows_per_shard)

    def rows_in(self, shard: int) -> int:
        """How many rows the shard of that number has."""
        return min(self.rows_per_shard, self.rows - shard * self.rows_per_shard)

    def shard_path(self, out: Path, shard: int) -> Path:
        """Where in `out` the shard of that number is, once it is whole."""
        return out / f"{shard:06d}{LAYOUTS[self.layout].ending}"

    def claim(self, out: Path) -> None:
        """Make `out` the folder of this job, or know it again.

        Raises:
            BulkError: it holds another job, or something else.
            OSError: it cannot be written to.
        """
        out.mkdir(parents=True, exist_ok=True)
        file = out / JOB_FILE
        if not file.exists():
            if any(not path.name.startswith(".") for path in out.iterdir()):
                raise BulkError(
                    f"output folder '{out}' holds something that is no job of bulk generation; "
                    "name a new or an empty folder"
                )
            replace_file(file, json.dumps(asdict(self), indent=2).encode() + b"\n")
        elif differences := self._differences(_facts_in(file)):
            raise BulkError(
                f"output folder '{out}' holds another job: {'; '.join(differences)}; "
                "ask for the same as there, or name another folder"
            )

    def check_unchanged(self, prompts: Path) -> None:
        """Raise BulkError if the prompts, now that they are drawn, are no longer the job's."""
        if sha256_of(prompts) != self.prompts_sha256:
            raise BulkError(
                f"prompts '{prompts}' changed while they were drawn, must stay the same; "
                "draw them again into a new folder"
            )

    def misfits(self, bundle: Bundle) -> list[str]:
        """Say in what this bundle, and this captiongan, are not the job's."""
        return self._differences(asdict(self) | _drawn_with(bundle))

    def _differences(self, there: Mapping[str, object]) -> list[str]:
        here = asdict(self)
        return [
            f"{field.name} is {there.get(field.name)} there, {here[field.name]} now"
            for field in fields(self)
            if there.get(field.name) != here[field.name]
        ]


def _drawn_with(bundle: Bundle) -> dict[str, str]:
    return {
        "bundle": bundle.manifest.name,
        "bundle_version": bundle.manifest.version,
        "bundle_sha256": sha256_of(bundle.folder / MANIFEST),
        "captiongan": __version__,
    }


def _facts_in(file: Path) -> dict[str, object]:
    try:
        facts = json.loads(file.read_bytes())
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise BulkError(f"'{file}' is not what captiongan wrote; name another output folder")
    return facts
