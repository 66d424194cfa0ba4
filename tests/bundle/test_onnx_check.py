"""A network of a bundle is a plain graph of numbers, or it is refused before anything reads it."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from captiongan.bundle.bundle import find_bundle, shipped_bundles
from captiongan.bundle.onnx_check import check_onnx
from captiongan.bundle.onnx_session import open_session
from captiongan.errors import BundleError

ONES = helper.make_tensor("w", TensorProto.FLOAT, [4], np.ones(4, np.float32).tobytes(), raw=True)
ADD = helper.make_node("Add", ["x", "w"], ["y"])


def model_of(
    node: onnx.NodeProto = ADD, weights: onnx.TensorProto = ONES, *domains: str
) -> onnx.ModelProto:
    """Add four numbers to four."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
    graph = helper.make_graph([node], "graph", ends[:1], ends[1:], [weights])
    opsets = [helper.make_opsetid(domain, 17) for domain in ("", *domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def draws(content: bytes) -> bool:
    session = open_session(content, "model")
    (answer,) = session.run(None, {"x": np.arange(4, dtype=np.float32)})
    return bool(answer.tolist() == [1, 2, 3, 4])


def refused(content: bytes | onnx.ModelProto, reason: str) -> None:
    if not isinstance(content, bytes):
        content = content.SerializeToString()
    with pytest.raises(BundleError, match=reason) as caught:
        open_session(content, "model")
    assert "\n" not in str(caught.value)


def test_a_plain_model_is_opened() -> None:
    assert draws(model_of().SerializeToString())


def test_the_shipped_models_pass() -> None:
    files = [file for name in shipped_bundles() for file in find_bundle(name).glob("*.onnx")]
    assert len(files) > 8
    for file in files:
        check_onnx(file.read_bytes(), file)


# What a model may not refer to


def external(location: str) -> onnx.TensorProto:
    weights = onnx.TensorProto()
    weights.CopyFrom(ONES)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    return weights


def sparse(values: onnx.TensorProto, side: int) -> onnx.SparseTensorProto:
    places = helper.make_tensor("places", TensorProto.INT64, [4], [0, 1, 2, 3])
    return helper.make_sparse_tensor(values, places, [side])


@pytest.mark.parametrize(
    "location", ["weights.bin", "../weights.bin", "/etc/passwd", "folder/../weights.bin"]
)
def test_weights_in_another_file_are_refused_wherever_they_are(location: str) -> None:
    refused(model_of(weights=external(location)), "TensorProto has a field 13 of type 2")
    constant = helper.make_node("Constant", [], ["y"], value=external(location))
    refused(model_of(constant), "TensorProto has a field 13 of type 2")


@pytest.mark.parametrize("values", [external("/etc/passwd"), ONES])
def test_sparse_weights_are_refused_wherever_they_are(values: onnx.TensorProto) -> None:
    constant = helper.make_node("Constant", [], ["y"], sparse_value=sparse(values, 2**30))
    refused(model_of(constant), "AttributeProto has a field 22 of type 2")
    several = helper.make_node("Constant", [], ["y"])
    several.attribute.add(name="a", type=12, sparse_tensors=[sparse(values, 2**30)])
    refused(model_of(several), "AttributeProto has a field 23 of type 2")
    model = model_of()
    model.graph.sparse_initializer.append(sparse(values, 2**30))
    refused(model, "GraphProto has a field 15 of type 2")


@pytest.mark.parametrize("domain", ["com.microsoft", "my.own"])
def test_operators_that_are_not_onnx_s_own_are_refused(domain: str) -> None:
    node = helper.make_node("Add", ["x", "w"], ["y"], domain=domain)
    refused(model_of(node, ONES, domain), f"an operator of the domain '{domain}'")


@pytest.mark.parametrize(
    "operator", ["If", "Loop", "Scan", "SequenceMap", "StringConcat", "ImageDecoder", "ADD"]
)
def test_operators_on_anything_but_numbers_are_refused(operator: str) -> None:
    refused(model_of(helper.make_node(operator, ["x", "w"], ["y"])), f"the operator '{operator}'")


def test_graphs_inside_a_node_are_refused() -> None:
    loop = helper.make_node("Add", ["x", "w"], ["y"], body=model_of().graph)
    refused(model_of(loop), "AttributeProto has a field 6 of type 2")
    several = helper.make_node("Add", ["x", "w"], ["y"], bodies=[model_of().graph])
    refused(model_of(several), "AttributeProto has a field 11 of type 2")


def test_functions_of_its_own_are_refused() -> None:
    model = model_of()
    opset = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("my.own", "Same", ["a"], ["b"], [], opset))
    refused(model, "ModelProto has a field 25 of type 2")


@pytest.mark.parametrize("side", [2**24 + 1, 2**62, -1])
def test_absurd_dimensions_are_refused(side: int) -> None:
    weights = onnx.TensorProto()
    weights.CopyFrom(ONES)
    weights.dims[0] = side
    refused(model_of(weights=weights), f"a tensor with a side of {side % 2**64:,}")


def test_a_tensor_of_very_many_sides_is_refused_before_they_are_multiplied() -> None:
    weights = onnx.TensorProto()
    weights.CopyFrom(ONES)
    weights.dims[:] = [2] * 10_000
    refused(model_of(weights=weights), "a tensor with 10,000 sides")


@pytest.mark.parametrize(
    ("shape", "kind"), [([5], TensorProto.FLOAT), ([4], TensorProto.DOUBLE), ([4], 8), ([4], 99)]
)
def test_a_tensor_has_the_bytes_of_its_shape(shape: list[int], kind: int) -> None:
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4], bytes(16), raw=True)
    weights.data_type, weights.dims[:] = kind, shape
    refused(model_of(weights=weights), f"a tensor of type .{kind}. and shape .{shape[0]}. in 16 by")


