"""The FLOPs of an ONNX model: two for each product in a convolution or a product of matrices."""

import math
from collections.abc import Sequence
from pathlib import Path

import onnx


def flops_of(path: Path) -> int:
    """Count the FLOPs of one row of a batch.

    What is computed of weights alone, once when the file is opened, does not count: its first side
    is not free.
    """
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.value_info, *model.graph.output)
    }
    shapes |= {weight.name: list(weight.dims) for weight in model.graph.initializer}
    return sum(
        2 * _products(node.op_type, [shapes[name] for name in (*node.input[:2], node.output[0])])
        for node in model.graph.node
        if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul")
        and shapes[node.output[0]][0] == 0
    )


def _products(kind: str, shapes: Sequence[Sequence[int]]) -> int:
    given, weight, out = shapes
    if kind == "Conv":
        return math.prod(weight) * math.prod(out[2:])
    if kind == "ConvTranspose":
        return math.prod(weight) * math.prod(given[2:])
    return math.prod(weight)
