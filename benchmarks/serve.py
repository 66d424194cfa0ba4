"""How fast `captiongan serve` answers on this machine, if it mixes anything up, and its memory.

A server in a process of its own, clients in this one, on the loopback. Every answer is compared
with the picture that the pipeline draws of its prompt and seed.

    python -m benchmarks serve
    python -m benchmarks serve --requests 20000

Writes its part of docs/serve.md.
"""

import asyncio
import base64
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import httpx2 as httpx
import numpy as np
import typer

from benchmarks.marked_page import check_marks, write_measured
from captiongan.errors import CaptionganError
from captiongan.loading import load
from captiongan.web.descriptions import bundle_facts

ROOT = Path(__file__).parents[1]

PAGE = "serve.md"

CLIENTS = (1, 8, 64)

POOL = 64
"""Seeds of each prompt that are asked for, in turn."""

BATCHING = {"on": (), "off": ("--limit", "batch=1")}

app = typer.Typer(pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Question:
    """A request for one picture, and the PNG that must come back."""

    body: dict[str, Any]
    png: bytes


@dataclass(frozen=True)
class Answers:
    """Seconds that each answer took, all right ones, over how many seconds in all."""

    seconds: Sequence[float]
    duration: float

    def row(self) -> list[str]:
        """Return requests a second, and the percentiles 50, 95 and 99 in milliseconds."""
        percentiles = 1000 * np.percentile(self.seconds, [50, 95, 99])
        return [
            f"{len(self.seconds) / self.duration:.0f}",
            *(f"{each:.0f}" for each in percentiles),
        ]


@app.command()
def main(
    bundle: Annotated[str, typer.Option(help="Bundle to draw with.")] = "flowers",
    seconds: Annotated[float, typer.Option(help="How long to ask, for each line.")] = 10,
    requests: Annotated[
        int, typer.Option(help="Instead: ask so often, and look at the server's memory.")
    ] = 0,
    note: Annotated[str, typer.Option(help="What else the machine was busy with.")] = "",
    docs: Annotated[Path, typer.Option(help="Folder of serve.md.")] = ROOT / "docs",
) -> None:
    """Measure a server on this machine; an answer lost or mixed up is an error."""
    part = "memory" if requests else "speed"
    check_marks(docs / PAGE, part)
    questions = questions_of(bundle)
    table = memory(bundle, questions, requests) if requests else speed(bundle, questions, seconds)
    write_measured(docs / PAGE, f"{conditions(bundle, note)}\n\n{table}", part)


def questions_of(bundle: str) -> list[Question]:
    """Draw the pool offline: `POOL` seeds of each prompt of the bundle's sample."""
    pipeline = load(bundle)
    pictures = [
        picture
        for prompt in bundle_facts(pipeline).examples
        for picture in pipeline.generate(prompt, n=POOL)
    ]
    if not pictures:
        raise CaptionganError(f"bundle '{bundle}' has no example prompts; take a shipped one")
    order = np.random.default_rng(0).permutation(len(pictures))
    return [
        Question({"prompt": each.prompt, "seed": each.seed}, each.png())
        for each in (pictures[place] for place in order)
    ]


def speed(bundle: str, questions: Sequence[Question], seconds: float) -> str:
    """Return the table of speeds at each number of clients, with and without batching."""
    lines = [["batching", "clients", "requests a second", "p50, ms", "p95, ms", "p99, ms"]]
    for batching, options in BATCHING.items():
        with serving(bundle, *options) as address:
            asyncio.run(ask(address, questions, 8, seconds=1))  # warm up
            for clients in CLIENTS:
                answers = asyncio.run(ask(address, questions, clients, seconds=seconds))
                lines.append([batching, str(clients), *answers.row()])
                typer.echo(lines[-1], err=True)
    return markdown(lines)


def memory(bundle: str, questions: Sequence[Question], requests: int) -> str:
    """Return the table of the server's memory over a number of requests, by eight clients."""
    lines = [["requests answered", "memory, MB"]]
    done, marks = 0, [requests // 20, requests // 4, requests // 2, requests]
    with serving(bundle) as address:
        for mark in marks:
            asyncio.run(ask(address, questions, 8, requests=mark - done))
            done = mark
            lines.append([f"{done:,}", f"{resident(address) / 1e6:.0f}"])
            typer.echo(lines[-1], err=True)
    return markdown(lines)


async def ask(
    address: str,
    questions: Sequence[Question],
    clients: int,
    *,
    seconds: float = float("inf"),
    requests: int | None = None,
) -> Answers:
    """Ask with so many clients at once, each as soon as it has its last answer.

    Ends after `seconds` or `requests`. Raises CaptionganError if an answer is not the right one.
    """
    took: list[float] = []
    turns = iter(range(requests)) if requests is not None else count()
    begun = time.perf_counter()

    async def client(http: httpx.AsyncClient) -> None:
        for turn in turns:
            asked = time.perf_counter()
            if asked - begun > seconds:
                return
            question = questions[turn % len(questions)]
            answer = await http.post("/v1/generate", json=question.body)
            took.append(time.perf_counter() - asked)
            check(question, answer)

    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as http:
        await asyncio.gather(*(client(http) for _ in range(clients)))
    return Answers(took, time.perf_counter() - begun)


def check(question: Question, answer: httpx.Response) -> None:
    """Make sure that an answer is the picture asked for."""
    if not answer.is_success:
        raise CaptionganError(f"asked {question.body}, was told {answer.status_code} {answer.text}")
    (picture,) = answer.json()["pictures"]
    if base64.b64decode(picture["png"]) != question.png:
        raise CaptionganError(f"asked {question.body}, got another picture: {picture['prompt']}")


@contextmanager
def serving(bundle: str, *options: str) -> Iterator[str]:
    """Run a server on a free port; give its address."""
    command = [sys.executable, "-m", "captiongan", "serve", "--port", "0", "--bundle", bundle]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def resident(address: str) -> float:
    """Return the bytes of memory that the server holds, as its own metrics say."""
    for line in httpx.get(f"{address}/metrics").text.splitlines():
        if line.startswith("process_resident_memory_bytes "):
            return float(line.split()[1])
    raise CaptionganError("the server's metrics do not tell its memory; measure on Linux")


def conditions(bundle: str, note: str) -> str:
    """Say in a sentence on what it was measured."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{cores} cores ({platform.machine()}), clients and server together"
    return f"Bundle `{bundle}`, one picture a request; {machine}{'; ' if note else ''}{note}."


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; the first line has the titles."""
    titles, *rest = lines
    ruled = [titles, ["---"] * len(titles), *rest]
    return "".join(f"| {' | '.join(line)} |\n" for line in ruled)
