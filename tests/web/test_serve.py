"""`captiongan serve` as a process of its own: its address, its connections, its end."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2 as httpx
import pytest

from captiongan.bundle.bundle import Bundle
from captiongan.errors import CaptionganError
from captiongan.web.limits import Limits
from captiongan.web.serve import TOKEN_VARIABLE, _listen, token_of
from support.command_line import captiongan
from support.tiny_bundle import write_tiny_bundle
from support.web_server import serving

ASKED = b'{"prompt": "a red flower"}'
POST = b"POST /v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A server that waits for nobody: half a second for a body, twenty connections."""
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("served") / "tiny")
    limits = ("--limit", "body_seconds=0.5", "--limit", "connections=20")
    with serving("--bundle", bundle.folder, *limits) as (address, _):
        host, port = address.removeprefix("http://").split(":")
        yield host, int(port)


def exchange(address: tuple[str, int], *parts: bytes, pause: float = 0) -> bytes:
    """Send bytes with pauses; return all that comes back until the server hangs up."""
    with socket.create_connection(address, timeout=30) as connection:
        received = b""
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while more := connection.recv(65536):
                received += more
        except ConnectionError:
            pass
        return received


def test_it_tells_its_address_and_draws_there(address: tuple[str, int]) -> None:
    assert re.fullmatch(r"127\.0\.0\.1:\d+", "{}:{}".format(*address))
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(ASKED)
    answer = exchange(address, head + ASKED)
    assert answer.startswith(b"HTTP/1.1 200") and b'"png"' in answer
    assert b"\r\nserver:" not in answer.lower()


def test_a_body_that_trickles_in_is_given_up(address: tuple[str, int]) -> None:
    answer = exchange(address, POST + b"Content-Length: 999\r\n\r\n", *[b" "] * 8, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 408") and b"send it faster" in answer


@pytest.mark.parametrize("begun", [b"", b"GET / HT", POST])
def test_who_never_finishes_a_request_is_hung_up_on(address: tuple[str, int], begun: bytes) -> None:
    assert exchange(address, begun) == b""


@pytest.mark.parametrize(
    "request_line",
    [b"GET\r\n\r\n", b"\xff\xfe\x00\r\n\r\n", b"GET /\xc3\xa4 HTTP/1.1\r\nHost: localhost\r\n\r\n"],
)
def test_what_is_no_http_gets_an_answer_with_all_headers(
    address: tuple[str, int], request_line: bytes
) -> None:
    answer = exchange(address, request_line)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and b"content-security-policy: default-src" in head
    assert json.loads(body)["error"]["message"].startswith("this is not valid HTTP")


def test_a_body_without_end_is_refused_and_not_read_on(address: tuple[str, int]) -> None:
    head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = exchange(address, head, *[chunk] * 6, pause=0.02)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_breaks_after_it_was_refused_is_no_failure(address: tuple[str, int]) -> None:
    head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"50000\r\n" + b" " * 0x50000 + b"\r\n"
    answer = exchange(address, head, chunk, b"this is no chunk\r\n", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 413") and answer.count(b"HTTP/1.1") == 1


def test_connections_beyond_the_limit_are_hung_up_on_and_the_others_served(
    address: tuple[str, int],
) -> None:
    crowd = [socket.create_connection(address, timeout=30) for _ in range(60)]
    try:
        time.sleep(0.1)
        refused = 0
        for connection in crowd:
            connection.setblocking(False)
            try:
                refused += connection.recv(1) == b""
            except BlockingIOError:
                pass
            except ConnectionError:
                refused += 1
        assert refused == 40
    finally:
        for connection in crowd:
            connection.close()
    time.sleep(0.1)
    assert exchange(address, b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")


def test_another_name_is_answered_only_if_allowed(address: tuple[str, int]) -> None:
    asked = b"GET /healthz HTTP/1.0\r\nHost: rebound.example\r\n\r\n"
    assert exchange(address, asked).startswith(b"HTTP/1.1 421")


def test_who_does_not_read_the_answer_is_hung_up_on(tiny: Bundle) -> None:
    asked = json.dumps({"prompts": ["a red flower " * 75] * 16, "steps": 18}).encode()
    head = POST.replace(
        b"generate", b"interpolate"
    ) + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(asked)
    with serving("--bundle", tiny.folder, "--limit", "seconds=2") as (address, _):
        host, port = address.removeprefix("http://").split(":")
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((host, int(port)))
            connection.sendall(head + asked)
            begun = connection.recv(2048)
            assert begun.startswith(b"HTTP/1.1 200")
            wanted = re.search(rb"content-length: (\d+)", begun)
            time.sleep(4)
            received = len(begun)
            with suppress(ConnectionError):
                while more := connection.recv(65536):
                    received += len(more)
    assert wanted and received < int(wanted[1])


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_when_what_is_running_is_done(ended_by: signal.Signals) -> None:
    with serving("--bundle", "flowers") as (address, process):
        answers: list[httpx.Response] = []

        def ask() -> None:
            asked = {"prompt": "a red flower", "n": 64}
            answers.append(httpx.post(f"{address}/v1/generate", json=asked, timeout=60))

        asking = threading.Thread(target=ask)
        asking.start()
        while "captiongan_batch_pictures_count" not in httpx.get(f"{address}/metrics").text:
            time.sleep(0.01)
        process.send_signal(ended_by)
        asking.join()
        assert [len(answer.json()["pictures"]) for answer in answers] == [64]
        assert process.wait(60) in (0, -signal.SIGTERM)
        assert process.stderr and process.stderr.read() == ""


def test_an_answer_does_not_wait_for_the_client_to_acknowledge_its_beginning() -> None:
    with _listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_one_line(tiny: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert captiongan("serve", "--bundle", tiny.folder, "--port", port) == 2
    told = capsys.readouterr().err
    assert f"cannot listen on --host 127.0.0.1 --port {port}" in told and told.count("\n") == 1


def test_without_its_packages_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['fastapi', 'uvicorn', 'starlette'])); "
        "from captiongan.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "serve"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "install the web half: pip install 'captiongan[serve]'" in done.stderr


def test_a_token_is_the_word_in_the_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert token_of(None) is None
    monkeypatch.setenv(TOKEN_VARIABLE, "from-outside")
    assert token_of(None) == "from-outside"
    (tmp_path / "token").write_text("from-file\n")
    assert token_of(tmp_path / "token") == "from-file"


@pytest.mark.parametrize("content", [b"", b"two words", b"sch\xc3\xb6n", b"\xff", b"a\nb", None])
def test_what_cannot_be_a_token_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CaptionganError, match=r"^--token-file '.*' (is no token|cannot be read)"):
        token_of(file)


def test_an_empty_token_in_the_environment_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "")
    with pytest.raises(CaptionganError, match=f"{TOKEN_VARIABLE} is no token"):
        token_of(None)


def test_every_limit_is_documented_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "serve.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d.,]+) \|", page, re.MULTILINE))
    assert told == {name: f"{value:,}" for name, value in vars(Limits()).items()}
