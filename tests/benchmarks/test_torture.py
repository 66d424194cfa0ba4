"""A short form of `make torture`."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak.disk import FullDisk, is_clear
from benchmarks.soak.garbage import Address, Requests, send_garbage
from benchmarks.soak.inputs import Tried, try_inputs
from benchmarks.soak.kills import Kills
from benchmarks.soak.requests import HangUps, Siege
from benchmarks.soak.torture import Torture, in_words
from captiongan.errors import CaptionganError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def short() -> dict[str, Any]:
    """Run it in a process of its own: it forks, and a test runner has threads."""
    amounts = {"kills": 4, "inputs": 200, "bundles": 20}
    amounts |= {"disks": 1, "requests": 40, "hang-ups": 12}
    options = [part for name, count in amounts.items() for part in (f"--{name}", str(count))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "torture", "--json", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_a_run_killed_at_any_moment_ends_as_one_that_never_was(short: dict[str, Any]) -> None:
    kills = short["kills"]
    assert kills["kills"] >= 4
    assert kills["runs"] >= 1
    assert kills["started"] >= 1
    assert kills["different"] == 0
    assert kills["torn"] == 0


KINDS = [
    *("pictures", "lines of metadata", "archives", "tables", "parquet and HDF5 files"),
    *("bundles", "configurations of runs", "checkpoints", "prompts"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files_are_used_or_refused_in_words(kind: str, short: dict[str, Any]) -> None:
    tried = short["tried"][kind]
    assert tried["crashes"] == []
    assert sum(tried["answers"].values()) == tried["inputs"] >= 20
    assert len(tried["answers"]) > 1
    assert tried["megabytes"] < 1000


@pytest.mark.parametrize("command", ["train", "data import", "data toy", "generate", "bulk"])
def test_a_full_disk_is_told_in_one_line_and_the_same_command_goes_on(
    command: str, short: dict[str, Any]
) -> None:
    disk = short["full_disks"][command]
    assert disk["tries"] == 1
    assert disk["full"] >= 1
    assert disk["unclear"] == []
    assert disk["different"] == 0


@pytest.mark.parametrize("kind", ["by_document", "raw"])
def test_no_request_makes_the_server_fail_hang_or_tell_of_its_machine(
    kind: str, short: dict[str, Any]
) -> None:
    requests = short["siege"][kind]
    assert requests["findings"] == []
    assert sum(requests["answers"].values()) == requests["tried"] == 40
    assert len(requests["answers"]) > 2


def test_the_work_for_clients_that_hang_up_is_cancelled_and_all_others_draw_as_before(
    short: dict[str, Any],
) -> None:
    left = short["siege"]["hang_ups"]
    assert left["cancelled"] == left["tried"] == 12
    assert left["pictures_drawn"] < left["pictures_asked"] / 2
    assert short["siege"]["same_picture"]


def used(_: random.Random, folder: Path) -> str:
    assert folder.is_dir()
    return "read"


def fails(moments: random.Random, _: Path) -> str:
    raise IndexError(f"out of {moments.random()}")


def refuses_in_lines(_: random.Random, __: Path) -> str:
    raise CaptionganError("one\ntwo")


def dies(_: random.Random, __: Path) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_goes_wrong_is_counted_as_a_crash() -> None:
    assert try_inputs(used, 3, 0).crashes == []
    assert [each.split(":")[0] for each in try_inputs(fails, 2, 0).crashes] == [
        "input 0",
        "input 1",
    ]
    assert try_inputs(refuses_in_lines, 1, 0).crashes == ["input 0: an error of several lines"]
    assert try_inputs(dies, 2, 0).crashes == ["input 0: the process ended with code -9"]


KILLS, DISK = Kills(9, 1, 3, 3, 0), FullDisk(9, 8, [], 0)
SIEGE = Siege(
    by_document=Requests(20, {"200": 15, "422": 5}, []),
    raw=Requests(30, {"400": 20, "hung up": 10}, []),
    hang_ups=HangUps(12, 12, 768, 64),
    megabytes=(150, 160),
    same_picture=True,
)
FOUND = Requests(30, {"500": 1, "400": 29}, ["status 500"])


@pytest.mark.parametrize(
    ("changes", "survived"),
    [
        ({}, True),
        ({"kills": replace(KILLS, different=1)}, False),
        ({"kills": replace(KILLS, most_lost=4)}, False),
        ({"kills": replace(KILLS, torn=1)}, False),
        ({"tried": {"pictures": Tried(10, {"read": 9}, ["input 1: ..."], 50)}}, False),
        ({"full_disks": {"train": replace(DISK, unclear=["a traceback"])}}, False),
        ({"full_disks": {"train": replace(DISK, different=1)}}, False),
        ({"siege": replace(SIEGE, raw=FOUND)}, False),
        ({"siege": replace(SIEGE, by_document=FOUND)}, False),
        ({"siege": replace(SIEGE, hang_ups=HangUps(12, 11, 768, 64))}, False),
        ({"siege": replace(SIEGE, hang_ups=HangUps(12, 12, 768, 768))}, False),
        ({"siege": replace(SIEGE, megabytes=(150, 300))}, False),
        ({"siege": replace(SIEGE, same_picture=False)}, False),
    ],
)
def test_only_what_lost_nothing_counts_as_survived(changes: dict[str, Any], survived: bool) -> None:
    tried = {"pictures": Tried(10, {"read": 8, "DataError": 2}, [], 50)}
    torture = replace(Torture(KILLS, {"train": DISK}, tried, SIEGE, 1.0), **changes)
    assert torture.survived == survived
    assert all(fault in ("input 1: ...", "a traceback", "status 500") for fault in torture.faults)


@pytest.mark.parametrize(
    ("code", "told", "clear"),
    [
        (2, "error: '/full/x' cannot be written (File too large)", True),
        (2, "warning: old\n12/12 pictures\nerror: '/full/x' File too large", True),
        (1, "error: '/full/x' cannot be written (File too large)", False),
        (2, "error: '/elsewhere' cannot be written (File too large)", False),
        (2, "error: '/full/x' cannot be written", False),
        (2, "error: '/full/x' File too large\nerror: '/full/x' File too large", False),
        (2, "Traceback (most recent call last):\nerror: '/full/x' File too large", False),
        (2, "error: '/full/x' File too large\nand more", False),
        (2, "", False),
    ],
)
def test_what_is_told_clearly(code: int, told: str, clear: bool) -> None:
    assert is_clear(code, told, Path("/full")) == clear


def test_the_page_has_a_row_for_everything() -> None:
    tried = {"pictures": Tried(10, {"read": 8, "DataError": 2}, [], 50)}
    page = in_words(Torture(KILLS, {"train": DISK}, tried, SIEGE, 1.0))
    assert "| pictures | 10 | DataError 2 | 8 | 0 | 50 MB |" in page
    assert "| `train` | 9 | 8 times | 0 | 0 |" in page
    assert "| garbage | 30 | 400 20, hung up 10 | 0 |" in page
    assert "12 of 12 clients that hung up had their work cancelled" in page


# What the torture of a server takes for a failure


def fool(*answers: bytes) -> Iterator[Address]:
    """Listen at an address, and give each connection the next of the answers, whatever it sends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.recv(1)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):  # else what was sent may be lost
                        pass

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", "status 500"),
        (b"SSH-2.0\r\n\r\n", "an answer that is not HTTP"),
        (b"HTTP/1.1 400 No\r\nInjected: 1\r\ncontent-length: 0\r\n\r\n", "of the client's own"),
        (b"HTTP/1.1 404 No\r\ncontent-length: 13\r\n\r\nsite-packages", "site-packages"),
        (b"", ""),
    ],
)
def test_what_a_server_must_not_answer_is_found(answer: bytes, finding: str) -> None:
    with contextmanager(fool)(*[answer] * 8) as address:
        found = send_garbage(address, 8, random.Random(0)).findings
    assert bool(found) == bool(finding)
    assert all(finding in each for each in found)


def test_a_server_that_hangs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.soak.garbage.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        found = send_garbage(listener.getsockname(), 8, random.Random(0)).findings
    assert found
    assert all("neither an answer nor an end" in each for each in found)
