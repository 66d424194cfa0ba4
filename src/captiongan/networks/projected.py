"""A discriminator on the frozen features of a network trained on ImageNet: Projected GANs.

Sauer et al. 2021 (arXiv 2111.01007). EfficientNet-Lite0 turns a picture into feature maps at four
scales, and random convolutions mix them; none of these weights ever changes. Only a small head for
each scale is trained. With F features and pictures enlarged to 96 x 96:

    frozen   24 x 24x24, 40 x 12x12, 112 x 6x6, 320 x 3x3      EfficientNet-Lite0
             F  x 24x24, 2F x 12x12,  4F x 6x6,  8F x 3x3      1x1 convolutions
             F  x 24x24,  F x 12x12,  2F x 6x6,  4F x 3x3      3x3, each with the one after it
    trained  f(x) = projected_dim x 3x3 of each scale          3, 2, 1, 0 halvings, then 3x3
             logits = f(x) . (w + V e)                         at each scale and place

Heads are convolutions, so pictures may be enlarged to any multiple of 32: the larger they are, the
better the frozen features, and the longer a step. Every head ends on the places of the coarsest
map, so that a mean over the logits weighs the scales equally. The text enters only in the last line
(projection, Miyato and Koyama 2018), so another text for the same picture costs next to nothing.
The heads have spectral norm (Miyato et al. 2018) instead of BatchNorm. One channel is the deviation
of their inputs over the batch (Karras et al. 2018, section 3), which reveals a generator that
always draws the same.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from captiongan.networks.efficientnet_lite import MAPS, VARIANTS, EfficientNetLite
from captiongan.networks.frozen_convolution import speed_up
from captiongan.networks.layers import SLOPE, AppendDeviation, PairDiscriminator

LEAST_SIDE = 96
"""Smaller pictures are enlarged to it."""


class Discriminator(PairDiscriminator):
    """D(x, e), with features (B, scales, projected_dim, places).

    Logits depend on the whole batch: every head sees how much its inputs vary over the batch, so
    the same pair has other logits in another batch.

    Args:
        resolution: side of the pictures, a power of two.
        features: channels F of the finest mixed map.
        embedding_dim: length of e; 0 for a discriminator without text.
        projected_dim: channels in which pictures and texts are compared.

    Raises:
        ConfigError: the weights of EfficientNet-Lite0 are missing or damaged.
    """

    def __init__(
        self, *, resolution: int, features: int, embedding_dim: int, projected_dim: int
    ) -> None:
        frozen = FrozenFeatures(max(resolution, LEAST_SIDE), features)
        super().__init__(
            picture=nn.Sequential(frozen, Heads(frozen.channels, 2 * features, projected_dim)),
            text=Directions(embedding_dim, len(frozen.channels), projected_dim),
            compare=InnerProduct(),
        )
        self.summary_dim = len(frozen.channels) * projected_dim

    @property
    def side(self) -> int:
        """Side, in pixels, to which pictures are enlarged."""
        return self._frozen.side

    def resize_to(self, side: int) -> None:
        """Enlarge pictures to another side from now on, a multiple of 32."""
        self._frozen.side = side

    @property
    def _frozen(self) -> "FrozenFeatures":
        frozen = cast(nn.Sequential, self.picture)[0]
        assert isinstance(frozen, FrozenFeatures)
        return frozen

    def logits(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Return logits (B, K) of pairs: features as of `features` with embeddings (B, D).

        K counts scales times places: 4 (side / 32)^2, such as 36 for 96 pixels and 100 for 160.
        """
        logits: Tensor = self.compare(features, self.text(embedding))
        return logits

    def all_logits(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """Return the mean logits (B, N) of every picture with every text, without B N copies."""
        logits: Tensor = self.summary(features) @ self.text(embeddings).flatten(1).T
        return logits / features.shape[1]

    def summary(self, features: Tensor) -> Tensor:
        """Return the means over the places of each scale: (B, summary_dim)."""
        return features.mean(dim=3).flatten(1)


class FrozenFeatures(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] to four maps (B, C, H', W'), by weights that never change.

    All weights are buffers, so no optimiser gets them and no gradients are computed for them. The
    weights of the random mixing are saved with the network, because its heads fit that mixing only;
    those of EfficientNet-Lite0 come from its package.

    Args:
        side: to which pictures are resized, a multiple of 32.
        features: channels of the finest map.
    """

    def __init__(self, side: int, features: int) -> None:
        super().__init__()
        self.side = side
        variant = VARIANTS["lite0"]
        self.network = EfficientNetLite(variant)
        speed_up(self.network)
        mixed = [features << scale for scale in range(len(MAPS))]
        self.channels = [features, *mixed[:-1]]
        """Of each map, the finest first."""
        given = (variant.channels[stage] for stage in MAPS)
        self.across_channels = nn.ModuleList(
            nn.Conv2d(*channels, kernel_size=1, bias=False)
            for channels in zip(given, mixed, strict=True)
        )
        self.across_scales = nn.ModuleList(
            nn.Conv2d(*channels, kernel_size=3, padding=1, bias=False)
            for channels in zip(mixed, self.channels, strict=True)
        )
        for mixing in (self.across_channels, self.across_scales):
            for weight in mixing.parameters():
                nn.init.kaiming_normal_(weight, nonlinearity="linear")
            _freeze(mixing, saved=True)
        _freeze(self.network, saved=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the mixed maps, the finest first."""
        return self.mix(self.maps(pictures))

    def maps(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return EfficientNet's maps before they are mixed, the finest first."""
        return self.network.maps(self._prepared(pictures))

    def mix(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the mixed maps of those that `maps` returned."""
        layers = zip(self.across_channels, self.across_scales, maps, strict=True)
        mixed: list[Tensor] = []
        for across_channels, across_scales, x in reversed(list(layers)):
            x = across_channels(x)
            if mixed:
                x = x + F.interpolate(mixed[0], x.shape[2:], mode="bilinear")
            mixed.insert(0, across_scales(x))
        return mixed

    def _prepared(self, pictures: Tensor) -> Tensor:
        resized = F.interpolate(pictures, (self.side, self.side), mode="bilinear")
        levels = (resized + 1) * 127.5
        return ((levels - 127) / 128).contiguous(memory_format=torch.channels_last)


class Heads(nn.Module):
    """The trained part: maps to features (B, scales, `outputs`, places of the coarsest map).

    Each head gets the map of its scale, and one number for how much the batch varies there.

    Args:
        channels: of the maps, the finest first; each has half the side of the one before.
        hidden: channels between the layers.
        outputs: channels that come out of every head.
    """

    def __init__(self, channels: Sequence[int], hidden: int, outputs: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            _head(inputs, hidden, outputs, halvings)
            for inputs, halvings in zip(channels, reversed(range(len(channels))), strict=True)
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return features (B, scales, outputs, places)."""
        features = [head(x).flatten(2) for head, x in zip(self.heads, maps, strict=True)]
        return torch.stack(features, dim=1)


class Directions(nn.Module):
    """w + V e: for each scale, the direction of the features that match a text.

    Embeddings (B, embedding_dim) to (B, scales, channels). w does not depend on the text: it scores
    the picture alone.
    """

    def __init__(self, embedding_dim: int, scales: int, channels: int) -> None:
        super().__init__()
        self.scales = scales
        std = channels**-0.5  # so that directions have length 1, like embeddings
        self.weight = nn.Parameter(std * torch.randn(scales * channels, embedding_dim))
        self.bias = nn.Parameter(std * torch.randn(scales * channels))

    def forward(self, embedding: Tensor) -> Tensor:
        """Return directions (B, scales, channels)."""
        directions = F.linear(embedding, self.weight, self.bias)
        return directions.view(len(embedding), self.scales, -1)


class InnerProduct(nn.Module):
    """The logits: how far features lie in the direction of a text, at each scale and place."""

    def forward(self, features: Tensor, directions: Tensor) -> Tensor:
        """Compare (B, scales, C, places) with (B, scales, C); returns (B, scales * places)."""
        return (directions.unsqueeze(2) @ features).flatten(1)


def _head(inputs: int, hidden: int, outputs: int, halvings: int) -> nn.Sequential:
    """Halve the side `halvings` times, append the batch's deviation, then convolve by 3 x 3."""
    head = nn.Sequential()
    for _ in range(halvings):
        halve = nn.Conv2d(inputs, hidden, kernel_size=4, stride=2, padding=1)
        head.extend((spectral_norm(halve), nn.LeakyReLU(SLOPE)))
        inputs = hidden
    last = nn.Conv2d(inputs + 1, outputs, kernel_size=3, padding=1)
    return head.extend((AppendDeviation(), spectral_norm(last), nn.LeakyReLU(SLOPE)))


def _freeze(network: nn.Module, saved: bool) -> None:
    """Turn all parameters into buffers; the weights of convolutions get channels-last layout."""
    for module in network.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            value = weight.detach()
            if value.dim() == 4:
                value = value.contiguous(memory_format=torch.channels_last)
            module.register_buffer(name, value, persistent=saved)
