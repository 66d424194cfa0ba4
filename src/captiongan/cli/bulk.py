"""The verb `bulk`: pictures of a whole file of prompts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from captiongan.cli.shared import BundleName, Truncation, to_stderr

app = typer.Typer()


@app.command()
def bulk(
    prompts: Annotated[
        Path,
        typer.Argument(
            metavar="PROMPTS_FILE", help="A txt, jsonl, csv or parquet file, one prompt per row."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Folder for the pictures; an unfinished job in it is continued."),
    ],
    n: Annotated[int, typer.Option("-n", "--count", help="Pictures of each prompt.")] = 1,
    seed: Annotated[
        int, typer.Option(help="Seed of the first picture, from 0; each next picture adds 1.")
    ] = 0,
    truncation: Truncation = 1.0,
    bundle: BundleName = "flowers",
    layout: Annotated[
        Literal["webdataset", "imagefolder"],
        typer.Option("--format", help="Tar files, or captioned folders to train on."),
    ] = "webdataset",
    shard_size: Annotated[
        int, typer.Option(help="Most pictures in one tar file or folder, at least -n.")
    ] = 1000,
    ray: Annotated[
        str | None, typer.Option(help="Ray cluster to draw on: its address, `auto` or `local`.")
    ] = None,
) -> None:
    """Draw pictures of many sentences into a folder.

    If it was stopped, the same command continues. Exit code 3 means that everything is drawn except
    the rows listed in rejects.jsonl.
    """
    from rich.console import Console

    from captiongan.bulk.run import generate_all
    from captiongan.loading import open_bundle

    options = (open_bundle(bundle), n, seed, truncation, layout, shard_size, ray)
    try:
        account = generate_all(prompts, out, *options, Console(stderr=True))
    except KeyboardInterrupt:
        to_stderr("stopped; repeat the command to continue")
        raise typer.Exit(130) from None
    to_stderr(account)
    typer.echo(out)
    if account.rejects:
        raise typer.Exit(3)


def with_new_verb(arguments: Sequence[str]) -> list[str]:
    """Return a command line with `generate --prompts FILE`, now `bulk FILE`, replaced.

    A line on standard error names the new verb.
    """
    verb, *options = arguments or [""]
    former = [each for each in options if each.partition("=")[0] == "--prompts"]
    if verb != "generate" or not former:
        return list(arguments)
    to_stderr("warning: `generate --prompts FILE` is deprecated; use `captiongan bulk FILE`")
    place = options.index(former[0])
    return ["bulk", *options[:place], *former[0].split("=", 1)[1:], *options[place + 1 :]]
