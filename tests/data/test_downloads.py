"""Downloads from a server that breaks off, lies, and sends the wrong bytes."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from captiongan.data.downloads import TRIES, announcement, fetch_all
from captiongan.data.published import DataSet, RemoteFile, choose_data_set
from captiongan.errors import DataError, OutputError
from support.command_line import captiongan
from support.little_room import room_for


def archive(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for number in range(8):
            content = hashlib.shake_128(f"{seed} {number}".encode()).digest(4000)
            info = tarfile.TarInfo(f"{number}.bin")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


CONTENT = archive()
FILE = RemoteFile(
    "x.tgz", "", b"\x1f\x8b", len(CONTENT), hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
)
UNCHECKED = replace(FILE, size=None, md5=None)


class Server(ThreadingHTTPServer):
    """What it sends, how, and the requests that it got."""

    content = CONTENT
    tag = '"1"'
    ranges = True
    shift = 0
    """Added to the place that is asked for."""
    breaks_after: int | None = None
    """Bytes of each answer before the connection breaks."""
    claims_more = 0
    """Added to each announced length."""
    answers: tuple[int, ...] = ()
    """Codes of the first answers, in place of the content."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if len(server.asked) <= len(server.answers):
            self.send_error(server.answers[len(server.asked) - 1])
            return
        same = self.headers.get("If-Range") in (None, server.tag)
        start = int(wanted[6:-1]) + server.shift if wanted and server.ranges and same else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            whole = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(len(body) + server.claims_more))
        self.send_header("ETag", server.tag)
        self.end_headers()
        self.wfile.write(body[: server.breaks_after])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(server: Server, folder: Path, file: RemoteFile = FILE) -> Path:
    fetch_all(DataSet("Toys.", "Free.", (file,)), folder, server.url, pause=lambda _: None)
    return folder / file.name


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_download_that_has_no_room_names_the_file_and_goes_on_later(
    server: Server, tmp_path: Path
) -> None:
    with room_for(10_000), pytest.raises(OutputError, match=r"File too large: '.*x\.tgz\.part'"):
        fetch(server, tmp_path)
    assert not (tmp_path / "x.tgz").exists()
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=10000-"]


@pytest.mark.parametrize("file", [FILE, UNCHECKED])
def test_a_file_is_fetched_whole_and_nothing_else_is_left(
    server: Server, tmp_path: Path, file: RemoteFile
) -> None:
    assert fetch(server, tmp_path, file).read_bytes() == CONTENT
    assert names(tmp_path) == {"x.tgz", "checksums.json"}


@pytest.mark.parametrize("file", [FILE, UNCHECKED])
def test_a_connection_that_breaks_again_and_again_is_resumed_where_it_broke(
    server: Server, tmp_path: Path, file: RemoteFile
) -> None:
    server.breaks_after = 3000
    assert fetch(server, tmp_path, file).read_bytes() == CONTENT
    assert server.asked == [None] + [f"bytes={start}-" for start in range(3000, len(CONTENT), 3000)]


def test_what_an_earlier_command_began_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    (tmp_path / "x.tgz.part").write_bytes(CONTENT[:5000])
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=5000-"]


def test_a_file_that_changed_meanwhile_is_begun_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "x.tgz.part").write_bytes(archive(1)[:5000])
    (tmp_path / "x.tgz.part.tag").write_text('"0"')
    assert fetch(server, tmp_path, UNCHECKED).read_bytes() == CONTENT
    assert len(server.asked) == 1  # the server itself saw that it is another version


@pytest.mark.parametrize("shift", [-100, 100])
def test_another_part_than_was_asked_for_is_not_appended(
    server: Server, tmp_path: Path, shift: int
) -> None:
    server.shift = shift
    (tmp_path / "x.tgz.part").write_bytes(CONTENT[:5000])
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=5000-", None]


def test_a_server_without_ranges_begins_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "x.tgz.part").write_bytes(CONTENT[:5000])
    assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("file", [FILE, UNCHECKED])
