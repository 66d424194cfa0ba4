"""The command line: arguments in, one call, lines out.

Heavy imports are inside the verbs, so that `--help` is quick and drawing needs no PyTorch.
"""

import sys
import time
import warnings
from pathlib import Path
from typing import Annotated

import typer

from captiongan import __version__
from captiongan.errors import CaptionganError

app = typer.Typer(
    name="captiongan",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def main() -> None:
    """Run the command line; an error that the user can mend is one line and exit code 2."""
    with warnings.catch_warnings():
        warnings.formatwarning = lambda message, *_: f"warning: {_one_line(message)}\n"
        try:
            app()
        except CaptionganError as error:
            print(f"error: {_one_line(error)}", file=sys.stderr)
            sys.exit(2)


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"captiongan {__version__}")
        raise typer.Exit


@app.callback()
def _captiongan(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Draw pictures from sentences with a small text-conditional GAN."""


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="One English sentence.")],
    n: Annotated[int, typer.Option("-n", help="How many pictures, 1 to 1000.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first; each next has one more.")] = 0,
    output: Annotated[Path, typer.Option("-o", "--output", help="PNG file to write.")] = Path(
        "picture.png"
    ),
    grid: Annotated[bool, typer.Option("--grid", help="Put all pictures on one sheet.")] = False,
    bundle: Annotated[str, typer.Option(help="Name of a shipped bundle, or a folder.")] = "flowers",
) -> None:
    """Draw pictures of a sentence; several without --grid are saved as NAME-SEED.png."""
    from captiongan.pictures import check_output, numbered, save_grid, square
    from captiongan.pipeline import load
    from captiongan.prompts import seeds_of

    check_output(output)
    seeds = seeds_of(seed, n)
    paths = [output] if grid else numbered(output, seeds)

    started = time.perf_counter()
    pipeline = load(bundle)
    loaded = time.perf_counter()
    pictures = pipeline.generate(prompt, n, seed)
    drawn = time.perf_counter()

    if grid:
        save_grid(square(pictures), output)
    else:
        for picture, path in zip(pictures, paths, strict=True):
            picture.save(path)
    for path in paths:
        typer.echo(path)
    load_ms, draw_ms = 1000 * (loaded - started), 1000 * (drawn - loaded)
    typer.echo(f"{draw_ms:.0f} ms for text and drawing, {load_ms:.0f} ms for loading")
