"""What several verbs share: options, checks for the optional packages, and reading of prompts."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from captiongan.errors import CaptionganError, needs_extra

BundleName = Annotated[str, typer.Option(help="Name of a shipped bundle, or a bundle folder.")]

Truncation = Annotated[
    float,
    typer.Option(
        help="Scale of the noise, above 0 and at most 1; a smaller one gives less variety."
    ),
]

BestOf = Annotated[
    int, typer.Option(help="Candidates to draw for each picture, 1 to 64; the best one is kept.")
]

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every interface.")]

OpenBrowser = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Configuration value as section.name=value; may be repeated."),
]

training_half = partial(needs_extra, "train", "this verb", "the training half")
web_half = partial(needs_extra, "serve", "this verb", "the web half")


def to_stderr(line: object) -> None:
    """Print a line to standard error, so that standard output holds nothing but results."""
    typer.echo(line, err=True)


def read_lines(file: Path, option: str) -> list[str]:
    """Return the lines of a text file that are not blank.

    Args:
        file: a UTF-8 text file.
        option: the option that named it, for the error message.

    Raises:
        CaptionganError: the file cannot be read, or has no such line.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise CaptionganError(
            f"{option} '{file}' cannot be read ({error}); name a UTF-8 text file with one prompt "
            "per line"
        ) from error
    prompts = [line for line in lines if line]
    if not prompts:
        raise CaptionganError(f"{option} '{file}' is empty; write one prompt per line")
    return prompts
