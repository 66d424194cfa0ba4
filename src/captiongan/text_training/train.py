"""Training of a text encoder: distilled from a teacher on text, then aligned with pictures.

The small transformer has both stages. The char-cnn-rnn of Reed et al. 2016 learns from captioned
pictures alone, as theirs did.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from captiongan.base.files import os_errors_as, whole_folder
from captiongan.bundle.text_encoder import Embeddings, OnnxTextEncoder, TextEncoder
from captiongan.compute.memory import keep_freed_memory
from captiongan.data.store import PictureStore, open_store
from captiongan.errors import DataError, OutputError
from captiongan.evaluation.extractors import Extractor
from captiongan.export.to_onnx import write_onnx
from captiongan.text_training.char_cnn_rnn import CharCnnRnn, character_tokenizer
from captiongan.text_training.corpus import Corpus, gather
from captiongan.text_training.distill import Say
from captiongan.text_training.gallery import Gallery
from captiongan.text_training.plan import TextPlan
from captiongan.text_training.small import SmallTextEncoder, train_tokenizer
from captiongan.text_training.stages import run_alignment, run_distillation
from captiongan.version import __version__

__all__ = ["TextPlan", "TextReport", "train_text_encoder"]

PICTURE_SIDE = 64
FEWEST_CAPTIONS = 10

COMPARED = 3000
"""Held-out texts on which the encoder is compared with the teacher, at most."""


@dataclass(frozen=True)
class TextReport:
    """What an encoder learned from, and how it does on what was held out.

    `mean_cosine` and `similarity_correlation` are with the teacher, on `held_out` texts; `r_at_1`
    is the share of held-out pictures that are nearest to their own caption among 100. A metric is
    None where a stage was left out, or where too little was held out to tell.
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


def train_text_encoder(
    plan: TextPlan,
    out: Path,
    teacher: TextEncoder,
    extractor: Extractor,
    device: torch.device,
    say: Say,
) -> TextReport:
    """Train an encoder and write its folder: tokenizer, ONNX network and `report.json`.

    The cache keeps what the first stage learns, so a second stage can be tried again, and a
    checkpoint of every epoch, so a training that was killed resumes. The same plan gives the same
    encoder, up to rounding between machines.

    Args:
        plan: data, network and lengths.
        out: the folder to write; must not exist.
        teacher: the encoder to imitate in the first stage.
        extractor: whose features stand for pictures in the second stage.
        device: where the encoder learns; teacher and extractor have their own.
        say: called with each line of progress.

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
    tokenizer = train_tokenizer(corpus.texts) if small else character_tokenizer()
    network = (SmallTextEncoder if small else CharCnnRnn)(tokenizer.get_vocab_size(), teacher.dim)
    network.to(device)

    keeping = run_distillation(network, tokenizer, plan, corpus, teacher, say) if small else None
    pictures = gallery = None
    if plan.align_epochs:
        gallery = Gallery.describe(stores, extractor)
        pictures = run_alignment(network, tokenizer, plan, gallery, teacher.dim, keeping, say)

    _write(network.cpu(), tokenizer, folder)
    encoder = OnnxTextEncoder(folder, plan.network)
    compared = corpus.held_out[:COMPARED]
    own, taught = encoder.encode(compared), teacher.encode(compared)
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
        mean_cosine=float((own * taught).sum(axis=1).mean()),
        similarity_correlation=_similarity_correlation(own, taught),
        r_at_1=gallery.r_at_1(encoder, pictures) if pictures and gallery else None,
    )
    (folder / "report.json").write_text(json.dumps(asdict(report), indent=2) + "\n")
    return report


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


def _similarity_correlation(own: Embeddings, taught: Embeddings) -> float | None:
    """Correlate the cosines between different texts, the encoder's with the teacher's.

    Fewer than three texts have no correlation.
    """
    above = np.triu_indices(len(own), k=1)
    if len(above[0]) < 2:
        return None
    return float(np.corrcoef((own @ own.T)[above], (taught @ taught.T)[above])[0, 1])
