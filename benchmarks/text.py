"""Text encoders side by side: retrieval, agreement, word order, unseen words, time and size.

    python -m benchmarks text --data FLOWERS --data BIRDS --encoder small=SMALL

`minilm` and a bag of words are always measured. Writes docs/reports/text-encoder.json and the
tables of docs/text-encoder.md. Embeddings, features and probes stay in the cache: the first run
takes long, the next ones a minute, and a new encoder some minutes more.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.bag_of_words import BagOfWords
from benchmarks.marked_page import check_marks, write_measured
from benchmarks.text_agreement import agreement, some_sentences
from benchmarks.text_order import (
    Order,
    order_by_attributes,
    order_by_pictures,
    real_pairs,
    toy_flowers,
    toy_pairs,
)
from benchmarks.text_page import PAGE, REPORT, Report, as_json, measured
from benchmarks.text_retrieval import SIDE, DataSet, Hits, compare, hits, train_probes
from benchmarks.text_speed import Speed, export_minilm, published_bytes, speeds, timed_sentences
from benchmarks.text_words import read_words, word_score, word_test
from captiongan.base.files import replace_file
from captiongan.bundle.text_encoder import OnnxTextEncoder, TextEncoder
from captiongan.data.store import Pictures, PictureStore, captions_of, open_store
from captiongan.data.toy import ToyFlower, draw
from captiongan.errors import ConfigError
from captiongan.evaluation.extractors import Extractor, choose_extractor, remembered_features
from captiongan.evaluation.real import RealPictures
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.text.colour_swap import swap_colours
from captiongan.text.minilm import MiniLM
from captiongan.text_training.corpus import held_out
from captiongan.text_training.wordnet import read_wordnet

ROOT = Path(__file__).parents[1]

REFERENCE, BASELINE = "minilm", "bag of words"
EXTRACTOR = "lite1"
TOY_TRAIN, TOY_TEST, TOY_TEST_SEED = "toy:4000", 400, 1
SENTENCES, TIMED, SEED = 2000, 320, 0

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[
        list[Path], typer.Option(help="Folder with the captioned folders `train` and `test`.")
    ],
    encoder: Annotated[
        list[str], typer.Option(help="NAME=FOLDER of an encoder; name the shipped one last.")
    ],
    captions: Annotated[
        list[Path] | None,
        typer.Option(help="Captioned folder whose words count as seen, too."),
    ] = None,
    glosses: Annotated[Path, typer.Option(help="Folder of the WordNet database.")] = Path(
        "/usr/share/wordnet"
    ),
    docs: Annotated[Path, typer.Option(help="Folder of text-encoder.md.")] = ROOT / "docs",
) -> None:
    """Measure text encoders and write docs/text-encoder.md."""
    check_marks(docs / PAGE)
    folders = encoder_folders(encoder)
    general = [text for text in read_wordnet(glosses).sentences if held_out(text)]
    report = measure(
        [DataSet.open(folder) for folder in data],
        folders,
        captions_of([str(folder) for folder in captions or []]),
        some_sentences(general, SENTENCES, SEED),
    )
    (docs / REPORT).parent.mkdir(parents=True, exist_ok=True)
    replace_file(docs / REPORT, as_json(report).encode())
    write_measured(docs / PAGE, measured(report))


def encoder_folders(named: Sequence[str]) -> dict[str, Path]:
    """Read arguments like `small=FOLDER`.

    Raises:
        ConfigError: one is not of that form, or a name is taken.
    """
    folders: dict[str, Path] = {}
    for each in named:
        name, _, folder = each.partition("=")
        if not name or not folder or name in {REFERENCE, BASELINE, *folders}:
            raise ConfigError(
                f"--encoder '{each}' must be NAME=FOLDER with a name of its own, which is not "
                f"{REFERENCE} or {BASELINE}; give another"
            )
        folders[name] = Path(folder)
    return folders


def measure(
    data: Sequence[DataSet],
    folders: dict[str, Path],
    more_captions: Sequence[str],
    sentences: Sequence[str],
) -> Report:
    """Measure all encoders: MiniLM, a bag of words, and those in `folders`, the shipped one last.

    `more_captions` count as seen beside those of the train splits; agreement is measured on
    `sentences`.
    """
    toy = open_store(TOY_TRAIN, SIDE, minimum_side=1)
    read = [
        caption for store in (*(each.train for each in data), toy) for caption in store.captions
    ]
    encoders: dict[str, TextEncoder] = {
        REFERENCE: CachedTextEncoder(MiniLM(), _tell_progress),
        BASELINE: BagOfWords(read),
        **{
            name: CachedTextEncoder(OnnxTextEncoder(folder, name), _tell_progress)
            for name, folder in folders.items()
        },
    }
    extractor = choose_extractor(EXTRACTOR)
    retrieval, order = {}, {}
    for each in data:
        found, order[each.name] = pictures_and_captions(each, extractor, encoders)
        retrieval[each.name] = compare(found, REFERENCE)
    order |= toy_order(toy, extractor, encoders)
    check_baseline(order)

    _say("agreement")
    embeddings = {name: encoder.encode(sentences) for name, encoder in encoders.items()}
    words = word_test(read_words(), [*read, *more_captions])
    tried = timed_sentences([text for each in data for text in each.test.captions], TIMED, SEED)
    return Report(
        reference=REFERENCE,
        shipped=list(folders)[-1],
        encoders={name: encoder.identity for name, encoder in encoders.items()},
        measured_on={
            **{each.name: _numbers(each) for each in data},
            "toy": {"train": TOY_TRAIN, "test_pictures": TOY_TEST, "test_seed": TOY_TEST_SEED},
            "pictures": {"extractor": str(extractor.identity), "side": SIDE},
            "agreement": {"sentences": len(sentences)},
            "speed": {"sentences": len(tried)},
        },
        retrieval=retrieval,
        agreement={
            name: agreement(each, embeddings[REFERENCE]) for name, each in embeddings.items()
        },
        order=order,
        words={name: word_score(words, encoder) for name, encoder in encoders.items()},
        word_test=words,
        speed=_speeds(folders, tried),
        published_bytes=published_bytes(),
    )


def pictures_and_captions(
    data: DataSet, extractor: Extractor, encoders: dict[str, TextEncoder]
) -> tuple[dict[str, Hits], dict[str, Order]]:
    """Measure what needs probes of a data set: retrieval and word order, by encoder."""
    pairs = real_pairs(data.test.examples, swap_colours)
    found, order = {}, {}
    for name, encoder in encoders.items():
        _say(f"{data.name}: {name}")
        probes = train_probes(data.train, extractor, encoder)
        test = data.test
        real = RealPictures.describe(test.examples, test.pictures, extractor, encoder)
        found[name] = hits(probes, real)
        order[name] = order_by_pictures(probes, real.features, pairs, encoder)
    return found, order


def toy_order(
    train: PictureStore, extractor: Extractor, encoders: dict[str, TextEncoder]
) -> dict[str, dict[str, Order]]:
    """Measure word order on toy flowers, by their pictures and by their attributes."""
    flowers = toy_flowers(TOY_TEST, TOY_TEST_SEED)
    pairs = toy_pairs(flowers)
    features = remembered_features(extractor, _drawn(flowers))
    by_pictures, by_attributes = {}, {}
    for name, encoder in encoders.items():
        _say(f"toy: {name}")
        probes = train_probes(train, extractor, encoder)
        by_pictures[name] = order_by_pictures(probes, features, pairs, encoder)
        by_attributes[name] = order_by_attributes(train.examples, flowers, pairs, encoder)
    return {"toy": by_pictures, "toy, attributes": by_attributes}


def check_baseline(order: Mapping[str, Mapping[str, Order]]) -> None:
    """Make sure that what knows no order is right in exactly half of all pairs.

    Raises:
        RuntimeError: it is not, so something else than word order tells the captions apart.
    """
    for name, orders in order.items():
        right = orders[BASELINE].right.value
        if right != 0.5:
            raise RuntimeError(f"{name}: a {BASELINE} is right in {right} of the pairs, not in 0.5")


def _drawn(flowers: Sequence[ToyFlower]) -> Pictures:
    return np.stack([np.asarray(draw(flower, SIDE)) for flower in flowers])


def _speeds(folders: dict[str, Path], sentences: Sequence[str]) -> dict[str, Speed]:
    _say("time")
    with tempfile.TemporaryDirectory() as folder:
        export_minilm(Path(folder))
        return speeds({REFERENCE: Path(folder), **folders}, REFERENCE, sentences)


def _numbers(data: DataSet) -> dict[str, int | str]:
    return {
        "train_pictures": len(data.train.examples),
        "train_captions": len(data.train.captions),
        "train_sha256": data.train.digest,
        "test_pictures": len(data.test.examples),
        "test_captions": len(data.test.captions),
        "test_sha256": data.test.digest,
    }


def _tell_progress(done: int, total: int) -> None:
    _say(f"encoded {done:,} of {total:,} new texts")


def _say(line: str) -> None:
    typer.echo(line, err=True)
