"""Upsampling as convolutions of the small picture: the same answers from another graph."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.bundle.onnx_session import open_session
from captiongan.export.onnx_upsampling import TAPS_OF_3, TAPS_OF_4, rewrite_upsampling
from captiongan.export.to_onnx import write_onnx
from captiongan.networks import fusion

CHANNELS = 16


class Residual(nn.Module):
    """A sum of two doubled branches, as in `fusion`; the first of them is needed whole, too."""

    def __init__(self) -> None:
        super().__init__()
        self.refine = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.after = nn.Conv2d(CHANNELS, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        refined = self.refine(F.interpolate(x, scale_factor=2.0))
        residual = refined + F.interpolate(self.shortcut(x), scale_factor=2.0)
        answer: Tensor = self.after(F.relu(residual)) + refined[:, :3].tanh()
        return answer


def doubled(factor: float = 2.0, channels: int = CHANNELS, mode: str = "nearest") -> nn.Module:
    return nn.Sequential(
        nn.Upsample(scale_factor=factor, mode=mode), nn.Conv2d(CHANNELS, channels, 3, padding=1)
    )


def transposed(channels: int = CHANNELS, side: int = 4, padding: int = 1) -> nn.Module:
    return nn.ConvTranspose2d(CHANNELS, channels, side, stride=2, padding=padding)


MODULES = {
    "doubled": doubled(),
    "doubled twice": nn.Sequential(doubled(), nn.LeakyReLU(0.2), doubled()),
    "transposed": transposed(),
    "transposed twice": nn.Sequential(transposed(), nn.BatchNorm2d(CHANNELS), transposed()),
    "residual": Residual(),
    "of one pixel": nn.ConvTranspose2d(CHANNELS, CHANNELS, 4),
    "not convolved": nn.Sequential(nn.Upsample(scale_factor=2.0), nn.Tanh()),
    "thrice": doubled(factor=3.0),
    "smooth": doubled(mode="bilinear"),
    "few channels": doubled(channels=3),
    "few channels, transposed": transposed(channels=3),
    "another side": transposed(side=2, padding=0),
    "in groups": nn.ConvTranspose2d(CHANNELS, CHANNELS, 4, stride=2, padding=1, groups=2),
}

SMALL_CONVOLUTIONS = {
    "doubled": 4,
    "doubled twice": 8,
    "transposed": 4,
    "transposed twice": 8,
    "residual": 6,
    "of one pixel": 0,
}

Written = Callable[[str], Path]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Write a module, its weights rounded as the file has them."""

    @cache
    def write(name: str) -> Path:
        path = tmp_path_factory.mktemp("models") / "model.onnx"
        module = MODULES[name].half().float().eval()
        write_onnx(module, (torch.zeros(2, *shape_of(name)),), path, ["x"], "y", [{0: "batch"}])
        return path

    return write


def shape_of(name: str) -> tuple[int, int, int]:
    return (CHANNELS, 1, 1) if name == "of one pixel" else (CHANNELS, 6, 5)


def kinds(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("name", MODULES)
def test_a_model_answers_as_its_module_does(name: str, written: Written) -> None:
    session = open_session(written(name))
    for batch in (1, 3):
        x = torch.randn(batch, *shape_of(name), generator=torch.Generator().manual_seed(batch))
        (answer,) = session.run(None, {"x": x.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(answer, MODULES[name](x).numpy(), atol=2e-5)


@pytest.mark.parametrize(("name", "convolutions"), SMALL_CONVOLUTIONS.items())
def test_what_doubles_is_convolved_small(name: str, convolutions: int, written: Written) -> None:
    found = kinds(written(name))
    assert found["Resize"] == found["ConvTranspose"] == 0
    assert found["Conv"] == convolutions


@pytest.mark.parametrize("name", sorted(MODULES.keys() - SMALL_CONVOLUTIONS.keys()))
def test_other_upsampling_is_left_alone(name: str, written: Written) -> None:
    found = kinds(written(name))
    assert found["Resize"] + found["ConvTranspose"] == 1


def test_a_file_keeps_every_weight_as_it_was_trained(tmp_path: Path) -> None:
    generator, path = (
        fusion.Generator(resolution=32, features=16, noise_dim=8, embedding_dim=6, projected_dim=5),
        tmp_path / "generator.onnx",
    )
    inputs = (torch.zeros(2, 8), torch.zeros(2, 6))
    write_onnx(generator, inputs, path, ["z", "e"], "y", [{0: "batch"}, {0: "batch"}])
    stored = [numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer]
    kept = {array.astype(np.float32).tobytes() for array in stored}
    large = [weight for weight in generator.parameters() if weight.ndim == 4]
    assert all(weight.half().float().detach().numpy().tobytes() in kept for weight in large)
    assert path.stat().st_size < 2.1 * sum(each.numel() for each in generator.parameters()) + 50_000


def test_rewriting_again_changes_nothing(written: Written) -> None:
    model = onnx.load(written("residual"))
    before = model.SerializeToString(deterministic=True)
    rewrite_upsampling(model)
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("taps", [TAPS_OF_3, TAPS_OF_4])
def test_a_phase_misses_no_weight_and_meets_none_twice(taps: npt.NDArray[np.float32]) -> None:
    met = taps.sum(axis=2)
    assert set(met.ravel()) <= {0, 1}
    assert met.any(axis=0).all()
