"""Training of a text encoder: distilled from a teacher on text, then aligned with pictures.

The small transformer goes through both stages; the char-cnn-rnn of Reed et al. 2016 learns from
captioned pictures alone, as theirs did.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan import __version__
from captiongan.base.cache import cache_folder, write_to_cache
from captiongan.base.files import os_errors_as, whole_folder
from captiongan.bundle.text_encoder import Embeddings, OnnxTextEncoder, TextEncoder
from captiongan.compute.memory import keep_freed_memory
from captiongan.data.store import PictureStore, open_store
from captiongan.errors import ConfigError, DataError, OutputError
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import Extractor, remembered_features
from captiongan.export.to_onnx import write_onnx
from captiongan.text_training.align import CANDIDATES, Pairs, PictureEmbedding, align, r_at_1
from captiongan.text_training.char_cnn_rnn import CharCnnRnn, character_tokenizer
from captiongan.text_training.colour_binding import ColourReadOut, bindings
from captiongan.text_training.corpus import Corpus, gather, held_out
from captiongan.text_training.distill import Lessons, Say, distill
from captiongan.text_training.fit import Plan, Rows
from captiongan.text_training.grammar import swap_colours
from captiongan.text_training.small import SmallTextEncoder, train_tokenizer

NETWORKS = ("small", "char-cnn-rnn")
PICTURE_SIDE = 64
FEWEST_CAPTIONS = 10
KEEPING_WEIGHT = 3.0
KEPT = 256
"""Texts of the first stage that each step of the second goes over again, at most."""


COMPARED = 3000
"""Held-out texts that are compared with the teacher, at most."""

Keeping = Callable[[int], Tensor]


@dataclass(frozen=True)
class TextPlan:
    """What to train a text encoder on, and for how long.

    `data` are captioned folders, `toy` or `toy:SIZE`. `network` is one of `NETWORKS`. `wordnet` is
    the folder of a WordNet database or None, `composed` how many sentences to compose of looks,
    `epochs` how often to read all texts, `align_epochs` how often to see all pictures' captions; 0
    leaves that stage out. The char-cnn-rnn has the second stage only.
    """

    data: tuple[str, ...]
    network: str = "small"
    wordnet: Path | None = None
    composed: int = 60_000
    epochs: int = 8
    align_epochs: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ConfigError(f"--network '{self.network}': must be one of {', '.join(NETWORKS)}")
        if self.network != "small" and self.align_epochs == 0:
            raise ConfigError(
                f"--align-epochs 0: '{self.network}' learns from pictures only; give 1 or more"
            )


@dataclass(frozen=True)
class TextReport:
    """What an encoder learned from, and how it answers to what was held out.

    `mean_cosine` and `similarity_correlation` are with the teacher, on `held_out` texts; `r_at_1`
    says how often a picture that was held out is nearest to its own caption among 100. A figure is
    None where a stage was left out, or held out too little to tell.
    """

    network: str
    teacher: str | None
    extractor: str | None
    data: tuple[str, ...]
    captions: int
    glosses: int
    composed: int
    held_out: int
    epochs: int
    align_epochs: int
    seed: int
    vocabulary: int
    parameters: int
    mean_cosine: float
    similarity_correlation: float | None
    r_at_1: float | None
    captiongan: str = __version__


@dataclass(frozen=True)
class Gallery:
    """Captioned pictures of all data sets.

    `features` is (N, D), `captions` are C texts, and `pictures` (C,) numbers the row of each.
    `held_out` (N,) tells the pictures that nothing may learn from.
    """

    captions: tuple[str, ...]
    pictures: Rows
    features: Features
    held_out: npt.NDArray[np.bool_]

    def part(self, chosen: Rows) -> "Gallery":
        """Return the captions of the chosen pictures, with all features."""
        rows = np.flatnonzero(np.isin(self.pictures, chosen))
        return Gallery(
            tuple(self.captions[row] for row in rows),
            self.pictures[rows],
            self.features,
            self.held_out,
        )


def train_text_encoder(
    plan: TextPlan,
    out: Path,
    teacher: TextEncoder,
    extractor: Extractor,
    device: torch.device,
    say: Say,
) -> TextReport:
    """Train an encoder and write its folder: tokenizer, ONNX network and `report.json`.

    What the first stage learns is kept in the cache, so a second stage can be tried again; and what
    every pass learns, so a training that was killed goes on from there. The same plan gives the
    same encoder, up to rounding between machines.

    Args:
        plan: data, network and lengths.
        out: the folder to write; must not exist.
        teacher: the encoder to imitate in the first stage.
        extractor: whose features stand for pictures in the second stage.
        device: where the encoder learns; teacher and extractor have their own.
        say: hears what is going on.

    Raises:
        DataError: data or dictionary cannot be used, or there are fewer than ten captions.
        OutputError: `out` exists or cannot be written.
    """
    keep_freed_memory()
    if out.exists():
        raise OutputError(f"--out '{out}' exists already; remove it or choose another folder")
    stores = [open_store(source, PICTURE_SIDE, PICTURE_SIDE) for source in plan.data]
    captions = [caption for store in stores for caption in store.captions]
    corpus = gather(captions, plan.wordnet, plan.composed, plan.seed)
    if len(corpus.captions) < FEWEST_CAPTIONS:
        raise DataError(
            f"{len(corpus.captions)} different captions are too few to train a text encoder; "
            f"give at least {FEWEST_CAPTIONS}"
        )
    fix = "make room, or choose another folder"
    with (
        os_errors_as(OutputError, f"--out '{out}' cannot be written", fix),
        whole_folder(out) as folder,
    ):
        return _train_into(folder, plan, corpus, stores, teacher, extractor, device, say)


def _train_into(
    folder: Path,
    plan: TextPlan,
    corpus: Corpus,
    stores: Sequence[PictureStore],
    teacher: TextEncoder,
    extractor: Extractor,
    device: torch.device,
    say: Say,
) -> TextReport:
    torch.manual_seed(plan.seed)
    small = plan.network == "small"
    tokenizer = (
        train_tokenizer([reading.text for reading in corpus.readings])
        if small
        else character_tokenizer()
    )
    network = (SmallTextEncoder if small else CharCnnRnn)(tokenizer.get_vocab_size(), teacher.dim)
    network.to(device)

    nothing = torch.zeros((), device=device)
    keeping: Keeping = lambda _: nothing  # noqa: E731
    if small:
        keeping = _distilled(network, tokenizer, plan, corpus, teacher, say)
    pictures = gallery = None
    if plan.align_epochs:
        gallery = _gallery(stores, extractor)
        pictures = _aligned(network, tokenizer, plan, gallery, teacher.dim, keeping, say)

    _write(network.cpu(), tokenizer, folder)
    encoder = OnnxTextEncoder(folder, plan.network)
    tried = corpus.held_out[:COMPARED]
    answers, taught = encoder.encode(tried), teacher.encode(tried)
    report = TextReport(
        network=plan.network,
        teacher=str(teacher.identity) if small else None,
        extractor=str(extractor.identity) if gallery else None,
        data=tuple(Path(source).name for source in plan.data),
        captions=len(corpus.captions),
        glosses=len(corpus.glosses) if small else 0,
        composed=len(corpus.looks) if small else 0,
        held_out=len(corpus.held_out),
        epochs=plan.epochs if small else 0,
        align_epochs=plan.align_epochs,
        seed=plan.seed,
        vocabulary=tokenizer.get_vocab_size(),
        parameters=sum(weight.numel() for weight in network.parameters()),
        mean_cosine=float((answers * taught).sum(axis=1).mean()),
        similarity_correlation=_similarity_correlation(answers, taught),
        r_at_1=_r_at_1(encoder, pictures, gallery) if pictures and gallery else None,
    )
    (folder / "report.json").write_text(json.dumps(asdict(report), indent=2) + "\n")
    return report


def _distilled(
    network: nn.Module,
    tokenizer: Tokenizer,
    plan: TextPlan,
    corpus: Corpus,
    teacher: TextEncoder,
    say: Say,
) -> Keeping:
    """Go through the first stage, or remember it; return the loss that keeps it in mind."""
    say(f"asking the teacher about {len(corpus.readings):,} texts")
    device = _device_of(network)
    lessons = _lessons(corpus, tokenizer, teacher, device)
    read_out = ColourReadOut(teacher.dim).to(device)
    pupils = nn.ModuleDict({"network": network, "read_out": read_out})
    file = cache_folder("encoders") / f"{_key(lessons, plan)}.safetensors"
    if not _remembered(pupils, file):
        passes = Plan(plan.epochs, [plan.seed, 1], _bookmark(file))
        distill(network, read_out, lessons, passes, say)
        write_to_cache(file, save(pupils.state_dict()))
        _bookmark(file).unlink(missing_ok=True)
    dealt = list(lessons.batches(np.random.default_rng([plan.seed, 3])))

    def keeping(step: int) -> Tensor:
        rows = dealt[step % len(dealt)][:KEPT]
        return KEEPING_WEIGHT * lessons.loss(network, read_out, rows)

    return keeping


def _bookmark(file: Path) -> Path:
    return file.with_suffix(".bookmark")


def _lessons(
    corpus: Corpus, tokenizer: Tokenizer, teacher: TextEncoder, device: torch.device
) -> Lessons:
    """Ask the teacher about all texts, and about the same in plainer words; aim between the two."""
    readings = corpus.readings
    said = torch.from_numpy(teacher.encode(corpus.texts))
    plain = torch.from_numpy(teacher.encode([reading.plain for reading in readings]))
    return Lessons(
        _token_ids(tokenizer, corpus.texts),
        F.normalize(said + plain, dim=1).to(device),
        bindings([reading.colours for reading in readings]).to(device),
    )


def _key(lessons: Lessons, plan: TextPlan) -> str:
    """Name the first stage after all that decides what comes of it."""
    digest = hashlib.sha256(f"{__version__} {plan.epochs} {plan.seed} {lessons.token_ids}".encode())
    digest.update(lessons.targets.cpu().numpy().data)
    digest.update(lessons.colours.cpu().numpy().data)
    return digest.hexdigest()[:24]


def _key_of_alignment(network: nn.Module, learned: Gallery, plan: TextPlan) -> str:
    """Name the second stage after all that decides what comes of it."""
    facts = (__version__, plan.epochs, plan.align_epochs, plan.seed, learned.captions)
    digest = hashlib.sha256(repr(facts).encode())
    digest.update(learned.pictures.data)
    digest.update(learned.features.data)
    for weight in network.parameters():
        digest.update(weight.detach().cpu().numpy().data)
    return digest.hexdigest()[:24]


def _remembered(pupils: nn.Module, file: Path) -> bool:
    """Fill in what the cache has of them; False if it has nothing of use."""
    try:
        pupils.load_state_dict(load_file(file))
    except (OSError, RuntimeError, SafetensorError):
        return False
    return True


def _gallery(stores: Sequence[PictureStore], extractor: Extractor) -> Gallery:
    """Hang the pictures of all data sets side by side."""
    counts = [len(example.captions) for store in stores for example in store.examples]
    return Gallery(
        tuple(caption for store in stores for caption in store.captions),
        np.repeat(np.arange(len(counts)), counts),
        np.concatenate([remembered_features(extractor, store.pictures) for store in stores]),
        np.array([held_out(each.file_name) for store in stores for each in store.examples]),
    )


def _aligned(
    network: nn.Module,
    tokenizer: Tokenizer,
    plan: TextPlan,
    gallery: Gallery,
    dim: int,
    keeping: Keeping,
    say: Say,
) -> PictureEmbedding:
    """Go through the second stage; return the picture side that it leaves, on the processor."""
    device = _device_of(network)
    learned = gallery.part(np.flatnonzero(~gallery.held_out))
    say(f"looking at the pictures of {len(learned.captions):,} captions")
    pairs = Pairs(
        _token_ids(tokenizer, learned.captions),
        [_swapped(tokenizer, caption) for caption in learned.captions],
        learned.pictures,
        torch.from_numpy(learned.features).to(device),
    )
    pictures = PictureEmbedding(gallery.features, dim).to(device)
    file = cache_folder("encoders") / _key_of_alignment(network, learned, plan)
    passes = Plan(plan.align_epochs, [plan.seed, 2], _bookmark(file))
    align(network, pictures, pairs, passes, keeping, say)
    return pictures.cpu()


def _device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _token_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def _swapped(tokenizer: Tokenizer, caption: str) -> list[int] | None:
    """Return the token ids of a caption with two colours exchanged, if that changes its meaning."""
    swapped = swap_colours(caption)
    return tokenizer.encode(swapped).ids if swapped else None


def _write(network: nn.Module, tokenizer: Tokenizer, folder: Path) -> None:
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    length = len(tokenizer.encode("a red flower").ids)
    fixed = tokenizer.padding is not None
    write_onnx(
        network,
        (torch.zeros(2, length, dtype=torch.int64),),
        folder / "text_encoder.onnx",
        inputs=["token_ids"],
        output="sentence_embedding",
        dynamic_axes=[{0: "batch"} if fixed else {0: "batch", 1: "tokens"}],
    )


def _r_at_1(encoder: TextEncoder, pictures: PictureEmbedding, gallery: Gallery) -> float | None:
    """Try pictures that nothing learned from, each with its first caption."""
    rows = np.flatnonzero(gallery.held_out)
    if len(rows) < CANDIDATES:
        return None
    first = np.searchsorted(gallery.pictures, rows)
    captions = encoder.encode([gallery.captions[number] for number in first])
    with torch.inference_mode():
        embedded = pictures(torch.from_numpy(gallery.features[rows])).numpy()
    return r_at_1(captions, embedded)


def _similarity_correlation(answers: Embeddings, taught: Embeddings) -> float | None:
    """Correlate the cosines between different texts, the encoder's with the teacher's.

    Fewer than three texts have no correlation.
    """
    above = np.triu_indices(len(answers), k=1)
    if len(above[0]) < 2:
        return None
    return float(np.corrcoef((answers @ answers.T)[above], (taught @ taught.T)[above])[0, 1])