def test_an_attribute_has_one_value_that_is_of_its_type() -> None:
    node = helper.make_node("Add", ["x", "w"], ["y"], axis=1)
    node.attribute[0].f = 1.5
    refused(model_of(node), r"an attribute of type \[2\] with \['f', 'i'\]")


@pytest.mark.parametrize(
    ("operator", "told"),
    [("Concat", r"'y' has the shape \(4, 4\), not \[2, 4\]"), ("MatMul", "dimension")],
)
def test_a_network_that_fails_or_returns_something_else_is_told_in_one_line(
    operator: str, told: str
) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy"]
    node = helper.make_node(operator, ["x", "x"], ["y"])
    if operator == "Concat":
        node.attribute.append(helper.make_attribute("axis", 0))
    graph = helper.make_graph([node], "graph", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = open_session(model.SerializeToString(), "model")
    with pytest.raises(BundleError, match=told) as caught:
        session.run(None, {"x": np.ones((2, 4), np.float32)})
    assert "\n" not in str(caught.value)


# What two readers could read differently


def numbered(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)


def varint(value: int) -> bytes:
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def field(number: int, content: bytes) -> bytes:
    return numbered(number, 2) + varint(len(content)) + content


HEAD = numbered(1, 0) + varint(8)
GRAPH = field(7, model_of().graph.SerializeToString())
OPSET = field(8, helper.make_opsetid("", 17).SerializeToString())


def in_halves() -> bytes:
    """Give a graph twice; a reader puts both together."""
    one, other = onnx.GraphProto(), onnx.GraphProto()
    one.CopyFrom(model_of().graph)
    other.initializer.extend(one.initializer)
    one.ClearField("initializer")
    return HEAD + field(7, one.SerializeToString()) + field(7, other.SerializeToString()) + OPSET


def with_weights(sides_and_type: bytes) -> bytes:
    """Return a model whose weights have a shape and a type in this form."""
    graph = model_of().graph
    weights = sides_and_type + field(8, b"w") + field(9, ONES.raw_data)
    # The graph's fields in their order: the nodes and the name, then the weights.
    named = onnx.GraphProto(node=graph.node, name=graph.name).SerializeToString()
    ends = onnx.GraphProto(input=graph.input, output=graph.output).SerializeToString()
    return HEAD + field(7, named + field(5, weights) + ends) + OPSET


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(HEAD + field(7 + 2**29, GRAPH[2:]) + OPSET, id="tag above 2**32"),
        pytest.param(HEAD + b"\xba\x80\x80\x80\x00" + GRAPH[1:] + OPSET, id="tag of five bytes"),
        pytest.param(HEAD + b"\xba\x00" + GRAPH[1:] + OPSET, id="tag longer than needed"),
        pytest.param(b"\x08\x88\x00" + GRAPH + OPSET, id="number longer than needed"),
        pytest.param(GRAPH + HEAD + OPSET, id="fields in another order"),
        pytest.param(HEAD + HEAD + GRAPH + OPSET, id="field twice"),
        pytest.param(HEAD + GRAPH + OPSET + field(99, b"x"), id="unknown field"),
        pytest.param(HEAD + b"\x3b" + GRAPH + b"\x3c" + OPSET, id="group"),
        pytest.param(HEAD + GRAPH + OPSET[:-1], id="cut short"),
        pytest.param(in_halves(), id="message in two parts"),
        pytest.param(with_weights(b"\x0a\x01\x04\x10\x01"), id="numbers packed"),
        pytest.param(with_weights(b"\x08\x04\x10" + varint(2**32 + 1)), id="number that wraps"),
    ],
)
def test_any_form_but_the_one_true_form_is_refused(content: bytes) -> None:
    assert draws(HEAD + GRAPH + OPSET) and draws(with_weights(b"\x08\x04\x10\x01"))
    with pytest.raises(BundleError, match="is not a network that a bundle may hold"):
        check_onnx(content, "model")


