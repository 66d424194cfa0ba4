"""Vietnamese beside English, for docs/text-encoder.md: twins, stamps, pictures, negation."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from captiongan.bundle.languages import without_accents
from captiongan.bundle.text_encoder import OnnxTextEncoder
from captiongan.bundle.vietnamese import in_sections
from captiongan.data.store import Pictures, open_store
from captiongan.draw.noise import noise_rows
from captiongan.draw.pipeline import Pipeline
from captiongan.evaluation.colours import COLOURS, colour_agreement, colour_shares
from captiongan.evaluation.extractors import Extractor, choose_extractor
from captiongan.evaluation.probe_training import open_probes
from captiongan.evaluation.probes import RetrievalProbe
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.retrieval import r_at_1
from captiongan.loading import load
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.text_training.corpus import held_out
from captiongan.text_training.vietnamese_grammar import compose_pairs

PROMPTS = Path(__file__).with_name("vietnamese_prompts.txt")
COMPOSED = 100_000
SEEDS = range(8)
SIDE = 128

NEGATED = {
    "flowers": (
        "a flower",
        "a red flower",
        (
            "a flower that is not red",
            "a flower without any red",
            "this flower isn't red",
            "bông hoa không phải màu đỏ",
            "bông hoa không có màu đỏ",
            "bong hoa khong do",
        ),
    ),
    "birds": (
        "a bird",
        "a red bird",
        (
            "a bird that is not red",
            "a bird without any red",
            "this bird isn't red",
            "con chim không phải màu đỏ",
            "con chim không có màu đỏ",
            "con chim khong do",
        ),
    ),
}
"""A plain prompt, one with red, and those that deny it, by bundle."""

app = typer.Typer()


@dataclass(frozen=True)
class Twins:
    """Vietnamese texts and their English twins, in the same order."""

    vietnamese: tuple[str, ...]
    english: tuple[str, ...]

    def without_accents(self) -> "Twins":
        """Return the same, typed without accents."""
        return Twins(tuple(map(without_accents, self.vietnamese)), self.english)


@app.command()
def vietnamese(
    encoder: Annotated[Path, typer.Option(help="Folder of the encoder that reads Vietnamese.")],
    before: Annotated[Path, typer.Option(help="Folder of the same encoder before.")],
    data: Annotated[Path, typer.Option(help="Folder with flowers/train and birds/train.")],
    stamps: Annotated[Path, typer.Option(help="Folder of Tux Paint's stamps.")],
) -> None:
    """Print the tables on Vietnamese in Markdown."""
    warnings.simplefilter("ignore")
    after, teacher = OnnxTextEncoder(encoder, "small"), OnnxTextEncoder(before, "small")
    for table in (
        _on_twins(after, teacher, stamps),
        _on_pictures(after, teacher, data),
        _on_negation(after),
    ):
        for line in table:
            typer.echo(line)
        typer.echo()


def _on_twins(after: OnnxTextEncoder, teacher: OnnxTextEncoder, stamps: Path) -> Iterator[str]:
    yield "| twins | how many | cosine | R@1 of 100 |"
    yield "|---|---|---|---|"
    for name, twins in {"composed, held out": _composed(), "stamps": _stamps(stamps)}.items():
        for how, typed in ((name, twins), (f"{name}, no accents", twins.without_accents())):
            own, english = after.encode(typed.vietnamese), teacher.encode(typed.english)
            cosine = (own * english).sum(axis=1).mean()
            yield f"| {how} | {len(own):,} | {cosine:.3f} | {r_at_1(english, own):.3f} |"


def _composed() -> Twins:
    kept = [
        pair
        for pair in islice(compose_pairs(0), COMPOSED)
        if held_out(pair.twin) and not pair.text.isascii()
    ]
    return Twins(tuple(pair.text for pair in kept), tuple(pair.twin for pair in kept))


def _stamps(folder: Path) -> Twins:
    """Read the captions of Tux Paint's stamps, each English one once, in a random order."""
    found: dict[str, str] = {}
    for file in sorted(folder.rglob("*.txt")):
        english, *others = file.read_text(encoding="utf-8", errors="replace").splitlines()
        own = [line.removeprefix("vi.utf8=") for line in others if line.startswith("vi.utf8=")]
        if english.strip() and own and own[0].strip():
            found.setdefault(english.strip(), own[0].strip())
    order = np.random.default_rng(0).permutation(len(found))
    pairs = [list(found.items())[number] for number in order]
    return Twins(tuple(own for _, own in pairs), tuple(english for english, _ in pairs))


def _on_pictures(after: OnnxTextEncoder, teacher: OnnxTextEncoder, data: Path) -> Iterator[str]:
    extractor, sentences = choose_extractor("lite1", side=SIDE), CachedTextEncoder(teacher)
    yield "| drawn of | colours, English | Vietnamese | R@1, English | Vietnamese | no accents |"
    yield "|---|---|---|---|---|---|"
    for name, lines in in_sections(PROMPTS).items():
        rows = [line.split(" | ") for line in lines.strip().splitlines()]
        twins = Twins(tuple(vi for _, vi in rows), tuple(en for en, _ in rows))
        store = open_store(str(data / name / "train"), 64, minimum_side=1)
        real = RealPictures.describe(store.examples, store.pictures, extractor, sentences)
        probes = open_probes(real, extractor.identity, sentences.identity)
        assert probes is not None
        own = sentences.encode(twins.english)
        drawn = [
            _drawn(load(name), after, texts)
            for texts in (twins.english, twins.vietnamese, twins.without_accents().vietnamese)
        ]
        captions = [text for text in twins.english for _ in SEEDS]
        colours = [np.nanmean(colour_agreement(pictures, captions)) for pictures in drawn]
        found = [_found(probes.retrieval, extractor, own, pictures) for pictures in drawn]
        yield (
            f"| {len(rows)} prompts of {name} | {colours[0]:.3f} | {colours[1]:.3f} | "
            f"{found[0]:.3f} | {found[1]:.3f} | {found[2]:.3f} |"
        )


def _drawn(pipeline: Pipeline, encoder: OnnxTextEncoder, texts: Sequence[str]) -> Pictures:
    """Draw each text with all seeds, text by text: (N, H, W, 3) uint8."""
    embeddings = np.repeat(encoder.encode(texts), len(SEEDS), axis=0)
    noise = np.tile(noise_rows(SEEDS, pipeline.manifest.noise_dim), (len(texts), 1))
    return pipeline.draw(noise, embeddings)


def _found(
    probe: RetrievalProbe, extractor: Extractor, sentences: np.ndarray, pictures: Pictures
) -> float:
    """Return how often a picture is nearest to the English twin of its own prompt among all."""
    features = extractor.features(pictures)
    cosines = np.stack(
        [probe.cosine(features, np.tile(each, (len(features), 1))) for each in sentences], axis=1
    )
    wanted = np.repeat(np.arange(len(sentences)), len(SEEDS))
    return float((cosines.argmax(axis=1) == wanted).mean())


def _on_negation(after: OnnxTextEncoder) -> Iterator[str]:
    red = COLOURS.index("red")
    yield "| prompt | red pixels |"
    yield "|---|---|"
    for name, (plain, coloured, negated) in NEGATED.items():
        for text in (plain, coloured, *negated):
            share = colour_shares(_drawn(load(name), after, [text]))[:, red].mean()
            yield f"| {text} | {share:.2f} |"
