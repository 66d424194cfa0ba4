"""Layouts of drawn pictures in a folder: tar files (WebDataset) or captioned folders.

A shard appears whole or not at all. Its bytes depend on its pictures alone.
"""

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from captiongan.base.files import whole_file, whole_folder
from captiongan.data.folder import METADATA

Facts = Mapping[str, object]

Add = Callable[[str, bytes, Facts], None]
"""Puts a picture into a shard: its name without an ending, its PNG, and its facts."""


@dataclass(frozen=True)
class Layout:
    """A layout of pictures.

    Attributes:
        ending: how the name of a shard ends.
        writing: opens a shard for writing.
        finish: completes the folder once all shards are there.
    """

    ending: str
    writing: Callable[[Path], AbstractContextManager[Add]]
    finish: Callable[[Path], None]


@contextmanager
def webdataset(shard: Path) -> Iterator[Add]:
    """Write a tar file in which NAME.png and NAME.json lie side by side."""
    with (
        whole_file(shard) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):

        def add(name: str, png: bytes, facts: Facts) -> None:
            for member, content in ((f"{name}.png", png), (f"{name}.json", _json(facts))):
                entry = tarfile.TarInfo(member)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))

        yield add


@contextmanager
def imagefolder(shard: Path) -> Iterator[Add]:
    """Write a captioned folder: NAME.png, and a line for each in metadata.jsonl."""
    with whole_folder(shard) as folder, (folder / METADATA).open("wb") as metadata:

        def add(name: str, png: bytes, facts: Facts) -> None:
            (folder / f"{name}.png").write_bytes(png)
            metadata.write(_json({"file_name": f"{name}.png", "text": facts["prompt"], **facts}))

        yield add


def join_metadata(out: Path) -> None:
    """Write the metadata.jsonl that makes one captioned folder of all shards."""
    with whole_file(out / METADATA) as whole:
        for part in sorted(out.glob(f"[0-9]*/{METADATA}")):
            with part.open("rb") as lines:
                for line in lines:
                    record = json.loads(line)
                    place = f"{part.parent.name}/{record['file_name']}"
                    whole.write(_json(record | {"file_name": place}))


def _json(facts: Facts) -> bytes:
    return json.dumps(facts, ensure_ascii=False).encode() + b"\n"


LAYOUTS: Mapping[str, Layout] = {
    "webdataset": Layout(".tar", webdataset, lambda _: None),
    "imagefolder": Layout("", imagefolder, join_metadata),
}
"""Each layout by its name."""
