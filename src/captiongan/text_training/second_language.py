"""A second language for a trained encoder: its sentences learn the embeddings of their twins.

Multilingual distillation (Reimers and Gurevych 2020, 2004.09813) with the encoder as its own
teacher: the Vietnamese sentence is to have the embedding that the encoder gives to the English
one. Only new tokens and adapters learn (`adapted.py`), so English embeddings stay what they are.
The same training teaches negation.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from captiongan.base.cache import cache_folder
from captiongan.base.files import os_errors_as, whole_folder
from captiongan.bundle.languages import CUES, ENGLISH, NEGATION, VIETNAMESE, marked
from captiongan.bundle.text_encoder import (
    NETWORK_FILE,
    TOKENIZER_FILE,
    OnnxTextEncoder,
    equal_length_batches,
)
from captiongan.bundle.tokenizer import read_tokenizer
from captiongan.compute.memory import keep_freed_memory
from captiongan.errors import DataError, OutputError
from captiongan.evaluation.retrieval import POOL, r_at_1
from captiongan.export.to_onnx import write_onnx
from captiongan.text_training.adapted import AdaptedEncoder, read_small
from captiongan.text_training.distill import (
    Say,
    Texts,
    distillation_loss,
    embed,
    shuffled_batches,
    to_device,
)
from captiongan.text_training.fit import FitOptions, Objective, Rows, fit
from captiongan.text_training.language_pairs import LanguagePlan, new_tokens, pairs_of
from captiongan.text_training.vietnamese_grammar import Pair, lexicon
from captiongan.version import __version__

PEAK_LEARNING_RATE = 3e-3
BATCH = 256
COMPARED = 2_000


@dataclass(frozen=True)
class LanguageReport:
    """What an encoder learned a language from, and how it does on `held_out` composed pairs.

    `mean_cosine` is that between twins, `r_at_1` how often a sentence finds its twin among 100, and
    `english_difference` the largest difference of any number of an English embedding from before.
    """

    language: str
    start: str
    data: tuple[str, ...]
    cldr: bool
    pairs: int
    held_out: int
    epochs: int
    seed: int
    new_tokens: int
    new_parameters: int
    mean_cosine: float
    r_at_1: float | None
    english_difference: float
    captiongan: str = __version__


def teach_language(plan: LanguagePlan, out: Path, device: torch.device, say: Say) -> LanguageReport:
    """Write an encoder that reads a second language: tokenizer, network and `report.json`.

    A checkpoint of every epoch is in the cache, so a training that was killed resumes.

    Args:
        plan: language, encoder and data.
        out: the folder to write; must not exist.
        device: where the encoder learns.
        say: called with each line of progress.

    Raises:
        BundleError: the encoder to start from cannot be read.
        DataError: it is no `small`, or has the language already; or data cannot be used.
        OutputError: `out` exists or cannot be written.
    """
    keep_freed_memory()
    if out.exists():
        raise OutputError(f"--out '{out}' exists already; remove it or choose another folder")
    start = OnnxTextEncoder(plan.start, "small")
    if start.languages != (ENGLISH,):
        raise DataError(
            f"encoder '{plan.start}' reads {', '.join(start.languages)} already; name one that "
            "reads English only"
        )
    learned, kept = pairs_of(plan)
    fix = "make room, or choose another folder"
    with (
        os_errors_as(OutputError, f"--out '{out}' cannot be written", fix),
        whole_folder(out) as folder,
    ):
        tokenizer = _write_tokenizer(plan, folder)
        network = _network(plan.start, tokenizer).to(device)
        _learn(network, tokenizer, learned, plan, say)
        network.cpu().join_tokens()
        _write_network(network, folder)
        report = _report(plan, start, OnnxTextEncoder(folder, "small"), network, learned, kept)
        (folder / "report.json").write_text(json.dumps(asdict(report), indent=2) + "\n")
    return report


def _write_tokenizer(plan: LanguagePlan, folder: Path) -> Tokenizer:
    """Write the tokenizer with the new tokens, and return it."""
    facts = json.loads((plan.start / TOKENIZER_FILE).read_text(encoding="utf-8"))
    vocabulary = facts["model"]["vocab"]
    for token in new_tokens(plan):
        vocabulary[token] = len(vocabulary)
    facts["normalizer"]["strip_accents"] = False
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (folder / TOKENIZER_FILE).write_text(text, encoding="utf-8")
    return read_tokenizer(text.encode())


def _network(start: Path, tokenizer: Tokenizer) -> AdaptedEncoder:
    """Return the encoder with rows for the new tokens: each the mean of its twins' rows."""
    base = read_small(start / NETWORK_FILE)
    old = base.token.weight.detach()
    rows: dict[str, list[Tensor]] = {}
    vocabulary = tokenizer.get_vocab()

    def row_of(text: str) -> Tensor:
        return old[tokenizer.encode(text, add_special_tokens=False).ids].mean(dim=0)

    for text, twin in lexicon(0):
        row = row_of(twin)
        for token in {f"{VIETNAMESE}{word}" for word in text.lower().split()} & vocabulary.keys():
            rows.setdefault(token, []).append(row)
    for cue in CUES:
        rows[f"{NEGATION}{cue}"] = [row_of(cue)]
    torch.manual_seed(0)
    new = torch.randn(len(vocabulary) - len(old), old.shape[1]) * old.std()
    for token, listed in rows.items():
        new[vocabulary[token] - len(old)] = torch.stack(listed).mean(dim=0)
    return AdaptedEncoder(base, new)


