"""A leg of training on another machine, one with a GPU and perhaps without a network.

    python -m tools.gpu_leg pack flowers/train --out data.tar.gz       here
    python -m tools.gpu_leg unpack data.tar.gz --out data              there
    python -m tools.gpu_leg train runs.yaml --out runs --minutes 55    there
    python -m tools.gpu_leg split runs/00000-roses --out parts         there
    python -m tools.gpu_leg join parts --out runs --data flowers/train here

docs/gpu.md goes through it.
"""

from pathlib import Path
from typing import Annotated

import typer

from captiongan.cli import run as run_commands
from captiongan.runs.run_folder import RunFolder
from tools.gpu_leg.data import Squares
from tools.gpu_leg.data import pack as pack_folders
from tools.gpu_leg.data import unpack as unpack_folders
from tools.gpu_leg.parts import join_run, split_run
from tools.gpu_leg.runs import read_entries, train_together

MB = 1_000_000

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def pack(
    folders: Annotated[
        list[Path], typer.Argument(help="Captioned folders; two parts of a path stay its name.")
    ],
    out: Annotated[Path, typer.Option(help="File to write, or to replace: data.tar.gz.")],
    side: Annotated[
        int, typer.Option(min=16, help="Side of the squares: data.resolution + data.margin.")
    ] = Squares.side,
    minimum_side: Annotated[
        int, typer.Option(min=1, help="Leave out shorter pictures: data.resolution.")
    ] = Squares.minimum_side,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of the JPEGs.")] = Squares.quality,
) -> None:
    """Pack captioned folders, their pictures as small squares, into one file."""
    for each in pack_folders(folders, out, Squares(side, minimum_side, quality)):
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(each.left_out.items()))
        typer.echo(f"{each.name}: {each.pictures:,} pictures; left out: {faults or 'none'}")
    typer.echo(f"{out}: {out.stat().st_size / MB:.1f} MB")


@app.command()
def unpack(
    archive: Annotated[Path, typer.Argument(help="What `pack` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the captioned folders, made new.")],
) -> None:
    """Unpack captioned folders."""
    unpack_folders(archive, out)
    for metadata in sorted(out.rglob("metadata.jsonl")):
        typer.echo(metadata.parent)


@app.command()
def train(
    runs: Annotated[Path, typer.Argument(help="YAML: a list of {name, config, data, set: [...]}.")],
    out: Annotated[Path, typer.Option(help="Where the run folders are.")],
    minutes: Annotated[float, typer.Option(min=0, help="When to stop the runs and save.")],
) -> None:
    """Train several runs at once, or go on with them; ends with code 1 if one failed."""
    outcomes = train_together(read_entries(runs), out, 60 * minutes)
    for each in outcomes:
        typer.echo(f"{each.name}: {each.said}")
    if any(each.failed for each in outcomes):
        raise typer.Exit(1)


@app.command()
def split(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the parts, made new.")],
    part_mb: Annotated[float, typer.Option(min=0.001, help="Most megabytes of a part.")] = 15,
    half: Annotated[
        bool, typer.Option("--half/--whole", help="In half precision, or bit for bit.")
    ] = True,
) -> None:
    """Pack a run's newest checkpoint in parts that are easy to carry."""
    for file in split_run(RunFolder.open(run), out, round(part_mb * MB), half):
        typer.echo(f"{file}: {file.stat().st_size / MB:.1f} MB")


@app.command()
def join(
    folder: Annotated[Path, typer.Argument(help="Folder of all parts of a run.")],
    out: Annotated[Path, typer.Option(help="Where the run folder is made.")],
    data: Annotated[
        Path | None, typer.Option(help="Where the run's captioned folder is on this machine.")
    ] = None,
) -> None:
    """Join parts to a run folder that can be resumed, evaluated and exported."""
    typer.echo(join_run(folder, out, data).path)


if __name__ == "__main__":
    run_commands(app)