def test_a_length_that_is_announced_too_large_does_no_harm(
    server: Server, tmp_path: Path, file: RemoteFile
) -> None:
    server.claims_more = 10
    assert fetch(server, tmp_path, file).read_bytes() == CONTENT


@pytest.mark.parametrize("file", [FILE, UNCHECKED])
def test_a_length_that_is_announced_too_small_gives_no_cut_file(
    server: Server, tmp_path: Path, file: RemoteFile
) -> None:
    server.claims_more = -5000
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch(server, tmp_path, file)
    assert "x.tgz" not in names(tmp_path)


def test_a_server_that_is_busy_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.answers = (503, 429)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_a_file_that_is_not_there_is_one_line_with_the_way_out(
    server: Server, tmp_path: Path
) -> None:
    server.answers = (404,) * TRIES
    with pytest.raises(DataError, match=r"answers 404.*--mirror, or put x.tgz into '.*' yourself"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1
    assert not names(tmp_path)


def test_a_server_that_never_gets_further_is_given_up_and_what_came_is_kept(
    server: Server, tmp_path: Path
) -> None:
    server.answers = (503,) * 2 * TRIES
    (tmp_path / "x.tgz.part").write_bytes(CONTENT[:5000])
    with pytest.raises(DataError, match="answers 503"):
        fetch(server, tmp_path)
    assert len(server.asked) == TRIES
    assert (tmp_path / "x.tgz.part").read_bytes() == CONTENT[:5000]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>" + bytes(len(CONTENT) - 6), "another kind of file, such as a web page"),
        (archive(1)[: len(CONTENT)], "its md5 is not"),
        (CONTENT + b"x", "more than"),
    ],
)
def test_wrong_bytes_are_refused_and_not_kept(
    server: Server, tmp_path: Path, content: bytes, says: str
) -> None:
    server.content = content
    with pytest.raises(DataError, match=says):
        fetch(server, tmp_path)
    assert not names(tmp_path)
    assert len(server.asked) == 2  # a second try, from the beginning


def test_a_cut_archive_without_a_published_checksum_is_refused(
    server: Server, tmp_path: Path
) -> None:
    server.content = CONTENT[: len(CONTENT) // 2]
    with pytest.raises(DataError, match="is broken"):
        fetch(server, tmp_path, UNCHECKED)


def test_no_connection_is_one_line(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no connection"):
        fetch_all(DataSet("", "", (FILE,)), tmp_path, "http://127.0.0.1:9", pause=lambda _: None)
    assert not server.asked


def test_a_file_that_is_here_is_checked_and_not_fetched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_bytes(CONTENT)
    fetch(server, tmp_path)
    assert not server.asked
    (tmp_path / "x.tgz").write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(DataError, match=r"is not the published file .*; remove it"):
        fetch(server, tmp_path)


def test_a_checksum_that_is_not_published_holds_from_the_first_use_on(
    server: Server, tmp_path: Path
) -> None:
    fetch(server, tmp_path, UNCHECKED).unlink()
    server.content = archive(1)
    with pytest.raises(DataError, match="sha256 is not that of the first use"):
        fetch(server, tmp_path, UNCHECKED)


def test_a_mirror_is_an_address(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--mirror 'file:///etc'"):
        fetch_all(choose_data_set("birds"), tmp_path, "file:///etc")


@pytest.mark.parametrize("name", ["flowers", "birds"])
def test_size_terms_and_files_are_told_before_anything_is_fetched(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert captiongan("data", "get", name, tmp_path / "new") == 1
    told = capsys.readouterr().out
    data_set = choose_data_set(name)
    assert data_set.terms in told and "put files of these names there yourself" in told
    assert all(f"{file.name} (" in told and file.url in told for file in data_set.files)
    assert not (tmp_path / "new").exists()


def test_what_is_here_is_told(tmp_path: Path) -> None:
    (tmp_path / "setid.mat").touch()
    lines = announcement(choose_data_set("flowers"), tmp_path)
    assert any("setid.mat (0.0 MB, is here)" in line for line in lines)


def test_an_unknown_data_set_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert captiongan("data", "get", "cars", tmp_path) == 2
    assert "choose one of flowers, birds" in capsys.readouterr().err
