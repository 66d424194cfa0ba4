"""The verbs that draw a few pictures: generate, interpolate, explain and restyle."""

import time
from pathlib import Path
from typing import Annotated

import typer

from captiongan.cli.shared import BestOf, BundleName, Truncation, to_stderr

app = typer.Typer()

Sentences = Annotated[list[str], typer.Argument(help="One or more sentences.")]

Sheet = Annotated[
    Path, typer.Option("-o", "--output", help="PNG file to write; an existing file is replaced.")
]


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="One sentence.")],
    n: Annotated[int, typer.Option("-n", "--count", help="Number of pictures, 1 to 1000.")] = 1,
    seed: Annotated[
        int, typer.Option(help="Seed of the first picture, from 0; each next picture adds 1.")
    ] = 0,
    output: Sheet = Path("picture.png"),
    grid: Annotated[bool, typer.Option("--grid", help="Put all pictures on one sheet.")] = False,
    truncation: Truncation = 1.0,
    around: Annotated[
        int | None, typer.Option(help="Draw variations of the picture with this seed.")
    ] = None,
    strength: Annotated[
        float, typer.Option(help="Distance of the variations from that picture, 0 to 1.")
    ] = 0.3,
    best_of: BestOf = 1,
    bundle: BundleName = "flowers",
) -> None:
    """Draw pictures of a sentence.

    Several pictures are saved as NAME-SEED.png each, or with --grid as one sheet.
    """
    from captiongan.draw.picture import check_output, numbered
    from captiongan.draw.prompts import seeds_of
    from captiongan.draw.sheet import in_a_square, save_grid
    from captiongan.loading import load

    check_output(output)
    seeds = seeds_of(seed, n, best_of)
    if not grid:
        numbered(output, seeds)  # refuses a name that is taken before anything is drawn

    started = time.perf_counter()
    pipeline = load(bundle)
    loaded = time.perf_counter()
    pictures = pipeline.generate(prompt, n, seed, truncation, around, strength, best_of)
    drawn = time.perf_counter()

    paths = [output] if grid else numbered(output, [each.seed or 0 for each in pictures])
    if grid:
        save_grid(in_a_square(pictures), output)
    else:
        for picture, path in zip(pictures, paths, strict=True):
            picture.save(path)
    for path in paths:
        typer.echo(path)
    load_ms, draw_ms = 1000 * (loaded - started), 1000 * (drawn - loaded)
    to_stderr(f"{draw_ms:.0f} ms for text and drawing, {load_ms:.0f} ms for loading")


@app.command()
def interpolate(
    prompts: Sentences,
    seeds: Annotated[
        list[int] | None,
        typer.Option("--seed", help="Seed of the noise, 0 by default; may be repeated."),
    ] = None,
    steps: Annotated[
        int, typer.Option(help="Pictures from one stop to the next, including both.")
    ] = 9,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="PNG file for a strip, GIF or WebP for a film.")
    ] = Path("strip.png"),
    fps: Annotated[float, typer.Option(help="Frames per second of a film, 1 to 50.")] = 12,
    truncation: Truncation = 1.0,
    bundle: BundleName = "flowers",
) -> None:
    """Draw the steps from one sentence to another, or from one seed to another.

    Give several sentences and one --seed, or one sentence and several --seed.
    """
    from captiongan.draw.picture import FILMS, check_output
    from captiongan.loading import load

    check_output(output, (".png", *FILMS))
    load(bundle).interpolate(prompts, seeds or [0], steps, truncation).save(output, fps)
    typer.echo(output)


@app.command()
def explain(
    prompt: Annotated[str, typer.Argument(help="A sentence of two words at least.")],
    seed: Annotated[int, typer.Option(help="Seed of the picture.")] = 0,
    output: Sheet = Path("explain.png"),
    truncation: Truncation = 1.0,
    bundle: BundleName = "flowers",
) -> None:
    """Show what each word of a sentence changes in its picture.

    Writes a strip: the picture, and a heat map for each word. Prints how much each word changes
    the picture, in levels of 0 to 255.
    """
    from captiongan.draw.picture import check_output
    from captiongan.loading import load

    check_output(output)
    explanation = load(bundle).explain(prompt, seed, truncation)
    explanation.save(output)
    typer.echo(output)
    for word, strength in zip(explanation.words, explanation.strengths, strict=True):
        to_stderr(f"{strength:6.1f}  {word}")


@app.command()
def restyle(
    picture: Annotated[Path, typer.Argument(help="Picture file; its middle square is used.")],
    prompts: Sentences,
    output: Sheet = Path("restyled.png"),
    grid: Annotated[
        bool, typer.Option("--grid", help="Put the given picture and the drawn ones on one sheet.")
    ] = False,
    bundle: Annotated[
        str,
        typer.Option(help="Bundle with a style encoder: name of a shipped one, or a folder."),
    ] = "flowers-lecture",
) -> None:
    """Draw a picture again so that it fits another sentence.

    With several sentences, the pictures are saved as NAME-1.png, NAME-2.png and so on, or with
    --grid as one sheet.
    """
    from captiongan.base.image_reading import middle_square, read_picture
    from captiongan.draw.picture import check_output, numbered
    from captiongan.draw.sheet import save_grid
    from captiongan.loading import load

    check_output(output)
    paths = [output] if grid else numbered(output, range(1, len(prompts) + 1))
    given, pipeline = read_picture(picture), load(bundle)
    restyled = pipeline.restyle(given, prompts)
    if grid:
        save_grid([restyled], output, before=[middle_square(given, pipeline.manifest.resolution)])
    else:
        for each, path in zip(restyled, paths, strict=True):
            each.save(path)
    for path in paths:
        typer.echo(path)
