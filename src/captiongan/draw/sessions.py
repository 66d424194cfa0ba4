"""The networks of a bundle as ONNX Runtime sessions, their inputs and outputs checked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from captiongan.bundle.bundle import Bundle
from captiongan.bundle.manifest import GENERATOR_FILE, RANKER_FILE, STYLE_FILE
from captiongan.bundle.onnx_session import open_session
from captiongan.bundle.text_encoder import OnnxTextEncoder
from captiongan.errors import BundleError, CaptionganError

MAX_BATCH = 64
"""How many rows go through a network at once, at most."""


@dataclass(frozen=True)
class Network:
    """A network that a bundle has, or may have.

    Attributes:
        file: its ONNX file.
        maps: its inputs and outputs as `_signature` writes them, with fields of the manifest.
        without: what a bundle without it cannot do.
        taught_by: the command that adds it to a copy of a bundle.
    """

    file: str
    maps: str
    without: str = ""
    taught_by: str = ""


GENERATOR = Network(
    GENERATOR_FILE,
    "embedding tensor(float) (?, {embedding_dim}), noise tensor(float) (?, {noise_dim}) -> "
    "pictures tensor(uint8) (?, {resolution}, {resolution}, 3)",
)

STYLE_ENCODER = Network(
    STYLE_FILE,
    "pictures tensor(uint8) (?, {resolution}, {resolution}, 3) -> "
    "noise tensor(float) (?, {noise_dim})",
    without="restyle",
    taught_by="style train",
)

RANKER = Network(
    RANKER_FILE,
    "embedding tensor(float) (?, {embedding_dim}), "
    "pictures tensor(float) (?, 3, {resolution}, {resolution}) -> scores tensor(float) (?)",
    without="tell which picture is best",
    taught_by="rank train",
)


def open_network(bundle: Bundle, network: Network) -> Any:
    """Open a network of a bundle.

    Raises:
        BundleError: the bundle lacks it, or its inputs and outputs do not fit the manifest.
    """
    manifest = bundle.manifest
    if network.file not in manifest.files:
        raise BundleError(
            f"bundle '{manifest.name}' has no {network.file} and cannot {network.without}; train a "
            f"copy that can: captiongan {network.taught_by} {manifest.name} DATA --out NEW"
        )
    session = open_session(bundle.read(network.file), bundle.folder / network.file)
    expected = network.maps.format_map(vars(manifest))
    found = f"{_signature(session.get_inputs())} -> {_signature(session.get_outputs())}"
    if found != expected:
        raise BundleError(
            f"bundle '{manifest.name}': {network.file} maps {found}, must map {expected}; "
            "write the bundle again with `captiongan export`"
        )
    return session


def open_text_encoder(bundle: Bundle) -> OnnxTextEncoder:
    """Open the text encoder of a bundle and encode one sentence with it.

    Raises:
        BundleError: that fails, or the generator was trained with another encoder.
    """
    manifest = bundle.manifest
    name = manifest.text_encoder.name
    try:
        encoder = OnnxTextEncoder(bundle.folder, name)
        encoder.unknown_words("a flower")
        dim = encoder.encode(["a flower"]).shape[1]
    except CaptionganError:
        raise
    except Exception as error:  # tokenizers and ONNX Runtime raise bare ones
        reason = " ".join(str(error).split())
        raise BundleError(
            f"bundle '{bundle.folder}': its text encoder '{name}' cannot encode a sentence "
            f"({reason}); write the bundle again with `captiongan export`"
        ) from error
    if encoder.identity.sha256 != manifest.text_encoder.sha256:
        raise BundleError(
            f"bundle '{bundle.folder}': its text encoder is {encoder.identity}, the generator was "
            f"trained with {manifest.text_encoder}; they must be the same: "
            "write the bundle again with `captiongan export`"
        )
    if dim != manifest.embedding_dim:
        raise BundleError(
            f"bundle '{bundle.folder}': its text encoder returns {dim} numbers, 'embedding_dim' is "
            f"{manifest.embedding_dim}; they must be equal: "
            "write the bundle again with `captiongan export`"
        )
    return encoder


def in_batches(rows: int) -> list[slice]:
    """Cut the numbers of `rows` rows into slices of at most `MAX_BATCH`."""
    return [slice(start, start + MAX_BATCH) for start in range(0, rows, MAX_BATCH)]


def check_rows(name: str, rows: npt.NDArray[np.float32], count: int, dim: int) -> None:
    """Raise ValueError unless `rows` is float32 (`count`, `dim`) with at least one row."""
    if rows.dtype != np.float32 or rows.shape != (count, dim) or count == 0:
        raise ValueError(
            f"{name} is {rows.dtype} {rows.shape}, must be float32 (N, {dim}) with one row for "
            "each picture; reshape or convert it"
        )


def _signature(tensors: Iterable[Any]) -> str:
    """Return names, types and shapes as text, sorted by name; a free dimension is "?"."""
    ordered = sorted(tensors, key=lambda tensor: str(tensor.name))
    return ", ".join(f"{each.name} {each.type} ({_dimensions(each.shape)})" for each in ordered)


def _dimensions(shape: Iterable[object]) -> str:
    return ", ".join(str(size) if isinstance(size, int) else "?" for size in shape)
