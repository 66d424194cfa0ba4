"""The promises of reliability, tried at length: kills, full disks, hostile files, hostile clients.

    python -m benchmarks torture

Writes the figures into docs/reliability.md, or with `--json` to the terminal. Ends with code 1 if
anything was lost, crashed or came out different.
"""

import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.marked_page import check_marks, write_measured
from benchmarks.soak.disk import COMMANDS, FullDisk, run_out_of_room
from benchmarks.soak.inputs import KINDS, Tried, try_inputs
from benchmarks.soak.kills import STEPS_A_SAVE, Kills, survive_kills
from benchmarks.soak.requests import Siege, besiege
from captiongan.base.cache import CACHE_VARIABLE

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
SHOWN = 8

app = typer.Typer(pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Torture:
    """What was tried and what came of it, and how long that took."""

    kills: Kills
    full_disks: Mapping[str, FullDisk]
    tried: Mapping[str, Tried]
    siege: Siege
    minutes: float

    @property
    def survived(self) -> bool:
        """Whether nothing was lost, crashed, came out different or was told without words."""
        kills = self.kills
        return (
            not (kills.different or kills.torn or kills.most_lost > STEPS_A_SAVE)
            and not any(disk.unclear or disk.different for disk in self.full_disks.values())
            and not any(each.crashes for each in self.tried.values())
            and self.siege.withstood
        )

    @property
    def faults(self) -> list[str]:
        """All that was told unclearly, crashed or was found, in words."""
        return [
            *(fault for disk in self.full_disks.values() for fault in disk.unclear),
            *(fault for tried in self.tried.values() for fault in tried.crashes),
            *self.siege.by_document.findings,
            *self.siege.raw.findings,
        ]


@app.command()
def main(
    kills: Annotated[int, typer.Option(min=1, help="Trainings to kill.")] = 100,
    inputs: Annotated[int, typer.Option(min=1, help="Hostile files of each kind.")] = 5000,
    bundles: Annotated[int, typer.Option(min=1, help="Hostile bundles.")] = 1000,
    disks: Annotated[
        int, typer.Option(min=1, help="Full disks for each command; a fifth of them for export.")
    ] = 20,
    requests: Annotated[
        int, typer.Option(min=1, help="Requests by the API's document, and as much garbage.")
    ] = 2000,
    hang_ups: Annotated[int, typer.Option(min=1, help="Clients that hang up.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Decides the moments and the files.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print, and leave the page.")] = False,
) -> None:
    """Kill trainings, fill disks, feed on hostile files and requests; write docs/reliability.md."""
    if not as_json:
        check_marks(PAGE)
    full_disks = dict.fromkeys(COMMANDS, disks) | {"export": disks // 5}
    files = dict.fromkeys(KINDS, inputs) | {"bundles": bundles}
    torture = measure(kills, full_disks, files, requests, hang_ups, seed)
    if as_json:
        typer.echo(json.dumps(asdict(torture)))
    else:
        write_measured(PAGE, in_words(torture))
    for fault in torture.faults:
        typer.echo(fault, err=True)
    if not torture.survived:
        raise typer.Exit(1)


def measure(
    kills: int,
    full_disks: Mapping[str, int],
    inputs: Mapping[str, int],
    requests: int,
    hang_ups: int,
    seed: int,
) -> Torture:
    """Try everything in a folder, and with a cache, of its own."""
    started = time.perf_counter()
    # Children are forked: threads of a tokenizer would not live on in them.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tried = {kind: try_inputs(KINDS[kind], count, seed) for kind, count in inputs.items()}
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = str(Path(folder) / "cache")
        killed = survive_kills(Path(folder) / "kills", kills, seed)
        disks = run_out_of_room(Path(folder) / "disks", full_disks, seed)
    siege = besiege(requests, hang_ups, seed)
    return Torture(killed, disks, tried, siege, (time.perf_counter() - started) / 60)


def in_words(torture: Torture) -> str:
    """Put the figures into Markdown."""
    killed = torture.kills
    lines = [
        f"{killed.kills} trainings were killed (SIGKILL), {killed.during_saves} of them while they "
        f"saved, and resumed: {killed.different} of {killed.runs} runs, of which {killed.started} "
        "started from a bundle, ended otherwise than one that was never stopped, and "
        f"{killed.torn} kills left a checkpoint that does not count. At most {killed.most_lost} "
        f"steps had to be taken again, with a checkpoint every {STEPS_A_SAVE}.",
        "",
        "| full disk | jobs | ran out of room | not told in one line that names the file | ended "
        "otherwise when there was room again |",
        "|---|---|---|---|---|",
        *(
            f"| `{name}` | {disk.tries} | {disk.full} times | {len(disk.unclear)} | "
            f"{disk.different} |"
            for name, disk in torture.full_disks.items()
        ),
        "",
        "| hostile files | tried | refused, by reason | used | crashes | memory held |",
        "|---|---|---|---|---|---|",
        *(_row(kind, tried) for kind, tried in torture.tried.items()),
        "",
        *_siege_in_words(torture.siege),
        "",
        f"`make torture` took {torture.minutes:.0f} minutes.",
        "",
    ]
    return "\n".join(lines)


def _siege_in_words(siege: Siege) -> list[str]:
    left, (before, after) = siege.hang_ups, siege.megabytes
    picture = "the same picture" if siege.same_picture else "another picture"
    return [
        "| hostile requests | sent | answers, by status | findings |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {tried.tried:,} | {_counted(tried.answers)} | {len(tried.findings)} |"
            for kind, tried in (
                ("made up from the API's document", siege.by_document),
                ("garbage", siege.raw),
            )
        ),
        "",
        f"{left.cancelled} of {left.tried} clients that hung up had their work cancelled: of the "
        f"{left.pictures_asked:,} pictures that they had asked for, {left.pictures_drawn:,} were "
        f"drawn. The server held {before} MB after a fifth of all this and {after} MB at its end, "
        f"and drew {picture} of a prompt and seed before and after.",
    ]


def _counted(answers: Mapping[str, int]) -> str:
    ordered = sorted(((count, answer) for answer, count in answers.items()), reverse=True)
    return ", ".join(f"{answer} {count:,}" for count, answer in ordered[:SHOWN])


def _row(kind: str, tried: Tried) -> str:
    good = {"read", "drawn"}
    used = sum(count for answer, count in tried.answers.items() if answer in good)
    refused = {answer: count for answer, count in tried.answers.items() if answer not in good}
    return (
        f"| {kind} | {tried.inputs:,} | {_counted(refused)} | {used:,} | {len(tried.crashes)} | "
        f"{tried.megabytes} MB |"
    )
