"""The verbs that serve a page: `serve` to draw with, `watch` to follow a training run."""

from pathlib import Path
from typing import Annotated

import typer

from captiongan.cli.shared import Host, OpenBrowser, web_half

app = typer.Typer()


@app.command()
def serve(
    bundle: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of a shipped bundle, or a bundle folder; may be repeated. By default, "
            "every shipped bundle."
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token that clients must send; by default, $CAPTIONGAN_TOKEN."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Host name under which clients may call it; may be repeated."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Other origin whose pages may call it; may be repeated."),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(help="Limit as NAME=VALUE, see docs/serve.md; may be repeated."),
    ] = None,
    open_browser: OpenBrowser = False,
) -> None:
    """Serve a page to draw with words, and an API; Ctrl-C stops it."""
    from captiongan.bundle.bundle import shipped_bundles
    from captiongan.loading import load

    with web_half():
        from captiongan.web.access import Access
        from captiongan.web.app import create_app
        from captiongan.web.limits import Limits
        from captiongan.web.serve import own_names, token_of
        from captiongan.web.serve import serve as serve_app
    limits, token = Limits.of(limit or []), token_of(token_file)
    names = [*own_names(host), *(name.lower() for name in allow_host or [])]
    access = Access(token, names, allow_origin or [])
    shipped = sorted(shipped_bundles(), key=lambda name: name != "flowers")
    pipelines = [load(name) for name in bundle or shipped]
    web_app = create_app(pipelines, limits, access)
    serve_app(web_app, limits, host, port, typer.echo, open_browser)


@app.command()
def watch(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders; several are compared on the same axes.")
    ],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8001,
    open_browser: OpenBrowser = False,
    while_stdin: Annotated[bool, typer.Option("--while-stdin", hidden=True)] = False,
) -> None:
    """Serve the live view of runs: curves, samples and alarms; Ctrl-C stops it."""
    with web_half():
        from captiongan.web.watch import watch as serve_watch
    serve_watch(runs, host, port, typer.echo, open_browser, while_stdin)
