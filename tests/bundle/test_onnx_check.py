from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from captiongan.bundle.bundle import find_bundle, shipped_bundles
from captiongan.bundle.manifest import GENERATOR_FILE
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


def external(location: str) -> onnx.TensorProto:
    weights = onnx.TensorProto()
    weights.CopyFrom(ONES)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    return weights


def saved(folder: Path, content: onnx.ModelProto | bytes) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def test_a_plain_model_is_opened(tmp_path: Path) -> None:
    session = open_session(saved(tmp_path, model_of()))
    (answer,) = session.run(None, {"x": np.arange(4, dtype=np.float32)})
    assert answer.tolist() == [1, 2, 3, 4]


def test_the_shipped_models_pass() -> None:
    for name in shipped_bundles():
        check_onnx(find_bundle(name) / GENERATOR_FILE)


@pytest.mark.parametrize(
    "location", ["weights.bin", "../weights.bin", "/etc/passwd", "folder/../weights.bin"]
)
def test_weights_in_another_file_are_refused_wherever_it_is(location: str, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(16))
    path = saved(tmp_path, model_of(weights=external(location)))
    with pytest.raises(BundleError, match="weights in another file"):
        open_session(path)


def test_weights_in_another_file_are_found_in_attributes_too(tmp_path: Path) -> None:
    constant = helper.make_node("Constant", [], ["y"], value=external("weights.bin"))
    with pytest.raises(BundleError, match="weights in another file"):
        open_session(saved(tmp_path, model_of(constant)))


@pytest.mark.parametrize("domain", ["com.microsoft", "my.own"])
def test_operators_that_are_not_onnx_s_own_are_refused(domain: str, tmp_path: Path) -> None:
    node = helper.make_node("Add", ["x", "w"], ["y"], domain=domain)
    with pytest.raises(BundleError, match=f"an operator of the domain b'{domain}'"):
        open_session(saved(tmp_path, model_of(node, ONES, domain)))


def test_functions_of_its_own_are_refused(tmp_path: Path) -> None:
    model = model_of()
    opset = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("my.own", "Same", ["a"], ["b"], [], opset))
    with pytest.raises(BundleError, match="functions of its own"):
        open_session(saved(tmp_path, model))


def test_a_graph_inside_a_node_is_refused(tmp_path: Path) -> None:
    loop = helper.make_node("Loop", ["", "", "x"], ["y"], body=model_of().graph)
    with pytest.raises(BundleError, match="a graph inside a node"):
        open_session(saved(tmp_path, model_of(loop)))


@pytest.mark.parametrize("side", [2**24 + 1, 2**62])
def test_absurd_dimensions_are_refused(side: int, tmp_path: Path) -> None:
    weights = onnx.TensorProto()
    weights.CopyFrom(ONES)
    weights.dims[0] = side
    with pytest.raises(BundleError, match=f"a tensor with a side of {side:,}"):
        open_session(saved(tmp_path, model_of(weights=weights)))


def test_what_onnx_runtime_will_not_open_is_told_in_one_line(tmp_path: Path) -> None:
    model = model_of()
    model.ir_version = 107
    with pytest.raises(BundleError, match="Unsupported model IR version: 107") as caught:
        open_session(saved(tmp_path, model))
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_a_model_or_an_error_in_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = saved(tmp_path_factory.mktemp("any"), content)
    try:
        check_onnx(path)
    except BundleError as error:
        assert "\n" not in str(error)


@given(st.data())
def test_a_damaged_model_is_a_model_or_an_error_in_words(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(model_of().SerializeToString())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    path = saved(tmp_path_factory.mktemp("any"), bytes(content[:cut]))
    try:
        check_onnx(path)
    except BundleError as error:
        assert "\n" not in str(error)
