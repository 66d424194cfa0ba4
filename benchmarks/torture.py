"""The promises of reliability, tried at length: kills, hostile files.

    python benchmarks/torture.py

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

from captiongan.cache import CACHE_VARIABLE
from captiongan.cli import run
from marked_page import check_marks, write_measured
from torture_inputs import KINDS, Tried, try_inputs
from torture_kills import STEPS_A_SAVE, Kills, survive_kills

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
SHOWN = 8

app = typer.Typer(pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Torture:
    """What was tried and what came of it, and how long that took."""

    kills: Kills
    tried: Mapping[str, Tried]
    minutes: float

    @property
    def survived(self) -> bool:
        """Whether nothing was lost, crashed or came out different."""
        crashes = any(each.crashes for each in self.tried.values())
        return not crashes and not self.kills.different and self.kills.most_lost <= STEPS_A_SAVE


@app.command()
def main(
    kills: Annotated[int, typer.Option(min=1, help="Trainings to kill.")] = 100,
    inputs: Annotated[int, typer.Option(min=1, help="Hostile files of each kind.")] = 5000,
    bundles: Annotated[int, typer.Option(min=1, help="Hostile bundles.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Decides the moments and the files.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print, and leave the page.")] = False,
) -> None:
    """Kill trainings and feed on hostile files; write docs/reliability.md."""
    if not as_json:
        check_marks(PAGE)
    torture = measure(kills, dict.fromkeys(KINDS, inputs) | {"bundles": bundles}, seed)
    if as_json:
        typer.echo(json.dumps(asdict(torture)))
    else:
        write_measured(PAGE, in_words(torture))
    if not torture.survived:
        raise typer.Exit(1)


def measure(kills: int, inputs: Mapping[str, int], seed: int) -> Torture:
    """Try everything in a folder, and with a cache, of its own."""
    started = time.perf_counter()
    # Children are forked: threads of a tokenizer would not live on in them.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tried = {kind: try_inputs(KINDS[kind], count, seed) for kind, count in inputs.items()}
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = str(Path(folder) / "cache")
        killed = survive_kills(Path(folder), kills, seed)
    return Torture(killed, tried, (time.perf_counter() - started) / 60)


def in_words(torture: Torture) -> str:
    """Put the figures into Markdown."""
    killed = torture.kills
    lines = [
        f"{killed.kills} trainings were killed (SIGKILL), {killed.during_saves} of them while they "
        f"saved, and resumed: {killed.different} of {killed.runs} runs ended otherwise than one "
        f"that was never stopped. At most {killed.most_lost} steps had to be taken again, with a "
        f"checkpoint every {STEPS_A_SAVE}.",
        "",
        "| hostile files | tried | refused, by reason | used | crashes | memory held |",
        "|---|---|---|---|---|---|",
        *(_row(kind, tried) for kind, tried in torture.tried.items()),
        "",
        f"`make torture` took {torture.minutes:.0f} minutes.",
        "",
    ]
    return "\n".join(lines)


def _row(kind: str, tried: Tried) -> str:
    good = {"read", "drawn"}
    used = sum(count for answer, count in tried.answers.items() if answer in good)
    refused = sorted(
        ((count, answer) for answer, count in tried.answers.items() if answer not in good),
        reverse=True,
    )
    reasons = ", ".join(f"{answer} {count:,}" for count, answer in refused[:SHOWN])
    return (
        f"| {kind} | {tried.inputs:,} | {reasons} | {used:,} | {len(tried.crashes)} | "
        f"{tried.megabytes} MB |"
    )


if __name__ == "__main__":
    run(app)
