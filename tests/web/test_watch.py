import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from captiongan.errors import RunError
from captiongan.runs.alarms import FAIR_CHANCE, Alarms
from captiongan.runs.run_folder import RunFolder
from captiongan.web import watch_companion
from captiongan.web.watch import Follower, create_watch_app
from captiongan.web.watch_companion import free_port, live_view
from support.command_line import captiongan
from support.no_plain_files import NO_PLAIN_FILES
from support.tiny_watched_run import line, metrics, note, watched_run, write_raw
from support.visitor import serving


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return watched_run(tmp_path)


@pytest.fixture
def follower(run: RunFolder) -> Follower:
    return Follower(run.path / "metrics.jsonl")


@pytest.fixture
def address(run: RunFolder) -> Iterator[str]:
    with serving("watch", run.path) as address:
        yield address


def ask(address: str, path: str = "/v1/run") -> Any:
    with urllib.request.urlopen(address + path) as answer:
        return json.load(answer)


def status_of(address: str, path: str) -> int:
    try:
        with urllib.request.urlopen(address + path) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_run_that_has_noted_nothing_yet_has_no_lines(follower: Follower) -> None:
    assert follower.read_on() is None
    assert follower.lines == []


def test_only_what_is_new_is_read(
    run: RunFolder, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(run, 1)
    follower.read_on()
    taken: list[bytes] = []
    monkeypatch.setattr(Follower, "_take", lambda _, line: taken.append(line))
    note(run, 2)
    follower.read_on()
    follower.read_on()
    assert [json.loads(each)["step"] for each in taken] == [2]


def test_a_line_that_is_being_written_waits_for_its_end(run: RunFolder, follower: Follower) -> None:
    note(run, 1)
    text = line(2)
    write_raw(run, text[:20])
    follower.read_on()
    assert follower.lines == [metrics(1)]
    write_raw(run, text[20:])
    follower.read_on()
    assert follower.lines == [metrics(1), metrics(2)]


@pytest.mark.parametrize(
    "broken", ['{"step": 1, "ki', "[1]", "7", '{"step": "x", "kimg": 1}', "\0\xff", "[" * 9_000, ""]
)
def test_a_line_that_is_none_costs_only_itself(
    run: RunFolder, follower: Follower, broken: str
) -> None:
    write_raw(run, f"{broken}\n{line(2)}")
    follower.read_on()
    assert follower.lines == [metrics(2)]


def test_figures_that_are_not_finite_are_left_out(run: RunFolder, follower: Follower) -> None:
    write_raw(run, '{"step": 1, "kimg": 1, "loss_d": NaN, "loss_g": 1e999, "accuracy_real": 1}\n')
    follower.read_on()
    assert follower.lines == [{"step": 1, "kimg": 1, "accuracy_real": 1}]


def test_several_runs_are_told_apart_and_each_has_its_own_lines(
    run: RunFolder, tmp_path: Path
) -> None:
    other = watched_run(tmp_path / "other")
    note(run, 1)
    note(other, 2)
    other.write_judged(2, {"captions": ["a red flower"]})
    with TestClient(create_watch_app(run, other)) as client:
        first, second = (client.get(f"/v1/run?run={number}").json() for number in (0, 1))
        assert [first["lines"][0]["step"], second["lines"][0]["step"]] == [1, 2]
        assert first["runs"] == second["runs"] == [str(run.path), str(other.path)]
        assert client.get("/v1/judged/2?run=1").json() == {"captions": ["a red flower"]}
        for address in ("/v1/judged/2", "/v1/run?run=2", "/v1/run?run=-1", "/grids/2?run=7"):
            assert client.get(address).status_code == 404


def test_more_runs_than_there_are_colours_are_refused(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert captiongan("watch", *7 * [run.path]) == 2
    assert "7 runs: at most 6 fit on the same axes" in capsys.readouterr().err


@pytest.mark.parametrize("stranger", NO_PLAIN_FILES)
@pytest.mark.parametrize("name", ["metrics.jsonl", "data.json", "grids/step-000000007.png"])
def test_a_folder_of_anyones_neither_hangs_the_view_nor_shows_what_lies_outside(
    run: RunFolder, stranger: Callable[[Path], None], name: str
) -> None:
    note(run, 1)
    Image.new("RGB", (8, 8)).save(run.grid(7))
    stranger(run.path / name)
    with TestClient(create_watch_app(run)) as client:
        news, grid = client.get("/v1/run"), client.get("/grids/7")
    assert news.status_code == 200
    assert grid.status_code == (404 if name.startswith("grids") else 200)
    refused = name == "metrics.jsonl"
    assert (news.json()["lines"] == []) == refused
    assert ("metrics.jsonl is not read: " in str(news.json()["alarms"])) == refused


@pytest.mark.parametrize("name", ["data.json", "grids/step-000000007.png"])
def test_a_huge_file_is_not_read_again_and_again(run: RunFolder, name: str) -> None:
    with (run.path / name).open("wb") as file:
        file.truncate(2**27)
    with pytest.raises(OSError, match="at most"):
        run.read(name)


@pytest.mark.parametrize(
    "facts",
    [
        "[" * 100_000,
        "[1]",
        '{"pictures": ' + "[" * 900 + "]" * 900 + "}",
        '{"sample_captions": {"a": [1]}, "pictures": "many"}',
        '{"sample_captions": [[[1]], null]}',
        '{"pictures": ' + "9" * 5_000 + "}",
    ],
)
def test_facts_that_no_training_wrote_are_left_out(run: RunFolder, facts: str) -> None:
    (run.path / "data.json").write_text(facts)
    with TestClient(create_watch_app(run)) as client:
        news = client.get("/v1/run")
    assert news.status_code == 200 and news.json()["data"]["pictures"] is None


def test_lines_without_end_or_without_number_are_passed_over_in_time(
    run: RunFolder, follower: Follower
) -> None:
    write_raw(run, "x" * 20_000_000 + "\n" + "\n" * 300_000 + line(2))
    begun, rounds = time.process_time(), 0
    while rounds == 0 or follower.behind:
        follower.read_on()
        rounds += 1
    assert follower.lines == [metrics(2)]
    assert rounds > 1 and time.process_time() - begun < 5


def test_a_figure_beyond_all_numbers_is_left_out(run: RunFolder, follower: Follower) -> None:
    write_raw(run, '{"step": 1, "kimg": 1, "loss_d": 1' + "0" * 400 + "}\n")
    follower.read_on()
    assert follower.lines == [{"step": 1, "kimg": 1}]


def test_a_resumed_run_is_read_anew(run: RunFolder, follower: Follower) -> None:
    for step in (1, 2, 3):
        note(run, step)
    follower.read_on()
    before = follower.generation
    run.forget_metrics_after(1)
    for step in (20, 30, 40):  # as long as before, and longer
        note(run, step)
    follower.read_on()
    assert [each["step"] for each in follower.lines] == [1, 20, 30, 40]
    assert follower.generation != before


def test_the_alarms_are_those_that_the_training_says(run: RunFolder, follower: Follower) -> None:
    said: list[str] = []
    alarms = Alarms(0, said.append)
    for number in range(1, 5):
        step, share = number * FAIR_CHANCE, 1.0 if number < 4 else 0.5
        note(run, step, accuracy_real=share, accuracy_generated=share)
        alarms.check_metrics(step, {"accuracy_real": share, "accuracy_generated": share})
        run.add_metrics({"step": step, "kimg": 1, "health_noise_spread": 0.01})
        alarms.check_grid(step, {"health_noise_spread": 0.01})
        scores = {"score_error": 0.1, "score_novelty": 0.1 * number}
        run.add_metrics({"step": step, "kimg": 1} | scores)
        alarms.check_scores(step, scores)
    follower.read_on()
    assert follower.alarms == said
    assert len(said) == 4


def test_scores_of_before_there_was_novelty_raise_no_alarm(
    run: RunFolder, follower: Follower
) -> None:
    note(run, 1, score_error=0.1, score_kid=0.1, score_r_at_1=0.2)
    follower.read_on()
    assert follower.alarms == []


def test_what_is_not_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        create_watch_app(RunFolder.open(tmp_path))
    assert captiongan("watch", tmp_path) == 2


def test_the_server_tells_what_is_new_and_gives_no_path_away(run: RunFolder, address: str) -> None:
    note(run, 1)
    note(run, 2)
    for step in (2, 1_000_000_000, 0):
        Image.new("RGB", (8, 8)).save(run.grid(step))
    (run.grids / "step-x.png").touch()
    news = ask(address)
    assert (news["name"], news["kimg"]) == (run.path.name, 4)
    assert news["grids"] == [0, 2, 1_000_000_000]
    assert news["captions"] == ["a red flower", "a blue flower"]
    assert [each["step"] for each in news["lines"]] == [1, 2]
    assert news["silent"] >= 0
    assert "secret" not in json.dumps(news)
    assert str(run.path.parent) not in json.dumps(news)
    note(run, 3)
    later = ask(address, f"/v1/run?generation={news['generation']}&after=2")
    assert [each["step"] for each in later["lines"]] == [3]
    assert [each["step"] for each in ask(address, "/v1/run?generation=old&after=2")["lines"]] == [
        1,
        2,
        3,
    ]


def test_a_grid_is_served_when_it_is_whole_and_nothing_else_is(
    run: RunFolder, address: str
) -> None:
    Image.new("RGB", (8, 8)).save(run.grid(7))
    whole = run.grid(7).read_bytes()
    run.grid(8).write_bytes(whole[:-6])
    with urllib.request.urlopen(f"{address}/grids/7") as answer:
        assert answer.read() == whole
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for path in ("8", "9", "-7", "7" * 4_000, "..%2Fconfig.yaml", "7/../../config.yaml"):
        assert status_of(address, f"/grids/{path}") in (404, 422)
    for path in ("/config.yaml", "/static/../watch.py", "/static/watch.html", "/docs"):
        assert status_of(address, path) == 404


def test_looking_loads_no_torch() -> None:
    source = "import sys, captiongan.web.watch; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_a_companion_shows_the_run_until_the_training_ends(run: RunFolder) -> None:
    said: list[str] = []
    with live_view(run, said.append):
        address = said[0].removeprefix("live view: ")
        assert _wait_for(address)["name"] == run.path.name
    with pytest.raises(urllib.error.URLError):
        ask(address)
    assert said[1] == f"look at it again with: captiongan watch {run.path}"


def test_a_companion_ends_with_a_training_that_is_killed(run: RunFolder) -> None:
    source = (
        "import os, pathlib, sys\n"
        "from captiongan.runs.run_folder import RunFolder\n"
        "from captiongan.web.watch_companion import live_view\n"
        "run = RunFolder(pathlib.Path(sys.argv[1]))\n"
        "with live_view(run, lambda line: print(line, flush=True)):\n"
        "    sys.stdin.read()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source, run.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as training:
        assert training.stdout is not None
        address = training.stdout.readline().decode().strip().removeprefix("live view: ")
        _wait_for(address)
        training.communicate()
    port = int(address.rpartition(":")[2])
    while True:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                break


def test_ports_that_are_taken_do_not_stop_a_training(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        taken = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        port = taken.getsockname()[1]
        monkeypatch.setattr(watch_companion, "PORTS", range(port, port + 1))
        assert free_port() is None
        said: list[str] = []
        with live_view(run, said.append):
            trained = True
    assert trained
    assert said == [
        f"no live view: ports {port} to {port} are taken; the training continues, watch it with: "
        f"captiongan watch {run.path} --port 0"
    ]


def test_a_companion_that_cannot_start_is_said(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", os.devnull)
    said: list[str] = []
    with live_view(run, said.append):
        pass
    assert len(said) == 1
    assert said[0].startswith("no live view (")


def _wait_for(address: str) -> Any:
    """Ask until there is an answer; it takes a moment to start."""
    while True:
        try:
            return ask(address)
        except urllib.error.URLError as error:
            assert isinstance(error.reason, ConnectionRefusedError)
