"""Checks an ONNX file before ONNX Runtime opens it.

A bundle may come from anyone. Its networks are plain graphs of ONNX's own operators and contain all
their weights; a file that refers to anything outside itself is refused. The check reads the file's
protocol buffers itself (field numbers as in onnx.proto) and so needs no further package.
"""

from collections.abc import Iterator
from pathlib import Path

from captiongan.errors import BundleError

GRAPH, FUNCTIONS = 7, 25
"""Fields of ModelProto."""

NODE, INITIALIZER, SPARSE_INITIALIZER = 1, 5, 15
"""Fields of GraphProto."""

ATTRIBUTE, DOMAIN = 5, 7
"""Fields of NodeProto."""

TENSOR, SUBGRAPH, TENSORS, SUBGRAPHS = 5, 6, 10, 11
"""Fields of AttributeProto."""

DIMENSION, EXTERNAL_DATA, DATA_LOCATION = 1, 13, 14
"""Fields of TensorProto."""

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
"""Wire types, which decide the length of a field."""

LARGEST_DIMENSION = 2**24

Field = tuple[int, int | memoryview]


def check_onnx(path: Path) -> None:
    """Make sure that a model refers to nothing outside its file and has no oversized tensor.

    Raises:
        BundleError: it is not a model, or it has weights in another file, an operator that is not
            ONNX's own, a graph inside a node, or a tensor with a dimension above 2**24.
    """
    try:
        faults = list(_faults_of_model(memoryview(path.read_bytes())))
    except (OSError, ValueError) as error:
        raise BundleError(
            f"'{path}' is not a model that can be read ({error}); copy or download the bundle again"
        ) from error
    if faults:
        raise BundleError(
            f"'{path}' has {faults[0]}, which no bundle needs; do not use it, or write the bundle "
            "again with `captiongan export`"
        )


def _faults_of_model(model: memoryview) -> Iterator[str]:
    for number, value in _fields(model):
        if number == FUNCTIONS:
            yield "functions of its own"
        if number == GRAPH and isinstance(value, memoryview):
            yield from _faults_of_graph(value)


def _faults_of_graph(graph: memoryview) -> Iterator[str]:
    for number, value in _fields(graph):
        if number == SPARSE_INITIALIZER:
            yield "sparse weights"
        if isinstance(value, memoryview):
            if number == NODE:
                yield from _faults_of_node(value)
            if number == INITIALIZER:
                yield from _faults_of_tensor(value)


def _faults_of_node(node: memoryview) -> Iterator[str]:
    for number, value in _fields(node):
        if not isinstance(value, memoryview):
            continue
        if number == DOMAIN and bytes(value) not in (b"", b"ai.onnx"):
            yield f"an operator of the domain {bytes(value)[:40]!r}"
        if number == ATTRIBUTE:
            for kind, content in _fields(value):
                if kind in (SUBGRAPH, SUBGRAPHS):
                    yield "a graph inside a node"
                if kind in (TENSOR, TENSORS) and isinstance(content, memoryview):
                    yield from _faults_of_tensor(content)


def _faults_of_tensor(tensor: memoryview) -> Iterator[str]:
    for number, value in _fields(tensor):
        if number == EXTERNAL_DATA or (number == DATA_LOCATION and value):
            yield "weights in another file"
        if number == DIMENSION:
            sides = [value] if isinstance(value, int) else list(_varints(value))
            if any(side > LARGEST_DIMENSION for side in sides):
                yield f"a tensor with a side of {max(sides):,}"


def _fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a message: the number of each, and its integer or its bytes.

    Raises ValueError if the message is cut short or has a field of an unknown type.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire_type == LENGTH:
            length, place = _varint(message, place)
        elif wire_type in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if wire_type == EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field of type {wire_type} at byte {place}")
        if length > len(message) - place:
            raise ValueError("it ends in the middle of a field")
        yield number, message[place : place + length]
        place += length


def _varints(packed: memoryview) -> Iterator[int]:
    place = 0
    while place < len(packed):
        value, place = _varint(packed, place)
        yield value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Read an integer with seven bits in each byte; return it and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("it ends in the middle of a number")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError(f"a number of more than ten bytes at byte {place}")
