"""Which prompts a bundle takes for off topic: held-out captions, short prompts, other things.

python -m benchmarks subject flowers --data FLOWERS/test --kind flowers
python -m benchmarks subject birds --data BIRDS/test --kind birds
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from captiongan.data.store import captions_of
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BundleError
from captiongan.loading import load

HERE = Path(__file__).parent

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    bundle: Annotated[str, typer.Argument(help="Name of a shipped bundle, or a folder.")],
    data: Annotated[Path, typer.Option(help="Captioned folder that was held out.")],
    kind: Annotated[str, typer.Option(help="Our own short prompts: flowers or birds.")],
) -> None:
    """Print the share of each kind of prompts that is taken for off topic."""
    pipeline = load(bundle)
    captions = captions_of([str(data)])
    share = _off_topic(pipeline, captions).mean()
    typer.echo(f"{len(captions):,} captions held out: {share:.1%} off topic")
    for name, shown in ((f"of_{kind}", True), ("off_topic", False)):
        prompts = (HERE / f"prompts_{name}.txt").read_text().splitlines()
        off = _off_topic(pipeline, prompts)
        wrong = [prompt for prompt, is_off in zip(prompts, off, strict=True) if is_off == shown]
        typer.echo(f"{len(prompts)} prompts {name}: {off.mean():.1%} off topic; wrong: {wrong}")


def _off_topic(pipeline: Pipeline, prompts: Sequence[str]) -> npt.NDArray[np.bool_]:
    subject = pipeline.manifest.subject
    if subject is None:
        raise BundleError(
            f"bundle '{pipeline.manifest.name}' does not know its subject; write a copy that does "
            "with `captiongan subject`"
        )
    return np.array([not subject.covers(each) for each in pipeline.encode(prompts)])
