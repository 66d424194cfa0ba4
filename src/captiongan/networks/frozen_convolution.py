"""The convolutions of a frozen EfficientNet-Lite, by the shortest ways there and back.

Frozen weights need no gradients, so the way back needs no inputs. oneDNN is slow if depthwise
convolutions have a stride, above all backward in bfloat16 (20 to 50 ms per layer for 32 pictures on
one core, 5 to 9 times as long as with a stride of 1). In bfloat16 on a CPU it convolves and
rectifies in one operation, which writes each map once instead of twice.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

from captiongan.networks.efficientnet_lite import SameConvolution

LIMITS = 0.0, 6.0
"""Of ReLU6."""


def speed_up(network: nn.Module) -> None:
    """Replace the convolutions of a frozen network, each with the ReLU6 after it, if there is one.

    Both are members of the same `Sequential`.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            layers = [*module, None]
            for number, (layer, after) in enumerate(pairwise(layers)):
                if isinstance(layer, SameConvolution):
                    rectified = isinstance(after, nn.ReLU6)
                    module[number] = FrozenConvolution(layer, rectified)
                    if rectified:
                        module[number + 1] = nn.Identity()


class FrozenConvolution(nn.Module):
    """A `SameConvolution` with frozen weights, and ReLU6 after it if it is `rectified`."""

    def __init__(self, layer: SameConvolution, rectified: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.rectified = rectified

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W), H = W."""
        if _computes_bf16(x):
            return self._convolved(x.bfloat16(), fused=True)
        y = self._convolved(x, fused=False) if self.layer.groups > 1 else self.layer(x)
        return F.relu6(y) if self.rectified else y

    def _convolved(self, x: Tensor, fused: bool) -> Tensor:
        """Convolve by `_Convolution`: depthwise layers with stride 1, at some places."""
        layer, places = self.layer, None
        (kernel, _), (stride, _), side = layer.kernel_size, layer.stride, x.shape[-1]
        padding = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        before, after = padding // 2, padding - padding // 2
        if layer.groups > 1:
            if stride > 1:
                first = kernel // 2 - before  # the centre of the first window
                places = (..., *2 * (slice(first, None, stride),))
            before, stride = kernel // 2, 1
        elif before != after:
            x, before = F.pad(x, (before, after, before, after)), 0
        way = ("hardtanh" if self.rectified else "none") if fused else None
        y: Tensor = _Convolution.apply(  # type: ignore[no-untyped-call]
            x, layer.weight, layer.bias, stride, before, places, way
        )
        return y


def _computes_bf16(x: Tensor) -> bool:
    """Return whether autocast is on and oneDNN computes."""
    on_cpu = x.device.type == "cpu" and torch.backends.mkldnn.is_available()
    return on_cpu and torch.is_autocast_enabled("cpu")


class _Convolution(torch.autograd.Function):
    """A convolution at some places (all if None), followed by `after` if that is not None.

    `after` is an operation that oneDNN fuses with the convolution: "hardtanh" or "none".
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        stride: int,
        padding: int,
        places: Any,
        after: str | None,
    ) -> Tensor:
        ctx.shape, ctx.stride, ctx.padding, ctx.places = x.shape, stride, padding, places
        groups = x.shape[1] // weight.shape[1]
        if after is None:
            y = F.conv2d(x, weight, bias, stride, padding, groups=groups)
        else:
            y = torch.ops.mkldnn._convolution_pointwise(
                x,
                weight.to(x.dtype),
                bias.to(x.dtype),
                [padding, padding],
                [stride, stride],
                [1, 1],
                groups,
                after,
                list(LIMITS) if after == "hardtanh" else [],
                "",
            )
        if places is not None:
            y = y[places].contiguous(memory_format=torch.channels_last)
        ctx.rectified = after == "hardtanh"
        ctx.save_for_backward(weight, y if ctx.rectified else None)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight, y), (gradient,) = ctx.saved_tensors, gradients
        if ctx.rectified:
            gradient = torch.ops.aten.hardtanh_backward(gradient, y, *LIMITS)
        if ctx.places is not None:
            spread = torch.empty(
                (*gradient.shape[:2], *ctx.shape[2:]),
                dtype=gradient.dtype,
                device=gradient.device,
                memory_format=torch.channels_last,
            ).zero_()
            spread[ctx.places] = gradient
            gradient = spread
        weight, groups = weight.to(gradient.dtype), ctx.shape[1] // weight.shape[1]
        if groups > 1:
            turned = weight.flip(2, 3)
            back = F.conv2d(gradient, turned, padding=ctx.padding, groups=groups)
        else:
            back = conv2d_input(ctx.shape, weight, gradient, ctx.stride, ctx.padding)
        return back, *6 * (None,)
