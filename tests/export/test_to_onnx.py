from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from captiongan.bundle.onnx_session import open_session
from captiongan.export.to_onnx import write_onnx


class TwoInputs(nn.Module):
    """A small network with more than one input and some weights too few to be worth halving."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(20, 30)
        self.narrow = nn.Linear(30, 4)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        answer: Tensor = self.narrow(torch.relu(self.wide(torch.cat([one, other], dim=1))))
        return answer


@pytest.fixture(scope="module")
def module() -> TwoInputs:
    torch.manual_seed(0)
    return TwoInputs().eval()


@pytest.fixture(scope="module")
def file(module: TwoInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "two.onnx"
    write_onnx(
        module,
        (torch.zeros(2, 15), torch.zeros(2, 5)),
        path,
        inputs=["first", "second"],
        output="answer",
        dynamic_axes=[{0: "batch"}, {0: "batch"}],
    )
    return path


def test_large_weights_are_stored_in_half_precision_and_small_ones_in_full(file: Path) -> None:
    weights = [numpy_helper.to_array(weight) for weight in onnx.load(file).graph.initializer]
    stored = {weight.shape: weight.dtype for weight in weights if weight.dtype.kind == "f"}
    large = [dtype for shape, dtype in stored.items() if np.prod(shape) >= 256]
    assert large == [np.float16]
    assert stored[(30,)] == stored[(4,)] == np.float32


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_file_answers_as_the_module_does_at_any_batch_size(
    batch: int, module: TwoInputs, file: Path
) -> None:
    random = torch.Generator().manual_seed(batch)
    one = torch.randn(batch, 15, generator=random)
    other = torch.randn(batch, 5, generator=random)
    (answer,) = open_session(file.read_bytes(), "model").run(
        None, {"first": one.numpy(), "second": other.numpy()}
    )
    with torch.no_grad():
        expected = module(one, other).numpy()
    np.testing.assert_allclose(answer, expected, atol=2e-3)
    assert answer.dtype == np.float32


def test_inputs_outputs_and_free_axes_have_their_names(file: Path) -> None:
    graph = onnx.load(file).graph
    assert [value.name for value in graph.input] == ["first", "second"]
    assert [value.name for value in graph.output] == ["answer"]
    for value in graph.input:
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_the_file_tells_nothing_of_the_machine_it_was_made_on(file: Path) -> None:
    content = file.read_bytes()
    for trace in (b"site-packages", b"/src/", b".py", str(Path(__file__).parents[2]).encode()):
        assert trace not in content


def test_writing_twice_gives_the_same_bytes(file: Path, module: TwoInputs, tmp_path: Path) -> None:
    write_onnx(
        module,
        (torch.zeros(2, 15), torch.zeros(2, 5)),
        tmp_path / "again.onnx",
        inputs=["first", "second"],
        output="answer",
        dynamic_axes=[{0: "batch"}, {0: "batch"}],
    )
    assert (tmp_path / "again.onnx").read_bytes() == file.read_bytes()
