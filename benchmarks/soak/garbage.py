"""Bytes that are no request as it should be, and what a server makes of them."""

import json
import random
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import captiongan
from benchmarks.soak.damage import damaged

CLIENTS = 16
PATIENCE = 30.0
"""Seconds after which a server that neither answers nor hangs up counts as hanging."""

INSIDE = re.compile(
    rb"Traceback \(most|site-packages|" + re.escape(str(Path(captiongan.__file__).parent).encode())
)
"""What no answer may tell."""

Address = tuple[str, int]


@dataclass(frozen=True)
class Requests:
    """What became of a number of requests.

    `answers` counts them by status, "hung up" where the server closed the connection without one,
    and "left" where the client did not wait; `findings` are answers that must not be.
    """

    tried: int
    answers: dict[str, int]
    findings: list[str]


def send_garbage(address: Address, count: int, moments: random.Random) -> Requests:
    """Send bytes that are no request as it should be, several clients at once."""
    seeds = [moments.getrandbits(64) for _ in range(count)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda seed: _garbage(address, random.Random(seed)), seeds))
    return Requests(
        count,
        dict(Counter(answer for answer, _ in answers)),
        [finding for _, finding in answers if finding],
    )


def _garbage(address: Address, moments: random.Random) -> tuple[str, str]:
    """Send one; return what became of it, and what must not be, if anything."""
    kind = moments.choice(GARBAGE)
    content = kind(moments)
    patience = moments.choice([0.0, 0.05, PATIENCE])
    try:
        received, ended = _exchange(address, content, patience, moments)
    except OSError as error:
        return "refused", f"{kind.__name__}: no connection ({error})"
    begun = re.match(rb"HTTP/1\.[01] (\d{3}) ", received)
    status = begun[1].decode() if begun else "hung up" if ended else "left"
    head, _, body = received.partition(b"\r\n\r\n")
    told = ""
    if received and not begun:
        told = "an answer that is not HTTP"
    elif patience == PATIENCE and not begun and not ended:
        told = f"neither an answer nor an end within {PATIENCE:g} seconds"
    elif status.startswith("5") and status not in ("503", "504"):
        told = f"status {status}"
    elif b"injected" in head.lower():
        told = "a header of the client's own"
    elif status != "200" and INSIDE.search(received):
        told = f"{body[:200]!r}"
    return status, f"{kind.__name__} {content[:120]!r}: {told}" if told else ""


def _exchange(
    address: Address, content: bytes, patience: float, moments: random.Random
) -> tuple[bytes, bool]:
    """Send in pieces and read one answer; return it, and whether the server hung up.

    A client without patience hangs up, with or without saying goodbye.
    """
    received, ended = b"", False
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        if moments.random() < 0.5:  # closing then resets the connection
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        try:
            cut = moments.randrange(len(content) + 1)
            connection.sendall(content[:cut])
            time.sleep(moments.choice([0, 0, 0.01]))
            connection.sendall(content[cut:])
            connection.settimeout(max(patience, 0.001))
            while not ended and not _is_whole(received):
                more = connection.recv(65536)
                received, ended = received + more, not more
        except TimeoutError:
            pass
        except ConnectionError:
            ended = True
    return received, ended


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return bool(end) and (length is None or len(body) >= int(length[1]))


