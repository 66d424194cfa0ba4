"""A running server and its worst clients: made-up requests, garbage, and hanging up.

Whatever comes, the server must answer in its own form or hang up, tell nothing of its machine, stay
as large as it was, and draw at the end what it drew at the beginning.
"""

import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hypothesis
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from benchmarks.soak.garbage import INSIDE, PATIENCE, Address, Requests, body_of, post, send_garbage

BUNDLE = "birds"
MOST_GROWTH = 64
"""Megabytes by which the server may grow, from a fifth of the requests to the last."""

CROWD, EACH = 12, 64
"""Clients that hang up together, and the pictures that each has asked for."""

BUT: list[Callable[..., bool | None]] = [positive_data_acceptance]
"""The document cannot say all: prompts times n, and that a way has two stops, have limits, too."""


@dataclass(frozen=True)
class HangUps:
    """What became of the work for clients that hung up while it was being done."""

    tried: int
    cancelled: int
    pictures_asked: int
    pictures_drawn: int


@dataclass(frozen=True)
class Siege:
    """What a server withstood; `megabytes` that it held after a fifth of it, and at the end."""

    by_document: Requests
    raw: Requests
    hang_ups: HangUps
    megabytes: tuple[int, int]
    same_picture: bool

    @property
    def withstood(self) -> bool:
        """Whether nothing was found, and no work done for nobody."""
        return (
            not self.by_document.findings
            and not self.raw.findings
            and self.hang_ups.cancelled == self.hang_ups.tried
            and self.hang_ups.pictures_drawn < self.hang_ups.pictures_asked / 2
            and self.megabytes[1] - self.megabytes[0] < MOST_GROWTH
            and self.same_picture
        )


def besiege(requests: int, hang_ups: int, seed: int) -> Siege:
    """Send so many requests of each kind to a server that does not wait long for any."""
    with _serving("--limit", "body_seconds=0.2", "--limit", f"pictures={EACH}") as address:
        before = _drawn(address)
        _get(address, "/v1/generate", body_of(n=EACH))  # as much memory as a request can take
        first, *others = _parts(requests, 5)
        moments = random.Random(seed)
        raw = [send_garbage(address, first, moments)]
        by_document = [follow_document(address, first, seed)]
        held = _megabytes(address)
        for number, count in enumerate(others, 1):
            raw.append(send_garbage(address, count, moments))
            by_document.append(follow_document(address, count, seed + number))
        left = hang_up(address, hang_ups, moments)
        return Siege(
            _all(by_document),
            _all(raw),
            left,
            (held, _megabytes(address)),
            _drawn(address) == before,
        )


def follow_document(address: Address, count: int, seed: int) -> Requests:
    """Send requests that the OpenAPI document allows, and as many that it forbids."""
    api = schemathesis.openapi.from_url(f"http://{address[0]}:{address[1]}/openapi.json")
    answers: Counter[str] = Counter()
    findings: list[str] = []

    def ask(path: str, mode: schemathesis.GenerationMode, most: int) -> None:
        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=most,
            deadline=None,
            database=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=api[path]["POST"].as_strategy(generation_mode=mode))
        def one(case: schemathesis.Case[Any]) -> None:
            if mode == schemathesis.GenerationMode.POSITIVE and isinstance(case.body, dict):
                case.body = in_known_words(case.body)
            answer = case.call()
            answers[str(answer.status_code)] += 1
            try:
                case.validate_response(answer, excluded_checks=BUT)
            except BaseExceptionGroup as failures:
                findings.append(f"{path} {case.body!r:.200}: {failures.exceptions[0]}")
            if answer.status_code != 200 and INSIDE.search(answer.content):
                findings.append(f"{path} {case.body!r:.200}: {answer.text:.200}")

        one()

    modes = [
        (path, mode)
        for path in ("/v1/generate", "/v1/interpolate")
        for mode in schemathesis.GenerationMode
    ]
    for (path, mode), most in zip(modes, _parts(count, len(modes)), strict=True):
        if most:
            ask(path, mode, most)
    return Requests(answers.total(), dict(answers), findings)


def in_known_words(body: dict[str, Any]) -> dict[str, Any]:
    """Put sentences for prompts of random characters, and the default for a random bundle."""

    def known(prompt: str | list[str]) -> str | list[str]:
        return "a mauve flower" if isinstance(prompt, str) else ["a red flower"] * len(prompt)

    said = {name: known(body[name]) for name in ("prompt", "prompts") if name in body}
    return body | said | {"bundle": None}


def hang_up(address: Address, count: int, moments: random.Random) -> HangUps:
    """Ask for many pictures and hang up before there are any, a crowd at a time."""
    cancelled, drawn, left = _metric(address, CANCELLED), _metric(address, DRAWN), 0
    for crowd in _parts(count, -(-count // CROWD)):
        with ThreadPoolExecutor(CROWD) as clients:
            waits = [moments.uniform(0.05, 0.3) for _ in range(crowd)]
            list(clients.map(lambda wait: _ask_and_leave(address, wait), waits))
        left += crowd
        _wait_until_idle(address, cancelled + left)
    _drawn(address)  # one more, after whatever is being drawn yet
    return HangUps(
        count,
        int(_metric(address, CANCELLED) - cancelled),
        count * EACH,
        int(_metric(address, DRAWN) - drawn) - 1,
    )


CANCELLED = 'captiongan_requests_total{path="/v1/generate",status="499"}'
DRAWN = f'captiongan_batch_pictures_sum{{bundle="{BUNDLE}"}}'
WAITING = "captiongan_waiting_pictures"


def _ask_and_leave(address: Address, wait: float) -> None:
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        connection.sendall(post(body_of(n=EACH)))
        time.sleep(wait)


def _wait_until_idle(address: Address, cancelled: float) -> None:
    """Wait until all who left are counted and nothing waits; not for ever, as that may never be."""
    patience = time.monotonic() + PATIENCE
    while time.monotonic() < patience and (
        _metric(address, CANCELLED) < cancelled or _metric(address, WAITING) > 0
    ):
        time.sleep(0.05)


@contextmanager
def _serving(*options: str) -> Iterator[Address]:
    command = [sys.executable, "-m", "captiongan", "serve", "--bundle", BUNDLE, "--port", "0"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            host, port = process.stdout.readline().strip().removeprefix("http://").split(":")
            yield host, int(port)
        finally:
            process.terminate()


def _get(address: Address, path: str, body: bytes | None = None) -> bytes:
    url = f"http://{address[0]}:{address[1]}{path}"
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
        content: bytes = answer.read()
    return content


def _drawn(address: Address) -> bytes:
    return _get(address, "/v1/generate", body_of(seed=7, format="png"))


def _metric(address: Address, name: str) -> float:
    for line in _get(address, "/metrics").decode().splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[-1])
    return 0.0


def _megabytes(address: Address) -> int:
    return int(_metric(address, "process_resident_memory_bytes") / 2**20)


def _parts(count: int, parts: int) -> list[int]:
    """Divide a number into so many, as equal as can be."""
    return [count // parts + (number < count % parts) for number in range(parts)]


def _all(parts: Sequence[Requests]) -> Requests:
    answers: Counter[str] = Counter()
    for part in parts:
        answers.update(part.answers)
    findings = [finding for part in parts for finding in part.findings]
    return Requests(sum(part.tried for part in parts), dict(answers), findings)
