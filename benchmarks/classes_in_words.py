"""How much of a picture's class its caption tells, at least: so much a drawn picture can show.

    python -m benchmarks classes_in_words oxford-flowers cub-birds

A network with one hidden layer learns to tell classes from the embeddings of the train captions;
printed is how often the class of a test caption is its first guess, and among its first five.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.bundle.text_encoder import TextEncoder
from captiongan.data.store import PictureStore, open_store
from captiongan.errors import DataError
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.text.registry import choose_encoder

SIDE = 64
HIDDEN, DROPOUT = 512, 0.3
PASSES, BATCH, LEARNING_RATE = 4, 512, 1e-3

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[
        list[Path], typer.Argument(help="Folders with the captioned folders `train` and `test`.")
    ],
    encoder: Annotated[
        list[str] | None, typer.Option(help="Text encoders; small and minilm if none is named.")
    ] = None,
) -> None:
    """Measure, and print a table."""
    typer.echo("| data | text encoder | class, top 1 | class, top 5 |\n|---|---|---|---|")
    for folder in data:
        train, test = (open_store(str(folder / split), SIDE, SIDE) for split in ("train", "test"))
        for name in encoder or ("small", "minilm"):
            first, five = guessed(train, test, CachedTextEncoder(choose_encoder(name)))
            typer.echo(f"| {folder.name} | {name} | {first:.3f} | {five:.3f} |")


def guessed(
    train: PictureStore, test: PictureStore, encoder: TextEncoder, seed: int = 0
) -> tuple[float, float]:
    """Return how often a test caption's class is guessed at once, and among the first five.

    Raises:
        DataError: a picture has no class, or a class of the test pictures has none to learn from.
    """
    labels = _labels(train)
    numbers = {label: number for number, label in enumerate(sorted(set(labels)))}
    if strangers := set(_labels(test)) - set(numbers):
        raise DataError(f"classes {sorted(strangers)} are in `test` only; add pictures to `train`")
    texts, given = torch.from_numpy(encoder.encode(train.captions)), _numbered(labels, numbers)
    mean, deviation = texts.mean(dim=0), texts.std(dim=0)
    network = _learned((texts - mean) / deviation, given, len(numbers), seed)
    with torch.no_grad():
        asked = torch.from_numpy(encoder.encode(test.captions))
        guesses = network((asked - mean) / deviation).topk(min(5, len(numbers))).indices
    right = guesses == _numbered(_labels(test), numbers)[:, None]
    return float(right[:, 0].float().mean()), float(right.any(dim=1).float().mean())


def _learned(texts: Tensor, classes: Tensor, count: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(texts.shape[1], HIDDEN),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(HIDDEN, count),
    )
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=LEARNING_RATE)
    for _ in range(PASSES):
        for rows in torch.randperm(len(texts)).split(BATCH):
            optimiser.zero_grad()
            F.cross_entropy(network(texts[rows]), classes[rows]).backward()
            optimiser.step()
    return network.eval()


def _labels(store: PictureStore) -> list[str]:
    """Return the class of each caption's picture."""
    labels = [example.label for example in store.examples for _ in example.captions]
    known = [label for label in labels if label is not None]
    if len(known) < len(labels):
        raise DataError("a picture has no class; every line of the metadata needs its `class`")
    return known


def _numbered(labels: list[str], numbers: dict[str, int]) -> Tensor:
    return torch.tensor([numbers[label] for label in labels])
