"""An honest client beside hostile ones: how long it waits for a picture.

    python -m benchmarks crowds

Takes half a minute, writes its part of docs/serve.md, and ends with code 1 if the honest client
waits more than three times as long as alone.
"""

import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from unittest.mock import patch

import typer

from benchmarks.marked_page import check_marks, write_measured
from benchmarks.serve import conditions, markdown, serving
from benchmarks.soak.garbage import PATIENCE, Address, body_of, post
from captiongan.web.serve import TOKEN_VARIABLE

PAGE = Path(__file__).parents[2] / "docs" / "serve.md"
BUNDLE = "birds"
CLIENTS = 4
"""Hostile clients at a time."""
MOST_TIMES_ALONE = 3.0
TOKEN = "open-sesame"
AUTHORIZED = b"Authorization: Bearer " + TOKEN.encode()
LONG = 262_000

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    seconds: float = typer.Option(4, min=0.1, help="How long to ask under each attack."),
) -> None:
    """Ask for one picture after the other while others attack; write a part of docs/serve.md."""
    check_marks(PAGE, "crowds")
    waits = measure(seconds)
    lines = [["clients beside it", "pictures answered", "median, ms", "longest, ms"]]
    lines += [
        [name, f"{len(took)}", f"{1000 * median(took):.0f}", f"{1000 * max(took):.0f}"]
        for name, took in waits.items()
    ]
    write_measured(PAGE, f"{conditions(BUNDLE, '')}\n\n{markdown(lines)}", "crowds")
    worst = max(median(took) for took in waits.values()) / median(waits["none"])
    typer.echo(f"at worst {worst:.1f} times as long as alone")
    if worst > MOST_TIMES_ALONE:
        raise typer.Exit(1)


def measure(seconds: float) -> Mapping[str, list[float]]:
    """Return the seconds that each honest request took, alone and under each attack."""
    with patch.dict(os.environ, {TOKEN_VARIABLE: TOKEN}), serving(BUNDLE) as url:
        host, port = url.removeprefix("http://").split(":")
        address = host, int(port)
        honest(address, 1)  # warm up
        waits = {"none": honest(address, seconds)}
        for name, attack in ATTACKS.items():
            with under(attack, address):
                time.sleep(0.5)
                waits[name] = honest(address, seconds)
    return waits


def honest(address: Address, seconds: float) -> list[float]:
    """Ask for a picture on a new connection, again and again; return how long each took."""
    asked = body_of()
    whole = post(asked, AUTHORIZED, b"Connection: close", b"Content-Length: %d" % len(asked))
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.perf_counter()
        if exchange(address, whole).startswith(b"HTTP/1.1 200"):
            took.append(time.perf_counter() - begun)
    return took or [PATIENCE]


@contextmanager
def under(attack: Callable[[Address], None], address: Address) -> Iterator[None]:
    """Attack in a process of its own as long as the block lasts."""
    attacking = multiprocessing.get_context("spawn").Process(target=_crowd, args=(attack, address))
    attacking.start()
    try:
        yield
    finally:
        attacking.kill()
        attacking.join()


def _crowd(attack: Callable[[Address], None], address: Address) -> None:
    def again_and_again(_: int) -> None:
        while True:
            with suppress(OSError):
                attack(address)

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(again_and_again, range(CLIENTS)))


def exchange(address: Address, content: bytes) -> bytes:
    """Send and read until the server hangs up."""
    received = b""
    with suppress(OSError), socket.create_connection(address, timeout=PATIENCE) as connection:
        with suppress(ConnectionError):
            connection.sendall(content)
        while more := connection.recv(65536):
            received += more
    return received


def in_chunks(*headers: bytes) -> bytes:
    """Return a request whose body comes in chunks of one byte."""
    chunked = post(b"", *headers, b"Transfer-Encoding: chunked", b"Connection: close")
    return chunked + b"1\r\n \r\n" * LONG + b"0\r\n\r\n"


def of_one_body(body: bytes) -> bytes:
    """Return a request that the server answers, and hangs up."""
    return post(body, AUTHORIZED, b"Connection: close", b"Content-Length: %d" % len(body))


def wrong_values(address: Address) -> None:
    """Break a rule in each of very many values."""
    exchange(address, of_one_body(b'{"prompt":[' + b",".join([b"1"] * (LONG // 2)) + b"]}"))


def wrong_fields(address: Address) -> None:
    """Send very many fields that there are not."""
    fields = (b'"%x":1' % number for number in range(LONG // 10))
    exchange(address, of_one_body(b"{" + b",".join(fields) + b"}"))


def small_chunks(address: Address) -> None:
    """Send each byte of a body by itself."""
    exchange(address, in_chunks(AUTHORIZED))


def refused_chunks(address: Address) -> None:
    """Go on sending after being refused for want of a token."""
    exchange(address, in_chunks())


def idle_connections(address: Address) -> None:
    """Hold connections and ask for nothing."""
    held: list[socket.socket] = []
    with suppress(OSError):
        while len(held) < 600 // CLIENTS:
            held.append(socket.create_connection(address, timeout=PATIENCE))
        time.sleep(2)
    for each in held:
        each.close()


ATTACKS: Mapping[str, Callable[[Address], None]] = {
    "131,000 wrong values in a request": wrong_values,
    "26,000 wrong fields in a request": wrong_fields,
    "a body in chunks of one byte": small_chunks,
    "the same, without the token": refused_chunks,
    "600 connections that ask for nothing": idle_connections,
}
