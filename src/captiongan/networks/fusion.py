"""Text and noise fused by affine modulation at every scale (DF-GAN; Tao et al. 2022).

Each 3x3 convolution of the generator's blocks gets scale * x + shift, rectified. A linear layer
computes the scale and the shift of each channel from the condition c = [z, text], where z lacks its
last quarter. The discriminator computes features of the picture alone, and compares them with the
text by projection (Miyato and Koyama 2018). With F features, z and projected text of 128, and at
most 256 channels, or F if that is more:

    Generator      z -> 4x4, a block for each doubling of the side, RGB; F channels at the last side
    Discriminator  3 -> F at half the side, a block for each halving, f(x) at 4x4

    side                         4    8   16   32   64  128
    G at  64 px with F = 32    256  256  128   64   32        2.8 M weights, 0.46 GFLOP a picture
    G at 128 px with F = 16    256  256  128   64   32   16   2.9 M weights, 0.58 GFLOP
    D at  64 px with F = 64    256  256  128   64             3.3 M weights, 0.43 GFLOP

Generators of this kind tend to ignore the noise. Four things keep it in play:

- The first 4x4 stage depends on that z alone, linearly and without a bias, and scales and shifts
  are the same at every place. So z decides where things are, and the text what they look like.
- z also enters at every scale, through the same layers as the text, and no layer before them could
  drop it.
- z has a variance of 1, and the projected text is normalised to the same variance without a learned
  gain, so neither drowns the other. z itself is not normalised, because truncation must shrink it.
- The last quarter of z only moves the text (conditioning augmentation, Zhang et al. 2017): a
  generator that follows the text then follows z. The directions are the buffer `wording`; they are
  0 until a run measures how the captions of one picture differ.

The generator has no BatchNorm: its EMA has no statistics to recompute, and a picture does not
depend on the others in its batch. The initial weights keep the variance of x near 1 at any depth
(He et al. 2015), half of it from each branch of a block.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from captiongan.networks.layers import (
    SLOPE,
    AppendDeviation,
    PairDiscriminator,
    PictureGenerator,
)

WIDEST = 256
"""The most channels of a stage, unless F is more."""

SIDE = 4
"""Of the generator's first stage and of the discriminator's last."""

RECTIFIED = (1 + SLOPE**2) / 2
"""Mean square of N(0, 1) after a leaky rectifier (He et al. 2015, section 2.2)."""


class Generator(PictureGenerator):
    """G(z, e): noise (B, noise_dim) and embedding (B, embedding_dim) to pictures in [-1, 1].

    Args:
        resolution: side of the pictures, a power of two from 16 up.
        features: channels F of the last stage.
        noise_dim: length of z, with the quarter that moves the text.
        embedding_dim: length of e; 0 to draw without text.
        projected_dim: length of the projected text that is concatenated with the rest of z.
        attention: side of the stage that a self-attention follows, a power of two from 8 to
            `resolution`; 0 for none.
        shuffle: whether the last doubling is a PixelShuffle of four colours for each place, without
            a block (Shi et al. 2016, arXiv 1609.05158). The last stage then has 2F channels at half
            the side.
    """

    def __init__(
        self,
        *,
        resolution: int,
        features: int,
        noise_dim: int,
        embedding_dim: int,
        projected_dim: int,
        attention: int = 0,
        shuffle: bool = False,
    ) -> None:
        super().__init__()
        widths = _widths(resolution, features)[::-1]
        widths = widths[:-1] if shuffle else widths
        self.text = TextDirection(embedding_dim, projected_dim)
        self.wording: Tensor
        self.register_buffer("wording", torch.zeros(embedding_dim, noise_dim // 4))
        style_dim = noise_dim - noise_dim // 4
        condition_dim = style_dim + self.text.length
        self.seed = nn.Linear(style_dim, SIDE * SIDE * widths[0], bias=False)
        self.blocks = nn.ModuleList(
            Doubling(wide, narrow, condition_dim) for wide, narrow in pairwise(widths)
        )
        colours = nn.Conv2d(widths[-1], 12 if shuffle else 3, kernel_size=3, padding=1)
        self.to_rgb = nn.Sequential(colours, nn.PixelShuffle(2)) if shuffle else colours
        _start(self.seed, variance=1.0)
        _start(colours, variance=0.25 / RECTIFIED)  # well inside tanh
        # Last, so that all other initial weights equal those of a generator without attention.
        sides = (SIDE << stage for stage in range(1, len(widths)))
        self.attentions = nn.ModuleList(
            SelfAttention(width) if side == attention else nn.Identity()
            for side, width in zip(sides, widths[1:], strict=True)
        )

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Draw pictures (B, 3, resolution, resolution) in [-1, 1]."""
        style = noise[:, : self.seed.in_features]
        moved = embedding + noise[:, self.seed.in_features :] @ self.wording.T
        text = math.sqrt(self.text.length) * self.text(moved)
        condition = torch.cat([style, text], dim=1)
        x = self.seed(style).unflatten(1, (-1, SIDE, SIDE))
        for block, attend in zip(self.blocks, self.attentions, strict=True):
            x = attend(block(x, condition))
        return torch.tanh(self.to_rgb(F.leaky_relu(x, SLOPE)))


