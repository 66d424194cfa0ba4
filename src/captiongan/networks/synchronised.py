"""BatchNorm over the batch of all processes (PyTorch's SyncBatchNorm needs a GPU)."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from captiongan.compute import distributed


class SynchronisedBatchNorm(_BatchNorm):
    """BatchNorm, for texts (B, C) and pictures (B, C, H, W)."""

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (B, C, ...), in training by the statistics of the whole batch."""
        if not self.training:
            return super().forward(features)
        axes = [axis for axis in range(features.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(features.dim())]
        exact = features.float()
        middle = distributed.mean(exact.mean(axes))
        centred = exact - middle.view(shape)
        variance = distributed.mean(centred.square().mean(axes))
        self._note(
            middle.detach(), variance.detach(), distributed.world_size() * features[:, 0].numel()
        )
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return torch.addcmul(self.bias.view(shape), centred, scale.view(shape)).to(features.dtype)

    def _check_input_dim(self, features: Tensor) -> None:
        """Accept texts and pictures."""

    def _note(self, middle: Tensor, variance: Tensor, numbers: int) -> None:
        """Update the running statistics as BatchNorm does, with the unbiased variance."""
        self.get_buffer("num_batches_tracked").add_(1)
        unbiased = variance * (numbers / (numbers - 1))
        self.get_buffer("running_mean").lerp_(middle, self.momentum or 0.0)
        self.get_buffer("running_var").lerp_(unbiased, self.momentum or 0.0)


def synchronise(network: nn.Module) -> None:
    """Make every BatchNorm of a network, with weights and momentum, normalise the whole batch."""
    if distributed.world_size() == 1:
        return
    for module in list(network.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, _BatchNorm):
                setattr(module, name, _synchronised(layer))


def _synchronised(layer: _BatchNorm) -> SynchronisedBatchNorm:
    synchronised = SynchronisedBatchNorm(layer.num_features, layer.eps, layer.momentum)
    synchronised.load_state_dict(layer.state_dict())
    return synchronised
