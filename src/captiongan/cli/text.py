"""The verbs for text encoders: train one, teach it a language, put it into a bundle."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from captiongan.cli.models import Bundle, NewBundle
from captiongan.cli.shared import training_half
from captiongan.errors import ConfigError

app = typer.Typer()
text_app = typer.Typer(name="text", no_args_is_help=True, help="Train a text encoder.")
app.add_typer(text_app)


@text_app.command("train")
def train_text(
    data: Annotated[list[str], typer.Argument(help="Captioned folders, or `toy:SIZE`.")],
    out: Annotated[Path, typer.Option(help="Folder of the encoder; must not exist yet.")],
    network: Annotated[str, typer.Option(help="`small` or `char-cnn-rnn`.")] = "small",
    language: Annotated[
        str | None,
        typer.Option(help="`vi`: teach a trained encoder Vietnamese, in place of a new training."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="With --language: folder of the encoder to teach, or of a bundle; by default, "
            "`small`.",
        ),
    ] = None,
    cldr: Annotated[
        Path | None,
        typer.Option(help="With --language: folder of the npm package cldr-annotations-full."),
    ] = None,
    wordnet: Annotated[
        Path | None, typer.Option(help="Folder of a WordNet database, for general English.")
    ] = None,
    composed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of sentences about appearance to compose; of pairs with --language.",
            show_default="60,000; 300,000 with --language",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="First stage: epochs over all texts, with MiniLM as teacher.",
            show_default="8; 1 with --language",
        ),
    ] = None,
    align_epochs: Annotated[
        int, typer.Option(min=0, help="Second stage: epochs over the captions of the pictures.")
    ] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the weights and the order.")] = 0,
) -> None:
    """Train a text encoder: distil MiniLM on text, then align it with pictures.

    With --language, a trained encoder learns another language instead, and English stays as it is.
    Uses an NVIDIA GPU if there is one, otherwise the CPU.
    """
    given = {name: each for name, each in {"composed": composed, "epochs": epochs}.items() if each}
    if language is not None:
        _refuse("--language", {"--wordnet": wordnet})
        _teach_language(language, start, data, cldr, out, seed, given)
        return
    _refuse("a training without --language", {"--from": start, "--cldr": cldr})
    with training_half():
        from captiongan.compute.devices import default_device
        from captiongan.evaluation.extractors import choose_extractor
        from captiongan.text.cached_embeddings import CachedTextEncoder
        from captiongan.text.minilm import MiniLM
        from captiongan.text_training.train import TextPlan, train_text_encoder
    plan = TextPlan(tuple(data), network, wordnet, align_epochs=align_epochs, seed=seed, **given)
    device = default_device()
    report = train_text_encoder(
        plan,
        out,
        CachedTextEncoder(
            MiniLM(device), lambda done, total: typer.echo(f"teacher {done} of {total}")
        ),
        choose_extractor("lite0", device=device),
        device,
        typer.echo,
    )
    typer.echo(
        f"{out}: mean cosine {report.mean_cosine:.3f} with MiniLM on {report.held_out} texts held "
        "out; all facts in report.json"
    )


def _teach_language(
    language: str,
    start: Path | None,
    data: Sequence[str],
    cldr: Path | None,
    out: Path,
    seed: int,
    lengths: Mapping[str, int],
) -> None:
    with training_half():
        from captiongan.compute.devices import default_device
        from captiongan.text.registry import SMALL
        from captiongan.text_training.language_pairs import LanguagePlan
        from captiongan.text_training.second_language import teach_language
    plan = LanguagePlan(language, start or SMALL, tuple(data), cldr, seed=seed, **lengths)
    report = teach_language(plan, out, default_device(), typer.echo)
    typer.echo(
        f"{out}: mean cosine {report.mean_cosine:.3f} with the English twins of {report.held_out} "
        "sentences held out; all facts in report.json"
    )


def _refuse(what: str, options: Mapping[str, object]) -> None:
    """Refuse options that a command would not use."""
    for option, value in options.items():
        if value is not None:
            raise ConfigError(f"{option} {value}: {what} does not use it; leave it out")


@text_app.command("exchange")
def exchange_text(
    bundle: Bundle,
    encoder: Annotated[Path, typer.Argument(help="Folder that `captiongan text train` wrote.")],
    out: NewBundle,
) -> None:
    """Write a copy of a bundle with another text encoder that embeds English alike."""
    from captiongan.bundle.bundle import find_bundle
    from captiongan.text.exchange import exchange_encoder

    written = exchange_encoder(find_bundle(bundle), encoder, out)
    typer.echo(f"{out}: reads {', '.join(written.manifest.languages)}")