def test_bytes_are_never_read_as_onnx_runtime_s_own_format() -> None:
    """Its mark, at byte 4, fits into the name of a producer."""
    content = HEAD + field(2, b"ORTM") + GRAPH + OPSET
    assert content[4:8] == b"ORTM"
    with pytest.raises(Exception, match="ORT"):
        ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert draws(content)


def test_a_model_of_too_many_fields_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("captiongan.bundle.onnx_check.MOST_FIELDS", 10)
    refused(model_of(), "it has more than 10 fields")


def other_byte(content: bytes, moments: random.Random) -> bytes:
    place = moments.randrange(len(content))
    return content[:place] + bytes([moments.randrange(256)]) + content[place + 1 :]


def other_bit(content: bytes, moments: random.Random) -> bytes:
    place = moments.randrange(len(content))
    bit = 1 << moments.randrange(8)
    return content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]


def one_byte_more(content: bytes, moments: random.Random) -> bytes:
    place = moments.randrange(len(content))
    return content[:place] + bytes([moments.randrange(256)]) + content[place:]


def piece_elsewhere(content: bytes, moments: random.Random) -> bytes:
    place, end, to = sorted(moments.choices(range(len(content)), k=3))
    return content[:place] + content[end:to] + content[place:end] + content[to:]


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    other_byte,
    other_bit,
    one_byte_more,
    piece_elsewhere,
)


def test_a_changed_model_that_passes_is_read_alike_by_onnx() -> None:
    whole = model_of(helper.make_node("Concat", ["x", "w"], ["y"], axis=0, name="n"))
    good = whole.SerializeToString()
    passed = 0
    for seed in range(4000):
        moments = random.Random(seed)
        content = moments.choice(CHANGES)(good, moments)
        try:
            check_onnx(content, "model")
        except BundleError:
            continue
        passed += 1
        read = onnx.ModelProto.FromString(content)
        assert read.SerializeToString(deterministic=True) == content
        assert not any(map(UnknownFieldSet, messages(read))), content
    assert 200 < passed < 3800


def messages(message: Message) -> list[Message]:
    """Return a message and all those in it."""
    found = [message]
    for described, value in message.ListFields():
        if described.message_type:
            inner = [value] if isinstance(value, Message) else value
            found += [each for one in inner for each in messages(one)]
    return found


# Errors in words


def test_what_onnx_runtime_will_not_open_is_told_in_one_line() -> None:
    model = model_of()
    model.ir_version = 107
    refused(model, "Unsupported model IR version: 107")


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_a_model_or_an_error_in_words(content: bytes) -> None:
    try:
        check_onnx(content, Path("model"))
    except BundleError as error:
        assert "\n" not in str(error)