def _learn(
    network: AdaptedEncoder,
    tokenizer: Tokenizer,
    pairs: Sequence[Pair],
    plan: LanguagePlan,
    say: Say,
) -> None:
    vocabulary = tokenizer.get_vocab()
    twins = {twin: number for number, twin in enumerate(dict.fromkeys(each.twin for each in pairs))}
    say(f"embedding {len(twins):,} English twins of {len(pairs):,} texts")
    device = next(network.parameters()).device
    targets = _embeddings(network.base, _ids(tokenizer, [*twins]), device)
    ids = _ids(tokenizer, [marked(pair.text, vocabulary) for pair in pairs])
    numbers = torch.tensor([twins[pair.twin] for pair in pairs], device=device)
    texts = Texts(ids, device)

    def batches(order: np.random.Generator) -> Iterator[Rows]:
        return shuffled_batches([*texts.lengths], order, BATCH)

    def terms(rows: Rows, _: int) -> list[Tensor]:
        wanted = targets[numbers[to_device(rows, device)]].float()
        return [distillation_loss(embed(network, texts.batch(rows)), wanted)]

    def on_epoch(epoch: int, losses: Sequence[float]) -> None:
        say(f"learning, epoch {epoch} of {plan.epochs}: loss {losses[0]:.4f}")

    checkpoint = cache_folder("encoders") / f"{plan.language}-{_key(ids, plan)}.checkpoint"
    options = FitOptions(plan.epochs, [plan.seed, 4], checkpoint)
    fit(Objective(batches, terms), network, PEAK_LEARNING_RATE, options, on_epoch)
    checkpoint.unlink(missing_ok=True)


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def _embeddings(network: nn.Module, ids: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Return the embeddings that a network gives: (N, dim) in half precision, on the device."""
    texts = Texts(ids, device)
    found = []
    rows = [np.array(each) for each in equal_length_batches([*texts.lengths], BATCH)]
    with torch.inference_mode():
        found = [embed(network, texts.batch(each)).half() for each in rows]
    order = np.concatenate(rows).argsort()
    return torch.cat(found)[to_device(order, device)].clone()


def _key(ids: Sequence[Sequence[int]], plan: LanguagePlan) -> str:
    """Hash all that decides the result."""
    facts = f"{__version__} {plan.epochs} {plan.seed} {plan.start.resolve()} {ids}"
    return hashlib.sha256(facts.encode()).hexdigest()[:24]


def _write_network(network: AdaptedEncoder, folder: Path) -> None:
    write_onnx(
        network,
        (torch.zeros(2, 5, dtype=torch.int64),),
        folder / NETWORK_FILE,
        inputs=["token_ids"],
        output="sentence_embedding",
        dynamic_axes=[{0: "batch", 1: "tokens"}],
    )


def _report(
    plan: LanguagePlan,
    start: OnnxTextEncoder,
    encoder: OnnxTextEncoder,
    network: AdaptedEncoder,
    learned: Sequence[Pair],
    kept: Sequence[Pair],
) -> LanguageReport:
    compared = kept[:COMPARED]
    twins = start.encode([pair.twin for pair in compared])
    own = encoder.encode([pair.text for pair in compared])
    plain = [row for row, pair in enumerate(compared) if CUES.isdisjoint(pair.twin.split())]
    english = encoder.encode([compared[row].twin for row in plain])
    new = [each for each in network.parameters() if each.requires_grad]
    return LanguageReport(
        language=plan.language,
        start=str(start.identity),
        data=tuple(Path(source).name for source in plan.data),
        cldr=plan.cldr is not None,
        pairs=len(learned),
        held_out=len(kept),
        epochs=plan.epochs,
        seed=plan.seed,
        new_tokens=network.base.token.num_embeddings - network.old_tokens,
        new_parameters=sum(each.numel() for each in new),
        mean_cosine=float((own * twins).sum(axis=1).mean()),
        r_at_1=r_at_1(twins, own) if len(compared) >= POOL else None,
        english_difference=float(np.abs(english - twins[plain]).max()),
    )