def post(body: bytes, *headers: bytes) -> bytes:
    """Return a whole request; `headers` replace the right length of the body."""
    lines = [
        b"POST /v1/generate HTTP/1.1",
        b"Host: localhost",
        b"Content-Type: application/json",
        *(headers or (b"Content-Length: %d" % len(body),)),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def body_of(**fields: object) -> bytes:
    """Return the JSON of a good request, with some fields added or replaced."""
    return json.dumps({"prompt": "a red bird"} | fields).encode()


def broken_request(moments: random.Random) -> bytes:
    """Change bytes of a good request anywhere."""
    return damaged(post(body_of(n=moments.randrange(4))), moments)


def broken_request_line(moments: random.Random) -> bytes:
    """Begin in a way that HTTP does not know."""
    path = moments.choice([b"/", b"/v1/generate", b"/" + b"a" * 100_000, b"/\xff", b"*", b""])
    method = moments.choice([b"GET", b"PRI", b"\x16\x03\x01", b"G ET", b"", b"get", b"A" * 70_000])
    version = moments.choice([b"HTTP/1.1", b"HTTP/9", b"HTTP/2.0", b"", b"\0"])
    line = moments.choice([b" ", b"\t", b"  "]).join([method, path, version])
    return line + moments.choice([b"\r\n", b"\n", b"\r"]) + b"Host: localhost\r\n\r\n"


def broken_text(moments: random.Random) -> bytes:
    """Send a body that is no UTF-8, or half a character of it."""
    broken = moments.choice([b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"\0"])
    return post(b'{"prompt": "a red ' + broken + b'bird"}')


def wrong_length(moments: random.Random) -> bytes:
    """Say of the body that it is longer or shorter, or both at once."""
    body = body_of()
    lengths = [
        b"Content-Length: " + each for each in (b"-1", b"1", b"9999", b"1e3", b"", b"9" * 40)
    ]
    headers = moments.choices([*lengths, b"Transfer-Encoding: chunked"], k=moments.choice([1, 2]))
    return post(body, *headers)


def broken_chunks(moments: random.Random) -> bytes:
    """Send a body in chunks that are none."""
    size = moments.choice([b"5", b"fffffff", b"-1", b"z", b"0", b"5;" + b"a" * 5000])
    return post(size + b"\r\n" + body_of() + b"\r\n0\r\n\r\n", b"Transfer-Encoding: chunked")


def deep_json(moments: random.Random) -> bytes:
    """Nest as deep as a body may be long, or count as far."""
    depth = moments.choice([100, 10_000, 100_000])
    nested = moments.choice(
        [
            b"[" * depth,
            b"[" * depth + b"]" * depth,
            b'{"prompt":' * (depth // 10),
            b'{"prompt": ' + b"[" * depth + b"]" * depth + b"}",
            b'{"prompt": "a red bird", "n": ' + b"9" * depth + b"}",
            b'{"prompt": "' + b"a " * depth + b'"}',
        ]
    )
    return post(nested)


def many_values(moments: random.Random) -> bytes:
    """Break a rule in each of very many values."""
    many = moments.choice([1_000, 20_000])
    fields = b", ".join(b'"%x": 1' % number for number in range(many))
    values = b", ".join(moments.choices([b"1", b'""', b"null", b"[]"], k=many))
    return post(moments.choice([b"{" + fields + b"}", b'{"prompt": [' + values + b"]}"]))


def tiny_chunks(moments: random.Random) -> bytes:
    """Send each byte of a body by itself."""
    chunks = b"1\r\n \r\n" * moments.choice([10, 1_000, 200_000])
    return post(chunks + b"0\r\n\r\n", b"Transfer-Encoding: chunked")


def header_in_a_name(moments: random.Random) -> bytes:
    """Try to get a header of one's own into the answer."""
    evil = moments.choice(
        ["\r\nInjected: 1", "\nInjected: 1", "%0d%0aInjected:%201", '"; injected']
    )
    place = moments.choice(["bundle", "prompt", "path", "host", "format"])
    if place == "path":
        target = b"/static/" + evil.encode().replace(b"\r\n", b"%0d%0a") + b".css"
        return b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    if place == "host":
        return post(body_of(), b"Host: a" + evil.encode(), b"Content-Length: %d" % len(body_of()))
    return post(
        body_of(**{place: f"birds{evil}"} | ({} if place == "format" else {"format": "png"}))
    )


def other_path(moments: random.Random) -> bytes:
    """Ask for what is not there for anyone."""
    name = moments.choice([b"app.py", b"../app.py", b"..%2f..%2fapp.py", b"%00", b"....//app.py"])
    root = moments.choice([b"/static/", b"/", b"//etc/passwd?", b"/v1/../static/", b"/%2e%2e/"])
    method = moments.choice([b"GET", b"HEAD", b"PUT", b"OPTIONS", b"TRACE"])
    return method + b" " + root + name + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"


def many_headers(moments: random.Random) -> bytes:
    """Send headers without end, or of the strangest kinds."""
    line = moments.choice(
        [b"A: b\r\n" * 20_000, b"A: " + b"b" * 200_000 + b"\r\n", b": \r\n", b" x\r\n"]
    )
    return b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n"


def half_a_request(moments: random.Random) -> bytes:
    """Stop in the middle."""
    whole = post(body_of(n=8))
    return whole[: moments.randrange(len(whole))]


def several_at_once(moments: random.Random) -> bytes:
    """Send requests one after the other, without waiting for answers."""
    return post(body_of()) * moments.choice([2, 20])


GARBAGE: Sequence[Callable[[random.Random], bytes]] = (
    broken_request,
    broken_request_line,
    broken_text,
    wrong_length,
    broken_chunks,
    deep_json,
    many_values,
    tiny_chunks,
    header_in_a_name,
    other_path,
    many_headers,
    half_a_request,
    several_at_once,
)
