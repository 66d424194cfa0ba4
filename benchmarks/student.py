"""A student beside its teacher on this machine, measured in one run.

    python -m benchmarks student flowers FOLDER

Both take turns; each figure is a median. Prints a table in Markdown for docs/performance.md.
"""

from typing import Annotated

import typer

from benchmarks.performance import Work, median_seconds, sentences
from benchmarks.performance_page import BATCH
from captiongan.bundle.bundle import find_bundle, read_bundle
from captiongan.draw.pipeline import Pipeline

app = typer.Typer(pretty_exceptions_enable=False)

ROWS = ("one picture of a new sentence", "of these the text", "64 pictures")


@app.command()
def main(
    teacher: Annotated[str, typer.Argument(help="Bundle.")],
    student: Annotated[str, typer.Argument(help="Bundle that learned from it.")],
    rounds: Annotated[int, typer.Option(min=1, help="Of which the median counts.")] = 25,
) -> None:
    """Measure, and print the table."""
    bundles = {name: read_bundle(find_bundle(name)) for name in (teacher, student)}
    works: dict[str, Work] = {}
    for name, bundle in bundles.items():
        works |= _works(name, Pipeline(bundle))
    seconds = median_seconds(works, rounds)
    typer.echo("| | teacher | student | of the teacher's |\n|---|---|---|---|")
    for row in ROWS:
        theirs, own = (1000 * seconds[f"{name} {row}"] for name in (teacher, student))
        typer.echo(f"| {row} | {theirs:.1f} ms | {own:.1f} ms | {own / theirs:.2f} |")
    sizes = [
        sum(facts.size for facts in bundle.manifest.files.values()) / 1e6
        for bundle in bundles.values()
    ]
    typer.echo(f"| files | {sizes[0]:.1f} MB | {sizes[1]:.1f} MB | {sizes[1] / sizes[0]:.2f} |")


def _works(name: str, pipeline: Pipeline) -> dict[str, Work]:
    new, more = sentences(), sentences()
    works = (
        lambda: pipeline.generate(next(new)),
        lambda: pipeline.encode([next(more)]),
        lambda: pipeline.generate("a red flower", n=BATCH),
    )
    return {f"{name} {row}": work for row, work in zip(ROWS, works, strict=True)}
