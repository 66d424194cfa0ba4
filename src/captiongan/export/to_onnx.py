"""Exports a PyTorch module as an ONNX file of half the size, in the form that draws fastest.

Weights are stored in half precision. ONNX Runtime converts them when it opens the file (it folds
the casts), so the arithmetic stays in single precision.
"""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from captiongan.base.files import naming
from captiongan.bundle.onnx_check import check_onnx
from captiongan.export.onnx_upsampling import rewrite_upsampling

SMALLEST_HALVED = 256


def write_onnx(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    inputs: Sequence[str],
    output: str,
    dynamic_axes: Sequence[dict[int, str]],
) -> None:
    """Write what `as_onnx` returns to `path`; raises OSError with its name."""
    with naming(path):
        path.write_bytes(as_onnx(module, example, inputs, output, dynamic_axes))


def as_onnx(
    module: nn.Module,
    example: tuple[Tensor, ...],
    inputs: Sequence[str],
    output: str,
    dynamic_axes: Sequence[dict[int, str]],
) -> bytes:
    """Return a module as the content of an ONNX file.

    Args:
        module: returns one tensor; it is set to evaluation mode.
        example: one tensor per input; its free axes must not have length 1.
        inputs: the inputs' names.
        output: the output's name.
        dynamic_axes: the free axes of each input, such as `{0: "batch"}`.

    Raises:
        BundleError: the module uses an operator that no bundle may hold.
    """
    dimensions = [
        {axis: torch.export.Dim(name) for axis, name in axes.items()} for axes in dynamic_axes
    ]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            example,
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=tuple(dimensions),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    rewrite_upsampling(model)
    _store_half(model)
    _forget_origin(model)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    check_onnx(content, type(module).__name__)
    return content


def _store_half(model: onnx.ModelProto) -> None:
    graph = model.graph
    casts = []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < SMALLEST_HALVED:
            continue
        name, half = weight.name, f"{weight.name}.half"
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(onnx.helper.make_node("Cast", [half], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _forget_origin(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes on source files and inner shapes, which have local paths."""
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    model.doc_string = ""
