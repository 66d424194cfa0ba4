"""The verbs that write pages which need no server."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def page(
    bundles: Annotated[
        list[str],
        typer.Argument(help="Names of shipped bundles, bundle folders, or run folders."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="A file that ends in .html holds everything; any other path is a new folder "
            "for a web host.",
        ),
    ],
) -> None:
    """Write the studio as a page that draws in the browser, without a server."""
    from captiongan.loading import load
    from captiongan.page.page import check_output, size_of, write_page

    check_output(output)
    write_page([load(bundle) for bundle in bundles], output)
    typer.echo(f"{output} ({size_of(output) / 1e6:.1f} MB)")


@app.command()
def playground(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The file to write, such as playground.html.")
    ],
) -> None:
    """Write a page in which one trains the smallest GANs, in the browser, without a server."""
    from captiongan.page.playground import write_playground

    write_playground(output)
    typer.echo(f"{output} ({output.stat().st_size / 1e6:.1f} MB)")
