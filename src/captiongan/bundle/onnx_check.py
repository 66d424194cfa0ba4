"""Checks an ONNX file before ONNX Runtime opens it.

A bundle may come from anyone. Its networks are plain graphs of ONNX's own operators on numbers and
contain all their weights. What is allowed is listed here; anything else is refused, known to be
harmful or not. The check needs no further package.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from captiongan.bundle.protobuf import Field, Kind, Message, Read, read_message
from captiongan.errors import BundleError

MOST_FIELDS = 2**20
LARGEST_SIDE = 2**24
MOST_SIDES = 16
"""Upper bounds: far above any network, far below any harm."""

_PLAIN = """
    Abs Acos Add And ArgMax ArgMin Asin Atan Attention AveragePool BatchNormalization Cast CastLike
    Ceil Celu Clip Col2Im Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum
    DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor
    GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater
    GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Hardmax Identity
    InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log
    LogSoftmax LpNormalization LpPool MatMul Max MaxPool Mean MeanVarianceNormalization Min Mish Mod
    Mul Neg NonZero Not OneHot Or PRelu Pad Pow QuantizeLinear RMSNormalization RNN Range Reciprocal
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum ReduceSumSquare Relu Reshape Resize RotaryEmbedding Round ScatterElements ScatterND
    Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split
    Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where
    Xor
"""

OPERATORS = frozenset(_PLAIN.split())
"""Each takes tensors of numbers to such, by a number of steps that their sizes bound.

So there is no loop, no branch, no sequence, no text, no file and no chance.
"""

BYTES_OF_A_NUMBER = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8}
"""By `data_type`: float, uint8, int8, int32, int64, bool, float16, double."""

VALUE_OF_TYPE = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}
"""Which field holds an attribute's value, by its `type`."""


def _text(name: str) -> Field:
    return Field(name, Kind.TEXT)


# Names and numbers are those of onnx.proto. The notes (doc_string) are for people.
NOTE = Message("StringStringEntryProto", {1: _text("key"), 2: _text("value")})
TENSOR = Message(
    "TensorProto",
    {
        1: Field("dims", Kind.INT64, repeated=True),
        2: Field("data_type", Kind.INT32),
        8: _text("name"),
        9: Field("raw_data", Kind.BYTES),
        12: _text("doc_string"),
    },
)
ATTRIBUTE = Message(
    "AttributeProto",
    {
        1: _text("name"),
        2: Field("f", Kind.FLOAT),
        3: Field("i", Kind.INT64),
        4: Field("s", Kind.BYTES),
        5: Field("t", TENSOR),
        7: Field("floats", Kind.FLOAT, repeated=True),
        8: Field("ints", Kind.INT64, repeated=True),
        9: Field("strings", Kind.BYTES, repeated=True),
        13: _text("doc_string"),
        20: Field("type", Kind.INT32),
    },
)
NODE = Message(
    "NodeProto",
    {
        1: Field("input", Kind.TEXT, repeated=True),
        2: Field("output", Kind.TEXT, repeated=True),
        3: _text("name"),
        4: _text("op_type"),
        5: Field("attribute", ATTRIBUTE, repeated=True),
        6: _text("doc_string"),
        7: _text("domain"),
    },
)
SIDE = Message("Dimension", {1: Field("dim_value", Kind.INT64), 2: _text("dim_param")})
SHAPE = Message("TensorShapeProto", {1: Field("dim", SIDE, repeated=True)})
TENSOR_TYPE = Message("Tensor", {1: Field("elem_type", Kind.INT32), 2: Field("shape", SHAPE)})
TYPE = Message("TypeProto", {1: Field("tensor_type", TENSOR_TYPE)})
VALUE = Message(
    "ValueInfoProto",
    {
        1: _text("name"),
        2: Field("type", TYPE),
        3: _text("doc_string"),
        4: Field("metadata_props", NOTE, repeated=True),
    },
)
GRAPH = Message(
    "GraphProto",
    {
        1: Field("node", NODE, repeated=True),
        2: _text("name"),
        5: Field("initializer", TENSOR, repeated=True),
        10: _text("doc_string"),
        11: Field("input", VALUE, repeated=True),
        12: Field("output", VALUE, repeated=True),
        13: Field("value_info", VALUE, repeated=True),
    },
)
OPERATOR_SET = Message("OperatorSetIdProto", {1: _text("domain"), 2: Field("version", Kind.INT64)})
MODEL = Message(
    "ModelProto",
    {
        1: Field("ir_version", Kind.INT64),
        2: _text("producer_name"),
        3: _text("producer_version"),
        4: _text("domain"),
        5: Field("model_version", Kind.INT64),
        6: _text("doc_string"),
        7: Field("graph", GRAPH),
        8: Field("opset_import", OPERATOR_SET, repeated=True),
    },
)


def check_onnx(content: bytes, name: str | Path) -> None:
    """Make sure that the content of a file is a plain network that needs nothing else.

    Raises:
        BundleError: it has anything that is not allowed here; the message calls it `name`.
    """
    try:
        model = read_message(memoryview(content), MODEL, MOST_FIELDS)
        fault = next(_faults_of_model(model), None)
    except ValueError as error:
        fault = str(error)
    if fault:
        raise BundleError(
            f"'{name}' is not a network that a bundle may hold ({fault}); take another: "
            "docs/bundle-format.md says what it may hold"
        )


def _faults_of_model(model: Read) -> Iterator[str]:
    if not model["graph"]:
        yield "it has no graph"
    for graph in model["graph"]:
        for node in graph["node"]:
            yield from _faults_of_node(node)
        for weights in graph["initializer"]:
            yield from _faults_of_tensor(weights)
        for value in [*graph["input"], *graph["output"], *graph["value_info"]]:
            yield from _faults_of_value(value)


def _faults_of_node(node: Read) -> Iterator[str]:
    if node["domain"] not in ([], [""], ["ai.onnx"]):
        yield f"an operator of the domain {node['domain'][0][:40]!r}"
    if not OPERATORS.issuperset(node["op_type"]):
        yield f"the operator {node['op_type'][0][:40]!r}"
    for attribute in node["attribute"]:
        given = {field for field in VALUE_OF_TYPE.values() if attribute[field]}
        meant = {VALUE_OF_TYPE.get(kind) for kind in attribute["type"]}
        if not given <= meant or None in meant:
            yield f"an attribute of type {attribute['type']} with {sorted(given)}"
        for tensor in attribute["t"]:
            yield from _faults_of_tensor(tensor)


def _faults_of_tensor(tensor: Read) -> Iterator[str]:
    shape = tensor["dims"]
    if len(shape) > MOST_SIDES:  # before they are multiplied: a long product takes minutes
        yield f"a tensor with {len(shape):,} sides"
    if any(side > LARGEST_SIDE for side in shape):
        yield f"a tensor with a side of {max(shape):,}"
    size = [math.prod(shape) * BYTES_OF_A_NUMBER.get(kind, 0) for kind in tensor["data_type"]]
    stored = sum(map(len, tensor["raw_data"]))
    if size != [stored]:
        yield f"a tensor of type {tensor['data_type']} and shape {shape} in {stored:,} bytes"


def _faults_of_value(value: Read) -> Iterator[str]:
    for kind in value["type"]:
        for tensor in kind["tensor_type"]:
            for shape in tensor["shape"]:
                if any(side["dim_value"] and side["dim_param"] for side in shape["dim"]):
                    yield "a side with a length and a name"
