"""Rewrites upsampling into the form that a CPU computes fastest.

A 3 x 3 convolution after nearest-neighbour doubling multiplies the same pixel up to four times, and
a transposed convolution of stride 2 scatters products that must then be added up. Both equal four
2 x 2 convolutions of the small picture, one for each *phase* of the large one: its pixels of even
or odd row and column (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional
layer?"). The first then needs 4/9 of the products, the second as many as before, in kernels that
run at the CPU's peak. A transposed convolution of one pixel is a matrix product.

The file keeps the weights as they were trained. ONNX Runtime computes the kernels of the phases
when it opens the file (it folds constants).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

FEWEST_CHANNELS = 16
"""AVX-512 convolves this many at once; the three channels of a picture would be mostly padding."""

PHASES = tuple(product((0, 1), repeat=2))
"""Row and column, even or odd."""

CHANNELS_LAST, CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)

Taps = npt.NDArray[np.float32]

TAPS_OF_3: Taps = np.array([[[1, 0], [0, 1], [0, 1]], [[1, 0], [1, 0], [0, 1]]], np.float32)
"""Which of 3 weights meets which of 2 small pixels after doubling: (phase, weight, pixel).

An even pixel is the first of two equal ones, an odd pixel the second.
"""

TAPS_OF_4: Taps = np.array(
    [[[0, 0], [0, 1], [0, 0], [1, 0]], [[0, 1], [0, 0], [1, 0], [0, 0]]], np.float32
)
"""The same for a transposed convolution of side 4, stride 2 and padding 1."""


def rewrite_upsampling(model: onnx.ModelProto) -> None:
    """Rewrite a model in place; its outputs stay the same up to rounding.

    Upsampling by other layers, or to fewer channels than `FEWEST_CHANNELS`, stays as it is.
    """
    writer = _Writer(_shapes(model), {weight.name: weight for weight in model.graph.initializer})
    for node in model.graph.node:
        writer.write(node)
    for value in model.graph.output:
        writer.complete(value.name)
    del model.graph.node[:]
    model.graph.node.extend(writer.nodes)
    model.graph.initializer.extend(writer.constants)


@dataclass(frozen=True)
class _Doubled:
    """The four phases of a value of twice the side; after a Resize, also that node."""

    phases: Sequence[str]
    resize: NodeProto | None = None


@dataclass
class _Writer:
    """Rewrites a graph node by node; a value stays in phases until it is needed whole.

    In `shapes`, a free side is 0.
    """

    shapes: Mapping[str, Sequence[int]]
    weights: Mapping[str, TensorProto]
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    doubled: dict[str, _Doubled] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)

    def write(self, node: NodeProto) -> None:
        """Write a node, in phases if possible."""
        name = node.output[0]
        if self._doubles(node):
            self.complete(node.input[0])
            self.doubled[name] = _Doubled([node.input[0]] * len(PHASES), node)
        elif small := self._doubled_before(node):
            self.doubled[name] = self._convolutions(node, small, TAPS_OF_3)
        elif self._is_transposed(node, stride=2, padding=1):
            self.complete(node.input[0])
            self.doubled[name] = self._convolutions(node, node.input[0], TAPS_OF_4)
        elif node.op_type == "Add" and all(each in self.doubled for each in node.input):
            self.doubled[name] = self._sums(node)
        else:
            for each in node.input:
                self.complete(each)
            self._write_whole(node)

    def complete(self, name: str) -> None:
        """Write a value as a whole, unless that was done before."""
        value = self.doubled.get(name)
        if value is None or name in self.whole:
            return
        self.whole.add(name)
        if value.resize:
            self.nodes.append(value.resize)
        else:
            self._join(name, value.phases)

    def _write_whole(self, node: NodeProto) -> None:
        pixel = list(self.shapes.get(node.input[0], ())[2:]) if node.input else []
        if self._is_transposed(node, stride=1, padding=0) and pixel == [1, 1]:
            self._product(node)
        elif self._keeps_batch(node):
            # ONNX Runtime fuses an Add into a convolution if it knows that both batches are equal.
            self._reshape(node.input[0], node.output[0], [0, *self.shapes[node.output[0]][1:]])
        else:
            self.nodes.append(node)

    def _doubles(self, node: NodeProto) -> bool:
        if node.op_type != "Resize" or len(node.input) != 3 or node.input[2] not in self.weights:
            return False
        how = _attributes(node)
        nearest = how.get("mode") == b"nearest" and how.get("nearest_mode") == b"floor"
        asymmetric = how.get("coordinate_transformation_mode") == b"asymmetric"
        scales = numpy_helper.to_array(self.weights[node.input[2]]).tolist()
        return nearest and asymmetric and scales == [1, 1, 2, 2] and self._is_picture(node)

    def _doubled_before(self, node: NodeProto) -> str:
        """Return the value that is doubled before a 3 x 3 convolution; empty if there is none."""
        given = self.doubled.get(node.input[0]) if node.input else None
        if given is None or given.resize is None or not self._has_channels(node):
            return ""
        plain = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
        return given.resize.input[0] if _is(node, "Conv", plain) else ""

    def _is_transposed(self, node: NodeProto, stride: int, padding: int) -> bool:
        """Whether a node is a 4 x 4 transposed convolution to at least `FEWEST_CHANNELS`."""
        how = {"kernel_shape": [4, 4], "pads": [padding] * 4, "strides": [stride] * 2}
        return _is(node, "ConvTranspose", how) and self._has_channels(node)

    def _has_channels(self, node: NodeProto) -> bool:
        return self._is_picture(node) and self.shapes[node.output[0]][1] >= FEWEST_CHANNELS

    def _is_picture(self, node: NodeProto) -> bool:
        """Whether a node returns (B, C, H, W) with C, H and W known."""
        shape = self.shapes.get(node.output[0], ())
        return len(shape) == 4 and all(shape[1:])

    def _keeps_batch(self, node: NodeProto) -> bool:
        """Whether a node reshapes each row of a matrix to a picture."""
        if node.op_type != "Reshape":
            return False
        given, wanted = (self.shapes.get(name, ()) for name in (node.input[0], node.output[0]))
        free = len(given) == 2 and len(wanted) == 4 and given[0] == wanted[0] == 0
        return free and given[1] == math.prod(wanted[1:])

    def _convolutions(self, node: NodeProto, small: str, taps: Taps) -> _Doubled:
        name, bias = node.output[0], node.input[2:]
        return _Doubled(
            [
                self._node(
                    "Conv",
                    [small, kernel, *bias],
                    f"{name}.phase.{row}{column}",
                    pads=[1 - row, 1 - column, row, column],
                )
                for (row, column), kernel in zip(
                    PHASES, self._kernels(node, small, taps), strict=True
                )
            ]
        )

    def _kernels(self, node: NodeProto, small: str, taps: Taps) -> list[str]:
        """Sum the weights that meet the same pixel; return a kernel for each phase."""
        name, weight = node.output[0], node.input[1]
        sides = [self.shapes[name][1], self.shapes[small][1]]
        if node.op_type == "ConvTranspose":  # its weights have inputs and outputs swapped
            weight = self._node("Transpose", [weight], f"{name}.weight", perm=[1, 0, 2, 3])
        square = np.einsum("pyu,qxv->yxpquv", taps, taps).reshape(-1, 4 * len(PHASES))
        rows = self._reshape(weight, f"{name}.rows", [*sides, len(square)])
        sums = self._node("MatMul", [rows, self._constant(f"{name}.taps", square)], f"{name}.sums")
        parts = [f"{name}.sums.{row}{column}" for row, column in PHASES]
        self.nodes.append(helper.make_node("Split", [sums], parts, axis=2, num_outputs=len(parts)))
        return [self._reshape(part, f"{part}.kernel", [*sides, 2, 2]) for part in parts]

    def _sums(self, node: NodeProto) -> _Doubled:
        terms = zip(*(self.doubled[each].phases for each in node.input), strict=True)
        return _Doubled(
            [
                self._node("Add", pair, f"{node.output[0]}.phase.{row}{column}")
                for (row, column), pair in zip(PHASES, terms, strict=True)
            ]
        )

    def _join(self, name: str, phases: Sequence[str]) -> None:
        """Interleave the phases, channels last, so that whole pixels are copied."""
        _, channels, height, width = self.shapes[name]
        pixels = [
            self._node("Transpose", [each], f"{each}.pixels", perm=CHANNELS_LAST) for each in phases
        ]
        rows = []
        for parity in (0, 1):
            pair = pixels[2 * parity : 2 * parity + 2]
            row = self._node("Concat", pair, f"{name}.pairs.{parity}", axis=3)
            rows.append(
                self._reshape(row, f"{name}.row.{parity}", [0, height // 2, width * channels])
            )
        both = self._node("Concat", rows, f"{name}.both", axis=2)
        whole = self._reshape(both, f"{name}.pixels", [0, height, width, channels])
        self._node("Transpose", [whole], name, perm=CHANNELS_FIRST)

    def _product(self, node: NodeProto) -> None:
        name, (given, weight, *bias) = node.output[0], node.input
        _, channels, height, width = self.shapes[name]
        depth = self.shapes[given][1]
        rows = self._reshape(given, f"{name}.given", [0, depth])
        matrix = self._reshape(weight, f"{name}.matrix", [depth, channels * height * width])
        flat = self._node("MatMul", [rows, matrix], f"{name}.flat")
        picture = name if not bias else f"{name}.unbiased"
        self._reshape(flat, picture, [0, channels, height, width])
        if bias:
            shift = self._reshape(bias[0], f"{name}.bias", [channels, 1, 1])
            self._node("Add", [picture, shift], name)

    def _reshape(self, value: str, name: str, shape: Sequence[int]) -> str:
        sides = self._constant(f"{name}.shape", np.array(shape, np.int64))
        return self._node("Reshape", [value, sides], name)

    def _constant(self, name: str, content: npt.NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(content, name))
        return name

    def _node(self, kind: str, inputs: Sequence[str], output: str, **how: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **how))
        return output


def _is(node: NodeProto, kind: str, how: dict[str, Any]) -> bool:
    """Whether a node is a convolution of some kind, without groups or dilation."""
    plain = {"group": 1, "dilations": [1, 1], "output_padding": [0, 0]}
    found, wanted = plain | _attributes(node), plain | how
    return node.op_type == kind and all(found.get(key) == wanted[key] for key in wanted)


def _shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """Return the shape of every value that has one; a free side is 0."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}
