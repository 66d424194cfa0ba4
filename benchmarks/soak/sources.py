"""Hostile sources of an import: archives that are cut or changed, and tables full of quotes.

What is lost without a word counts as a crash.
"""

import io
import json
import random
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import h5py
import pyarrow
from PIL import Image
from pyarrow import parquet

from benchmarks.soak.damage import damaged
from captiongan.data.importers import choose_importer
from captiongan.data.importers.fitting import Fit
from captiongan.data.importers.importing import import_pictures
from captiongan.data.importers.items import Request
from captiongan.data.importers.journal import JOURNAL
from captiongan.data.importers.source import MemberError, members

MEMBERS = {f"{number:03}.txt": f"a flower with {number} petals".encode() for number in range(12)}
ARCHIVES = (".tar", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
ROWS = 12
BREAKS = ('"', ",", ";", "\n", "\r", "\0", '""', "\udce9", "x" * 140_000)


class LostError(Exception):
    """Something is missing that nobody was told of."""


def hostile_archive(moments: random.Random, folder: Path) -> str:
    """Cut an archive or change a bit of it, and read all of it."""
    kind = moments.choice(ARCHIVES)
    path, content = folder / f"x{kind}", bytearray(_archive(kind))
    if moments.random() < 0.5:
        del content[moments.randrange(len(content)) :]
    else:
        place = moments.randrange(len(content))
        if kind == ".tar":  # which has checksums of its headers alone
            place = 1024 * moments.randrange(len(MEMBERS)) + place % 512
        content[place] ^= 1 << moments.randrange(8)
    path.write_bytes(content)
    found = {}
    for member in members(path):
        try:
            found[member.name.removeprefix(f"{path.name}/")] = member.read()
        except MemberError as error:
            return error.kind
    if found != MEMBERS:
        raise LostError(f"{kind}: {len(found)} of {len(MEMBERS)} files, or other content")
    return "read"


def hostile_table(moments: random.Random, folder: Path) -> str:
    """Break rows of a table of captions, and import what is left: other rows must be kept."""
    rows, plain = [], set[str]()
    for number in range(ROWS):
        Image.new("RGB", (9, 9)).save(folder / f"{number}.png")
        caption = list(f"a flower with {number} petals")
        if moments.random() < 0.3:
            caption.insert(moments.randrange(len(caption)), moments.choice(BREAKS))
        else:
            plain.add("".join(caption))
        rows.append(f"{number}.png,{''.join(caption)}")
    text = "\n".join(["file,caption", *rows, ""])
    (folder / "t.csv").write_bytes(text.encode(errors="surrogateescape"))
    out = folder / "out"
    import_pictures(choose_importer("csv")(Request(folder / "t.csv")), out, {}, Fit())
    lines = [json.loads(line) for line in (out / JOURNAL).read_text().splitlines()]
    kept = {text for line in lines for text in line.get("text", ())}
    if lost := plain - kept:
        raise LostError(f"the rows of {sorted(lost)}")
    return next((line["kind"] for line in lines if "kind" in line), "read")


def hostile_columns(moments: random.Random, folder: Path) -> str:
    """Damage a parquet file, or let it or a HDF5 file unpack to far more than it says; import."""
    moments.choice([_damaged_parquet, _long_lists, _shared_beginnings, _boundless_chunk])(
        moments, folder
    )
    (source,) = folder.iterdir()
    kind = "hdf5" if source.suffix == ".h5" else "hf"
    out = folder / "out"
    account = import_pictures(choose_importer(kind)(Request(source)), out, {}, Fit())
    return next(iter(account.rejected), "read")


def _damaged_parquet(moments: random.Random, folder: Path) -> None:
    captions = [["a rose", f"flower {number}"] for number in range(ROWS)]
    _write_parquet(moments, folder, captions)
    path = folder / "x.parquet"
    path.write_bytes(damaged(path.read_bytes(), moments))


def _long_lists(moments: random.Random, folder: Path) -> None:
    """Let one row have very many captions, in a file of some hundred bytes."""
    long = ["a rose"] * 2 ** moments.randrange(8, 17)
    _write_parquet(moments, folder, [long, ["a rose"]])


def _shared_beginnings(moments: random.Random, folder: Path) -> None:
    """Let each caption repeat a long one, which costs a byte."""
    captions = ["x" * 2 ** moments.randrange(6, 17)] * ROWS
    _write_parquet(
        moments,
        folder,
        captions,
        use_dictionary=False,
        column_encoding={"text": "DELTA_BYTE_ARRAY"},
    )


def _write_parquet(
    moments: random.Random, folder: Path, captions: Sequence[object], **options: object
) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (9, 9)).save(picture, "PNG")
    table = pyarrow.table({"image": [picture.getvalue()] * len(captions), "text": captions})
    packing = moments.choice(["none", "snappy", "gzip", "zstd"])
    parquet.write_table(table, folder / "x.parquet", compression=packing, **options)


def _boundless_chunk(moments: random.Random, folder: Path) -> None:
    """Say that a packed chunk has nine bytes, and let it have millions."""
    packed = zlib.compress(bytes(2 ** moments.randrange(2, 23)))
    with h5py.File(folder / "x.h5", "w") as file:
        group = file.create_group("train/a_0")
        group["txt"] = "a rose"
        data = group.create_dataset("img", (9,), "u1", chunks=(9,), compression="gzip")
        data.id.write_direct_chunk((0,), packed)


def _archive(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == ".zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in MEMBERS.items():
                packed.writestr(zipfile.ZipInfo(name), content)
        return buffer.getvalue()
    packing = {".tgz": "gz", ".tar.bz2": "bz2", ".tar.xz": "xz"}.get(kind, "")
    with tarfile.open(fileobj=buffer, mode=f"w:{packing}") as archive:  # type: ignore[call-overload]
        for name, content in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
