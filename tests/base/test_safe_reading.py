"""A file of a folder that comes from anyone is a regular file inside it, or refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from captiongan.base.safe_reading import UnsafeFileError, open_regular, read_regular
from support import no_plain_files
from support.no_plain_files import endless, link, pipe, sparse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("private")
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "sub" / "note").write_text("note")
    return tmp_path / "folder"


def test_a_regular_file_of_at_most_so_many_bytes_is_read(folder: Path) -> None:
    note = folder / "sub" / "note"
    assert read_regular(note, folder, most=4) == b"note"
    with open_regular(note, folder, most=4) as file:
        assert file.read(2) == b"no"
    with pytest.raises(UnsafeFileError, match="it has 4 bytes, at most 3 are read"):
        read_regular(note, folder, most=3)


def test_the_folder_itself_may_be_a_link(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder, target_is_directory=True)
    assert read_regular(link / "sub" / "note", link, most=4) == b"note"


def link_within(place: Path) -> None:
    place.symlink_to("sub/note")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (link, "it is a link"),
        (link_within, "it is a link"),
        (endless, "it is a link"),
        (pipe, "it is not a regular file"),
        (no_plain_files.folder, "it is not a regular file"),
        (sparse, "it has 1,099,511,627,776 bytes"),
    ],
)
def test_anything_else_is_refused_at_once(
    folder: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(folder / "bad")
    with pytest.raises(UnsafeFileError, match=reason) as caught:
        read_regular(folder / "bad", folder, most=100)
    assert caught.value.filename == str(folder / "bad")


def test_a_link_on_the_way_is_refused(folder: Path) -> None:
    (folder / "way").symlink_to(folder.parent, target_is_directory=True)
    with pytest.raises(UnsafeFileError, match="it is a link"):
        read_regular(folder / "way" / "secret", folder, most=100)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/../../secret", "", "."])
def test_what_lies_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(UnsafeFileError):
        read_regular(folder / name, folder, most=10_000)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_an_impossible_name_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(UnsafeFileError, match="impossible name"):
        read_regular(folder / name, folder, most=10_000)


def test_a_missing_file_is_told_as_any_other(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(folder / "none", folder, most=100)


def test_a_pipe_or_a_link_that_comes_in_between_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captiongan.base.safe_reading._check_place", lambda *_: None)
    for make in (pipe, link):
        make(folder / make.__name__)
        with pytest.raises(OSError, match=r"not a regular file|symbolic links"):
            read_regular(folder / make.__name__, folder, most=100)


def test_a_file_without_a_size_of_its_own_is_refused() -> None:
    if not Path("/proc/version").is_file():
        pytest.skip("needs /proc")
    with pytest.raises(UnsafeFileError, match="changes while it is read"):
        read_regular(Path("/proc/version"), Path("/proc"), most=100)