class TextDirection(nn.Module):
    """Squeeze an embedding (B, embedding_dim) to (B, length) of Euclidean norm 1.

    `length` is `projected_dim`; with an `embedding_dim` of 0 it is 0, and (B, 0) stays as it is.
    """

    def __init__(self, embedding_dim: int, projected_dim: int) -> None:
        super().__init__()
        self.length = projected_dim if embedding_dim else 0
        self.squeeze = nn.Linear(embedding_dim, projected_dim) if embedding_dim else nn.Identity()
        if isinstance(self.squeeze, nn.Linear):
            _start(self.squeeze, variance=1.0)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return the text's direction."""
        return F.normalize(self.squeeze(embedding))


class Doubling(nn.Module):
    """A residual block: x (B, wide, H, W) and c (B, condition_dim) to (B, narrow, 2H, 2W).

    Nearest-neighbour doubling leaves no checkerboard (Odena et al. 2016). All operations on single
    pixels come before it, at a quarter of the cost.
    """

    def __init__(self, wide: int, narrow: int, condition_dim: int) -> None:
        super().__init__()
        self.modulate_wide = Modulation(wide, condition_dim)
        self.narrow = nn.Conv2d(wide, narrow, kernel_size=3, padding=1, bias=False)
        self.modulate_narrow = Modulation(narrow, condition_dim)
        self.refine = nn.Conv2d(narrow, narrow, kernel_size=3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(wide, narrow, kernel_size=1, bias=False)
        _start(self.narrow, variance=1 / RECTIFIED)
        _start(self.refine, variance=0.5 / RECTIFIED)
        _start(self.shortcut, variance=0.5)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return (B, narrow, 2H, 2W)."""
        narrowed = self.narrow(self.modulate_wide(x, condition))
        residual: Tensor = self.refine(_doubled(self.modulate_narrow(narrowed, condition)))
        # A sum has the memory layout of its first term: channels last, the fastest to convolve.
        return residual + _doubled(self.shortcut(x))


class SelfAttention(nn.Module):
    """x + gamma * attention(x), of the same shape (B, channels, H, W).

    SAGAN (Zhang et al. 2019, arXiv 1805.08318), equations 1 to 3. It makes distant parts of a
    picture fit together, such as the petals of a flower. Keys and values are max-pooled over 2 x 2
    places, as in the authors' code, which makes attention four times as cheap. gamma is 0 at first,
    so a generator that gets this layer draws what it drew before.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow, wide = max(channels // 8, 1), max(channels // 2, 1)
        self.lengths = (narrow, narrow, wide)
        self.read = nn.Conv2d(channels, sum(self.lengths), kernel_size=1, bias=False)
        self.write = nn.Conv2d(wide, channels, kernel_size=1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))
        _start(self.read, variance=1.0)
        _start(self.write, variance=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Attend to all places; H and W are even."""
        narrow, _, wide = self.lengths
        query, others = self.read(x).split((narrow, narrow + wide), dim=1)
        key, value = F.max_pool2d(others, 2).flatten(2).split((narrow, wide), dim=1)
        weights = torch.softmax(query.flatten(2).mT @ key, dim=2)
        gathered = (value @ weights.mT).unflatten(2, x.shape[2:])
        written: Tensor = self.write(gathered)
        return x + self.gamma * written  # in this order, for the memory layout of x


class Modulation(nn.Module):
    """leaky_relu(scale * x + shift), of the shape of x; at first scale is 1 and shift 0."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.read = nn.Linear(condition_dim, 2 * channels)
        _start(self.read, variance=0.0)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Modulate x by c (B, condition_dim)."""
        change, shift = self.read(condition)[:, :, None, None].chunk(2, dim=1)
        return F.leaky_relu(x * (1 + change) + shift, SLOPE)


class Discriminator(PairDiscriminator):
    """D(x, e) = u(f(x)) + <text, P f(x)>, with features f(x) (B, C, 4, 4), u and P linear.

    It has no pretrained features, so it suits pictures unlike photographs. All its weights have a
    spectral norm of 1 (Miyato et al. 2018), and the text has length 1, so the text cannot outweigh
    u. One channel is the deviation of the features over the batch, which reveals a collapsed
    generator (Karras et al. 2018, section 3); so a logit depends on the whole batch.

    Arguments are those of the generator; F are the channels of the first stage.
    """

    def __init__(
        self, *, resolution: int, features: int, embedding_dim: int, projected_dim: int
    ) -> None:
        widths = _widths(resolution // 2, features)
        text = TextDirection(embedding_dim, projected_dim)
        super().__init__(
            picture=nn.Sequential(
                spectral_norm(nn.Conv2d(3, widths[0], kernel_size=4, stride=2, padding=1)),
                *(Halving(narrow, wide) for narrow, wide in pairwise(widths)),
                nn.LeakyReLU(SLOPE),
                AppendDeviation(),
                spectral_norm(nn.Conv2d(widths[-1] + 1, widths[-1], kernel_size=3, padding=1)),
            ),
            text=text,
            compare=spectral_norm(nn.Linear(widths[-1], 1 + text.length)),
        )
        self.summary_dim = widths[-1]

    def logits(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Return logits (B, 1) of pairs: features as of `features` with embeddings (B, D)."""
        text = self.text(embedding)
        projected: Tensor = self.compare(F.leaky_relu(features, SLOPE).sum(dim=(2, 3)))
        match = (projected[:, 1:] * text).sum(dim=1, keepdim=True)
        logits: Tensor = projected[:, :1] + match
        return logits


class Halving(nn.Module):
    """A residual block: x (B, narrow, H, W) to (B, wide, H / 2, W / 2).

    Kernels of side 4 at stride 2 cover all pixels of x equally, so gradients have no pattern.
    """

    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(narrow, narrow, kernel_size=3, padding=1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(narrow, wide, kernel_size=4, stride=2, padding=1)),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2), spectral_norm(nn.Conv2d(narrow, wide, kernel_size=1))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, wide, H / 2, W / 2)."""
        halved: Tensor = self.residual(x) + self.shortcut(x)
        return halved


def _widths(side: int, features: int) -> list[int]:
    """Return the channels at each side from `side` down to 4: F, 2F, 4F, ..."""
    stages = range((side // SIDE).bit_length())
    return [max(features, min(features << stage, WIDEST)) for stage in stages]


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _start(layer: nn.Conv2d | nn.Linear, variance: float) -> None:
    """Draw weights so that inputs of mean square 1 give outputs of `variance`; biases are 0."""
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, 0.0, math.sqrt(variance / fan_in))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
