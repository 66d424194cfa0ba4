"""A whole bundle of a few kilobytes: 8x8 pictures, random weights, a vocabulary of eight words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from captiongan.bundle.bundle import Bundle, write_bundle
from captiongan.bundle.manifest import (
    CRITIC_FILE,
    MODEL_FILES,
    RANKER_FILE,
    STYLE_FILE,
    BundleManifest,
    TrainingFacts,
)
from captiongan.bundle.text_encoder import OnnxTextEncoder

RESOLUTION, NOISE_DIM, EMBEDDING_DIM = 8, 5, 6
WORDS = ["[UNK]", "a", "yellow", "red", "flower", "with", "pointed", "petals"]


def write_tiny_bundle(
    out: Path,
    *,
    name: str = "tiny",
    noise_dim: int = NOISE_DIM,
    encoder_sha256: str | None = None,
    style_encoder: ModelProto | None = None,
    critic: bytes | None = None,
    mirror_by_seed: bool = False,
    ranker: ModelProto | None = None,
    sample_prompts: Sequence[str] = (),
) -> Bundle:
    """Write the bundle to `out`; a wrong `noise_dim` or `encoder_sha256` makes it a foreign one."""
    parts = out.parent / f"{out.name}-parts"
    write_parts(parts)
    encoder = OnnxTextEncoder(parts, "table").identity
    manifest = BundleManifest(
        name=name,
        version="0.1.0",
        resolution=RESOLUTION,
        noise_dim=noise_dim,
        embedding_dim=EMBEDDING_DIM,
        text_encoder=type(encoder)(encoder.name, encoder_sha256 or encoder.sha256),
        mirror_by_seed=mirror_by_seed,
        sample_prompts=tuple(sample_prompts),
        training=TrainingFacts(kimg=1.5),
    )
    files = bundle_files(parts)
    if style_encoder:
        files[STYLE_FILE] = style_encoder.SerializeToString()
    if critic is not None:
        files[CRITIC_FILE] = critic
    if ranker:
        files[RANKER_FILE] = ranker.SerializeToString()
    return write_bundle(out, files, manifest)


def write_parts(folder: Path) -> None:
    """Write the three model files to the new `folder`."""
    folder.mkdir()
    (folder / "generator.onnx").write_bytes(generator().SerializeToString())
    (folder / "text_encoder.onnx").write_bytes(text_encoder().SerializeToString())
    tokenizer().save(str(folder / "tokenizer.json"))


def bundle_files(parts: Path) -> dict[str, Path | bytes]:
    """Return what `write_bundle` wants: the model files of `parts`, a card, a sample."""
    return {
        **{file: parts / file for file in MODEL_FILES},
        "README.md": b"# tiny\n",
        "sample.png": b"PNG",
    }


def generator() -> ModelProto:
    """Return a linear map of (noise, embedding), squashed to pixels."""
    weights: dict[str, npt.NDArray[Any]] = {
        "weight": _random(NOISE_DIM + EMBEDDING_DIM, RESOLUTION * RESOLUTION * 3),
        "white": np.array(255, dtype=np.float32),
        "shape": np.array([-1, RESOLUTION, RESOLUTION, 3], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Concat", ["noise", "embedding"], ["both"], axis=1),
        helper.make_node("MatMul", ["both", "weight"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["brightness"]),
        helper.make_node("Mul", ["brightness", "white"], ["scaled"]),
        helper.make_node("Cast", ["scaled"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Reshape", ["bytes", "shape"], ["pictures"]),
    ]
    graph = helper.make_graph(
        nodes,
        "generator",
        [
            helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["batch", NOISE_DIM]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", EMBEDDING_DIM]),
        ],
        [
            helper.make_tensor_value_info(
                "pictures", TensorProto.UINT8, ["batch", RESOLUTION, RESOLUTION, 3]
            )
        ],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )
    return _model(graph)


def text_encoder() -> ModelProto:
    """Return the mean of the words' rows in a table, made a unit vector."""
    nodes = [
        helper.make_node("Gather", ["table", "token_ids"], ["rows"]),
        helper.make_node("ReduceMean", ["rows", "tokens_axis"], ["mean"], keepdims=0),
        helper.make_node("LpNormalization", ["mean"], ["embedding"], axis=1, p=2),
    ]
    weights: dict[str, npt.NDArray[Any]] = {
        "table": _random(len(WORDS), EMBEDDING_DIM),
        "tokens_axis": np.array([1], dtype=np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "text_encoder",
        [helper.make_tensor_value_info("token_ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", EMBEDDING_DIM])],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )
    return _model(graph)


def style_encoder(side: int = RESOLUTION) -> ModelProto:
    """Return a linear map of pictures to noise."""
    nodes = [
        helper.make_node("Cast", ["pictures"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["levels", "white"], ["brightness"]),
        helper.make_node("Flatten", ["brightness"], ["row"], axis=1),
        helper.make_node("MatMul", ["row", "weight"], ["noise"]),
    ]
    weights: dict[str, npt.NDArray[Any]] = {
        "weight": _random(side * side * 3, NOISE_DIM),
        "white": np.array(255, dtype=np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "style_encoder",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["batch", side, side, 3])],
        [helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["batch", NOISE_DIM])],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )
    return _model(graph)


def ranker(side: int = RESOLUTION, scale: float = 1.0) -> ModelProto:
    """Return a linear map of pictures to texts, whose product with the text is the score."""
    nodes = [
        helper.make_node("Flatten", ["pictures"], ["row"], axis=1),
        helper.make_node("MatMul", ["row", "weight"], ["told"]),
        helper.make_node("Mul", ["told", "embedding"], ["products"]),
        helper.make_node("ReduceSum", ["products", "axis"], ["scores"], keepdims=0),
    ]
    weights: dict[str, npt.NDArray[Any]] = {
        "weight": np.float32(scale) * _random(side * side * 3, EMBEDDING_DIM),
        "axis": np.array([1], dtype=np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "ranker",
        [
            helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 3, side, side]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", EMBEDDING_DIM]),
        ],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )
    return _model(graph)


def tokenizer() -> Tokenizer:
    """Return the tokenizer of `WORDS`: lower case, whole words, at most 64."""
    vocabulary = {word: position for position, word in enumerate(WORDS)}
    result = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    result.normalizer = normalizers.Lowercase()
    result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    result.enable_truncation(64)
    return result


def _random(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.RandomState(0).standard_normal(shape).astype(np.float32)


def _model(graph: GraphProto) -> ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
