"""A tar archive is read to its end mark, or told to be damaged; none can take without bound."""

import io
import random
import tarfile
import time
import tracemalloc
from pathlib import Path

import pytest

from captiongan.data.importers.source import MemberError, members
from captiongan.errors import DataError

FILES = {f"{n:03}.txt": f"caption {n} ".encode() * 20 for n in range(12)}
LONG = {"deep/" * 40 + "a.txt": b"one", "b.txt": b"two"}
KINDS = {".tar": "w", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def archive(kind: str, files: dict[str, bytes] = FILES, layout: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=KINDS[kind], format=layout) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read(path: Path, content: bytes) -> dict[str, bytes]:
    path.write_bytes(content)
    return {each.name.removeprefix(f"{path.name}/"): each.read() for each in members(path)}


@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_of_either_layout_are_read(tmp_path: Path, layout: int) -> None:
    assert read(tmp_path / "x.tar", archive(".tar", LONG, layout)) == LONG


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_anywhere_is_told_or_has_lost_nothing(tmp_path: Path, kind: str) -> None:
    whole = archive(kind)
    places = random.Random(0).sample(range(len(whole)), 60)
    for place in [*places, *range(0, len(whole), 512)]:
        try:
            assert read(tmp_path / f"x{kind}", whole[:place]) == FILES, place
        except DataError as error:
            assert "is broken" in str(error)
        else:
            assert kind == ".tar" and place > len(FILES) * 1024  # within the padding at the end


def test_a_changed_bit_of_a_header_is_told(tmp_path: Path) -> None:
    whole = archive(".tar")
    moments = random.Random(0)
    for _ in range(100):
        damaged = bytearray(whole)
        header = 1024 * moments.randrange(len(FILES))
        damaged[header + moments.randrange(512)] ^= 1 << moments.randrange(8)
        with pytest.raises(DataError, match=r"is broken \(a header is damaged"):
            read(tmp_path / "x.tar", bytes(damaged))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != ".tar"])
def test_a_changed_bit_of_a_packed_archive_is_told_or_changes_nothing(
    tmp_path: Path, kind: str
) -> None:
    whole = archive(kind)
    moments = random.Random(0)
    for _ in range(80):
        damaged = bytearray(whole)
        damaged[moments.randrange(len(whole))] ^= 1 << moments.randrange(8)
        try:
            assert read(tmp_path / f"x{kind}", bytes(damaged)) == FILES
        except DataError as error:
            assert "is broken" in str(error)


def test_a_header_that_became_zeros_is_no_end(tmp_path: Path) -> None:
    whole = bytearray(archive(".tar"))
    whole[4 * 1024 : 4 * 1024 + 512] = bytes(512)
    with pytest.raises(DataError, match="something follows its end mark"):
        read(tmp_path / "x.tar", bytes(whole))


def header(kind: bytes, size: int, name: str = "a.jpg") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("digits", [100, 2**20])
def test_an_extended_header_takes_no_time(tmp_path: Path, digits: int) -> None:
    padding = bytes(-digits % 512)
    content = header(tarfile.XHDTYPE, digits) + b"1" * digits + padding + header(b"0", 0)
    before = time.process_time()
    with pytest.raises(DataError, match="is damaged"):
        read(tmp_path / "x.tar", content + bytes(1024))
    assert time.process_time() - before < 1


def test_of_extended_headers_nothing_is_kept_but_what_counts(tmp_path: Path) -> None:
    records = b"14 path=b.txt\n" + b"".join(b"11 x%05d=\n" % number for number in range(20_000))
    told, info = tarfile.TarInfo("x"), tarfile.TarInfo("a.txt")
    told.type, told.size = tarfile.XHDTYPE, len(records)
    content = told.tobuf() + records + bytes(-len(records) % 512) + info.tobuf() + bytes(10_240)
    tracemalloc.start()
    assert read(tmp_path / "x.tar", content) == {"b.txt": b""}
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert highest < 6 * len(content)


def test_a_file_with_holes_is_not_filled(tmp_path: Path) -> None:
    record = b"30 GNU.sparse.realsize=999999\n"
    assert len(record) == 30
    pax = header(tarfile.XHDTYPE, len(record)) + record.ljust(512, b"\0")
    old = bytearray(header(tarfile.GNUTYPE_SPARSE, 512, "old.jpg"))
    content = pax + header(b"0", 512, "new.jpg") + bytes(512) + old + bytes(512)
    (tmp_path / "x.tar").write_bytes(content + header(b"0", 0, "last.jpg") + bytes(1024))
    kinds = {}
    for member in members(tmp_path / "x.tar"):
        try:
            kinds[member.name] = member.read().decode()
        except MemberError as error:
            kinds[member.name] = error.kind
    assert kinds == {
        "x.tar/new.jpg": "no plain file",
        "x.tar/old.jpg": "no plain file",
        "x.tar/last.jpg": "",
    }


def test_a_negative_size_is_told(tmp_path: Path) -> None:
    block = bytearray(header(b"0", 0))
    block[124:136] = b"\xff" * 12
    block[148:156] = b" " * 8
    block[148:155] = f"{sum(block):06o}\0".encode()
    with pytest.raises(DataError, match="negative size"):
        read(tmp_path / "x.tar", bytes(block) + bytes(1024))
