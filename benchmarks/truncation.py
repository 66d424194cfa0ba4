"""What truncation trades: one bundle scored with less and less noise, on the same captions.

    python -m benchmarks truncation flowers --data FLOWERS
    python -m benchmarks truncation birds --data BIRDS

Writes the bundle's part of docs/truncation.md, and its curves.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.truncation_page import ScoresAt, check_page, write_page
from captiongan.draw.prompts import check_truncation
from captiongan.evaluation.benchmark import samples_at_all_sides
from captiongan.evaluation.candidate import open_candidate
from captiongan.evaluation.evaluate import Evaluation, evaluate
from captiongan.evaluation.scorer import Scorer

ROOT = Path(__file__).parents[1]

TRUNCATIONS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)

SEED = 0

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    bundle: Annotated[str, typer.Argument(help="Name of a shipped bundle, or a folder.")],
    data: Annotated[Path, typer.Option(help="Folder with a captioned folder for each split.")],
    split: Annotated[str, typer.Option(help="Split whose captions are drawn.")] = "test",
    truncation: Annotated[
        list[float] | None, typer.Option(help="What to multiply the noise by; may be repeated.")
    ] = None,
    extractor: Annotated[str, typer.Option(help="Network whose features are scored.")] = "lite1",
    per_picture: Annotated[
        int, typer.Option(min=4, max=1000, help="Pictures to draw for each real one.")
    ] = 10,
    docs: Annotated[Path, typer.Option(help="Folder of truncation.md.")] = ROOT / "docs",
) -> None:
    """Score a bundle at several truncations; write its table and curves."""
    truncations = [check_truncation(each) for each in truncation or TRUNCATIONS]
    check_page(docs, open_candidate(bundle).name)
    write_page(docs, *measure(bundle, data, split, extractor, truncations, per_picture))


def measure(
    bundle: str,
    data: Path,
    split: str,
    extractor: str,
    truncations: Sequence[float],
    per_picture: int,
) -> tuple[Evaluation, ScoresAt]:
    """Score a bundle at the first truncation, and at the others on the same benchmark."""
    first, *others = truncations
    evaluation = evaluate(
        [bundle], data, split, extractor, per_picture, SEED, "best", _say, truncation=first
    )
    (result,), benchmarks = evaluation.results, evaluation.benchmarks
    scorer = Scorer(*benchmarks)
    scores = {first: result.scores}
    for truncation in others:
        _say(f"truncation {truncation:g}")
        candidate = replace(result.candidate, truncation=truncation)
        scores[truncation] = scorer.score(*samples_at_all_sides(benchmarks, candidate))
    return evaluation, scores


def _say(line: str) -> None:
    typer.echo(line, err=True)
