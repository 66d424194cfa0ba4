"""Our network with the published weights, and the published network with them."""

from collections import OrderedDict
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor

from captiongan.errors import ConfigError
from captiongan.networks.efficientnet_lite import FEATURES, VARIANTS, EfficientNetLite

NAMES = sorted(VARIANTS)
CHANNELS = {"lite0": (24, 40, 112, 320), "lite1": (24, 40, 112, 320), "lite2": (24, 48, 120, 352)}
"""Of the maps of each variant."""


def reference(name: str) -> EfficientNet:
    file = VARIANTS[name].weights()
    # Without a side of its own it pads for the side of each input, as ours does.
    return EfficientNet.from_pretrained(f"efficientnet-{name}", file, image_size=None).eval()


def pictures(side: int, count: int = 2) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(side))


def published(name: str) -> OrderedDict[str, Tensor]:
    weights = torch.load(VARIANTS[name].weights(), weights_only=True)
    assert isinstance(weights, OrderedDict)
    return weights


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_features_are_those_of_the_published_network(name: str) -> None:
    ours, theirs = EfficientNetLite(VARIANTS[name]), reference(name)
    for side in (1, 31, 33, 64, 90):
        x = pictures(side)
        features = ours(x)
        assert features.shape == (2, FEATURES)
        expected = theirs.extract_features(x).mean(dim=(2, 3))
        torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_the_maps_are_the_last_of_each_stride(name: str) -> None:
    network, x = EfficientNetLite(VARIANTS[name]), pictures(96)
    maps = network.maps(x)
    found = [(each.shape[1], *each.shape[2:]) for each in maps]
    sides = ((24, 24), (12, 12), (6, 6), (3, 3))
    assert found == [(count, *side) for count, side in zip(CHANNELS[name], sides, strict=True)]
    assert torch.equal(network.head(maps[-1]).mean(dim=(2, 3)), network(x))
    seen: list[Tensor] = []
    for block in network.blocks:
        block.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    network(x)
    for each in maps[:-1]:
        following = next(place for place, other in enumerate(seen) if torch.equal(other, each)) + 1
        assert seen[following].shape[-1] == each.shape[-1] // 2


@torch.inference_mode()
def test_each_picture_is_described_as_if_it_were_alone() -> None:
    network, x = EfficientNetLite(VARIANTS["lite0"]), pictures(64, 3)
    alone = torch.cat([network(x[row : row + 1]) for row in range(3)])
    torch.testing.assert_close(network(x), alone, rtol=1e-4, atol=1e-4)


def test_the_network_is_frozen() -> None:
    network = EfficientNetLite(VARIANTS["lite0"])
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


def test_the_weights_of_one_variant_are_refused_by_the_others() -> None:
    for name, other in permutations(NAMES, 2):
        with pytest.raises(ConfigError, match="not those of this EfficientNet-Lite"):
            EfficientNetLite(replace(VARIANTS[name], weights=VARIANTS[other].weights))


@pytest.mark.parametrize("content", [None, b"", b"<html>", bytes(1000), "half"])
def test_weights_that_are_absent_or_damaged_are_refused(
    tmp_path: Path, content: bytes | str | None
) -> None:
    file = tmp_path / "weights.pth"
    if content == "half":
        whole = Path(VARIANTS["lite0"].weights()).read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
    elif isinstance(content, bytes):
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"weights\.pth.*reinstall the package") as caught:
        EfficientNetLite(replace(VARIANTS["lite0"], weights=lambda: str(file)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["too few", "too many", "swapped", "other shape", "a tensor"])
def test_weights_of_another_network_are_refused(tmp_path: Path, damage: str) -> None:
    weights: OrderedDict[str, Tensor] | Tensor = published("lite0")
    assert isinstance(weights, OrderedDict)
    if damage == "too few":
        del weights["_blocks.3._bn1.bias"]
    elif damage == "too many":
        weights["_fc.more"] = torch.zeros(3)
    elif damage == "swapped":
        weights.move_to_end("_bn0.bias", last=False)
    elif damage == "other shape":
        weights["_bn0.running_mean"] = torch.zeros(1)
    else:
        weights = torch.zeros(3)
    file = tmp_path / "weights.pth"
    torch.save(weights, file)
    with pytest.raises(ConfigError, match="not those of this EfficientNet-Lite"):
        EfficientNetLite(replace(VARIANTS["lite0"], weights=lambda: str(file)))
