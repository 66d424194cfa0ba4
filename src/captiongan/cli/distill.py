"""The verb `distill`: a smaller generator learns what a bundle draws."""

from pathlib import Path
from typing import Annotated

import typer

from captiongan.cli.models import Bundle, NewBundle, Seed
from captiongan.cli.shared import read_lines, training_half

app = typer.Typer()


@app.command()
def distill(
    bundle: Bundle,
    out: NewBundle,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Captioned folder, or `toy:SIZE`, whose captions the bundle draws; may be "
            "repeated. Without it and --prompts, sentences about appearance are composed."
        ),
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="Text file with one sentence per line to draw.")
    ] = None,
    features: Annotated[
        int, typer.Option(min=1, help="Channels of the student's last stage.")
    ] = 16,
    kimg: Annotated[float, typer.Option(help="Training length in thousands of pictures.")] = 1000,
    seed: Seed = 0,
) -> None:
    """Train a smaller generator on a bundle's own pictures; write a bundle that draws faster.

    Ctrl-C saves and stops; the same command continues. A smaller --kimg ends it earlier.
    """
    with training_half():
        from captiongan.data.store import captions_of
        from captiongan.text_training.grammar import compose
        from captiongan.training.student import COMPOSED, distil
    sentences = [*captions_of(data or ()), *(read_lines(prompts, "--prompts") if prompts else ())]
    if not sentences:
        sentences = [look.text for look in compose(COMPOSED, seed)]
    report = distil(bundle, sentences, out, features, kimg, seed, typer.echo)
    if report is None:
        typer.echo(f"stopped; the same command continues from '{out}.training'")
        return
    size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    typer.echo(f"{out} ({size:.1f} MB): differs from its teacher by {report.difference:.1f} of 255")
