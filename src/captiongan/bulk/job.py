"""A job of bulk generation: everything that decides the content of its folder, bit for bit."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from captiongan.base.files import replace_file, sha256_of
from captiongan.bulk.layouts import LAYOUTS
from captiongan.bulk.prompt_file import read_rows
from captiongan.bundle.bundle import Bundle
from captiongan.bundle.manifest import MANIFEST
from captiongan.draw.prompts import SEEDS, check_truncation, seeds_of
from captiongan.errors import BulkError
from captiongan.version import __version__

JOB_FILE = "job.json"


@dataclass(frozen=True)
class Job:
    """The prompts, the bundle, the drawing options and the layout; equal jobs write equal folders.

    Attributes:
        rows: rows of the file of prompts, including the rejected ones.
        n: pictures of each row.
        shard_size: most pictures in a shard.
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
        """Read all prompts once, to count and fingerprint them.

        Raises:
            BulkError: the prompts cannot be read, `layout` is unknown, or `shard_size` is below
                `n`.
            PromptError: `n` or `truncation` breaks the rule of `Pipeline.generate`, or `seed`
                leaves no room for the seeds of all pictures.
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
            raise BulkError(f"prompts '{prompts}' has no rows; write one prompt per row")
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
        """Number of pictures if no row is rejected."""
        return self.rows * self.n

    @property
    def rows_per_shard(self) -> int:
        """Number of rows in a shard; the last one may have fewer."""
        return self.shard_size // self.n

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.rows // self.rows_per_shard)

    def rows_in(self, shard: int) -> int:
        """Return the number of rows in a shard, counted from 0."""
        return min(self.rows_per_shard, self.rows - shard * self.rows_per_shard)

    def shard_path(self, out: Path, shard: int) -> Path:
        """Return the path in `out` of a shard, counted from 0, once it is complete."""
        return out / f"{shard:06d}{LAYOUTS[self.layout].ending}"

    def claim(self, out: Path) -> None:
        """Make `out` the folder of this job, or check that it is.

        Raises:
            BulkError: it holds another job, or something else.
            OSError: it cannot be written to.
        """
        out.mkdir(parents=True, exist_ok=True)
        file = out / JOB_FILE
        if not file.exists():
            if any(not path.name.startswith(".") for path in out.iterdir()):
                raise BulkError(
                    f"output folder '{out}' holds something other than a job of bulk generation; "
                    "name a new or an empty folder"
                )
            replace_file(file, json.dumps(asdict(self), indent=2).encode() + b"\n")
        elif differences := self._differences(_facts_in(file)):
            raise BulkError(
                f"output folder '{out}' holds another job: {'; '.join(differences)}; "
                "repeat the options of that job, or name another folder"
            )

    def check_unchanged(self, prompts: Path) -> None:
        """Raise BulkError if the file of prompts has changed since the job began."""
        if sha256_of(prompts) != self.prompts_sha256:
            raise BulkError(
                f"prompts '{prompts}' changed during the job, must stay the same; "
                "draw them again into a new folder"
            )

    def misfits(self, bundle: Bundle) -> list[str]:
        """Return how this bundle and this captiongan differ from the job's, as sentences."""
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
        raise BulkError(f"'{file}' is not a file that captiongan wrote; name another output folder")
    return facts
