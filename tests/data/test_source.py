"""Archives and folders that mean harm, or are broken, are read safely or not at all."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captiongan.data.importers import source
from captiongan.data.importers.source import Member, MemberError, members
from captiongan.errors import DataError
from support.tiny_layouts import write_folder, write_tar, write_zip

FILES = {"deep/a.txt": b"one", "b.txt": b"two"}


def read(path: Path) -> dict[str, bytes | str]:
    """Return the content of each member, or the kind of fault."""

    def content(member: Member) -> bytes | str:
        try:
            return member.read()
        except MemberError as error:
            return error.kind

    return {member.name: content(member) for member in members(path)}


def test_a_folder_and_the_archives_in_it_are_one_tree(tmp_path: Path) -> None:
    write_folder(tmp_path, FILES | {".git/x": b"", "._b.txt": b""})
    write_tar(tmp_path / "x.tgz", FILES | {"._b.txt": b"", "__MACOSX/b.txt": b""})
    write_tar(tmp_path / "y.tar", {f"./{name}": content for name, content in FILES.items()})
    write_zip(tmp_path / "z.zip", FILES | {"__MACOSX/b.txt": b""})
    expected = {"b.txt": b"two", "deep/a.txt": b"one"}
    for archive in ("x.tgz", "y.tar", "z.zip"):
        expected |= {f"{archive}/{name}": content for name, content in FILES.items()}
    assert read(tmp_path) == expected


def tar_of(path: Path, *infos: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    return path


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/etc/a.jpg", "b/../../a.jpg", "b\\..\\a.jpg", "a\nb"]
)
def test_a_member_with_an_unsafe_name_is_not_read(tmp_path: Path, name: str) -> None:
    assert set(read(tar_of(tmp_path / "x.tar", entry(name, size=1))).values()) == {"unsafe name"}
    write_zip(tmp_path / "x.zip", {name: b"x"})
    assert set(read(tmp_path / "x.zip").values()) == {"unsafe name"}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_of_an_archive_are_not_followed(tmp_path: Path, kind: bytes) -> None:
    path = tar_of(tmp_path / "x.tar", entry("a.jpg", kind, "/etc/hostname"))
    assert read(path) == {"x.tar/a.jpg": "no plain file"}


def test_a_link_in_a_zip_is_not_followed(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a.jpg")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/hostname")
    assert read(tmp_path / "x.zip") == {"x.zip/a.jpg": "no plain file"}


def test_links_out_of_a_folder_and_pipes_in_it_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    write_folder(tmp_path / "data", {"a.jpg": b"one"})
    (tmp_path / "data" / "inside.jpg").symlink_to("a.jpg")
    (tmp_path / "data" / "outside.jpg").symlink_to(tmp_path / "secret.jpg")
    (tmp_path / "data" / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "data" / "up").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "data" / "pipe.jpg")
    assert read(tmp_path / "data") == {
        "a.jpg": b"one",
        "inside.jpg": b"one",
        "loop.jpg": "no plain file",
        "outside.jpg": "outside the folder",
        "pipe.jpg": "no plain file",
        "up/": "linked folder",
    }


@pytest.mark.parametrize("name", ["x.tar", "x.zip", "x"])
def test_a_file_above_the_limit_is_refused(tmp_path: Path, name: str) -> None:
    write = {"x.tar": write_tar, "x.zip": write_zip}.get(name, write_folder)
    write(tmp_path / name, {"a": b"x" * 11, "b": b"x" * 10})
    for member in members(tmp_path / name):
        if member.name.endswith("b"):
            assert member.read(10) == b"x" * 10
        else:
            with pytest.raises(MemberError, match="more than 10 bytes"):
                member.read(10)


@pytest.mark.parametrize("name", ["x.tgz", "x.zip"])
def test_an_archive_that_unfolds_without_end_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_FREE", 1000)
    path = tmp_path / name
    if name.endswith(".tgz"):
        write_tar(path, {"a": bytes(10**6)})
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a", bytes(10**6))
    with pytest.raises(DataError, match="more than 200 times its size"):
        read(path)


def test_a_header_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    info = entry("a.jpg", tarfile.XHDTYPE)
    info.size = 2**33
    (tmp_path / "x.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match="header of 8589934592 bytes"):
        read(tmp_path / "x.tar")


@pytest.mark.parametrize("name", ["x.tgz", "x.tar", "x.zip", "x.tar.xz", "x.tar.bz2"])
@pytest.mark.parametrize("content", [b"", b"not an archive" * 100])
def test_what_is_no_archive_is_refused_with_the_fix(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"is broken .* fetch it again"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["x.tgz", "x.zip"])
def test_a_cut_archive_is_told_after_what_was_whole_of_it(tmp_path: Path, name: str) -> None:
    files = {f"{n}.bin": os.urandom(50_000) for n in range(20)}
    (write_tar if name == "x.tgz" else write_zip)(tmp_path / name, files)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    got = []
    with pytest.raises(DataError, match="is broken"):
        for member in members(tmp_path):
            got.append(member.read())  # noqa: PERF401  # what came before the error counts
    assert len(got) >= 4 if name == "x.tgz" else not got


def whole_archives() -> list[tuple[str, bytes]]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(entry("a.txt", size=5), io.BytesIO(b"hello"))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.txt", "hello")
    return [("x.tgz", buffer.getvalue()), ("x.zip", other.getvalue())]


ARCHIVES = whole_archives()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ARCHIVES), st.data())
def test_no_damage_to_an_archive_gives_anything_but_its_content_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, archive: tuple[str, bytes], data: st.DataObject
) -> None:
    name, content = archive
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("archive") / name
    path.write_bytes(bytes(damaged))
    try:
        read(path)
    except DataError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("count", "comment"), [(0, b""), (1, b"made by hand"), (9, b""), (70_000, b"made by hand")]
)
def test_a_zip_of_any_number_of_files_is_whole(tmp_path: Path, count: int, comment: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.comment = comment
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    assert sum(1 for _ in members(tmp_path / "x.zip")) == count


def test_a_zip_whose_list_is_shortened_by_a_changed_length_is_told(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip", {f"{number}.txt": b"a rose" for number in range(12)})
    content = bytearray((tmp_path / "x.zip").read_bytes())
    third = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    content[third + 32] = 5 * (46 + 5)  # the length of its comment, which takes the files after it
    (tmp_path / "x.zip").write_bytes(bytes(content))
    with pytest.raises(DataError, match="it lists 7 of 12 files"):
        read(tmp_path / "x.zip")


def test_nothing_at_the_source_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "nowhere")
