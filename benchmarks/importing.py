"""How much memory and time an import takes, by the number of pictures.

    python -m benchmarks importing 1000 10000 100000

Toy flowers of 64 x 64 pixels, 1,000 different ones over and over, each with five captions, are
written as WebDataset shards, and as a zip archive with a table; each is imported in a process of
its own, then shown. Prints a line for each: pictures, seconds of processor time, peak of memory.
"""

import csv
import io
import os
import sys
import tarfile
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import typer

from captiongan.data.toy import captions, draw, toy_flower

app = typer.Typer(pretty_exceptions_enable=False)

SIDE = 64
DIFFERENT = 1000
SHARD = 10_000


@app.command()
def main(sizes: Annotated[list[int], typer.Argument(help="Numbers of pictures.")]) -> None:
    """Measure imports and pages of toy sets of these sizes."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            write_shards(work / "shards", size)
            write_table(work / "table", size)
            for kind, source in (("webdataset", "shards"), ("csv", "table")):
                out = work / f"from-{source}"
                report(f"import {kind}", size, "import", kind, work / source, out)
            report("show", size, "show", out, "--out", work / "page.html")


def report(title: str, size: int, *arguments: object) -> None:
    """Run a verb of `captiongan data` and print what it took."""
    command = [sys.executable, "-m", "captiongan", "data", *map(str, arguments)]
    child = os.posix_spawn(
        sys.executable,
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    assert status == 0, command
    seconds, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    typer.echo(f"{title}: {size:,} pictures, {seconds:.1f} s, {peak:.0f} MB")


def write_shards(root: Path, size: int) -> None:
    """Write WebDataset shards."""
    root.mkdir()
    for first in range(0, size, SHARD):
        with tarfile.open(root / f"shard-{first // SHARD:06d}.tar", "w") as archive:
            for number in range(first, min(first + SHARD, size)):
                content, texts = flower(number % DIFFERENT)
                add(archive, f"{number:08d}.jpg", content)
                add(archive, f"{number:08d}.txt", "\n".join(texts).encode())


def write_table(root: Path, size: int) -> None:
    """Write a zip archive of pictures and a table of captions."""
    root.mkdir()
    with (
        zipfile.ZipFile(root / "pictures.zip", "w") as archive,
        (root / "captions.csv").open("w", newline="") as file,
    ):
        rows = csv.writer(file)
        rows.writerow(["file", "caption"])
        for number in range(size):
            content, texts = flower(number % DIFFERENT)
            archive.writestr(f"{number:08d}.jpg", content)
            rows.writerows((f"{number:08d}.jpg", text) for text in texts)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file to an archive."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


@lru_cache(maxsize=DIFFERENT)
def flower(number: int) -> tuple[bytes, tuple[str, ...]]:
    """Return a flower as a JPEG file, and its captions."""
    buffer = io.BytesIO()
    drawn = toy_flower(0, number)
    draw(drawn, SIDE).save(buffer, "JPEG", quality=90)
    return buffer.getvalue(), captions(drawn)
