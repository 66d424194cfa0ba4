"""Adam's moments as named tensors, and back: what a file can keep without code in it."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer


def moments(optimiser: Optimizer) -> dict[str, Tensor]:
    """Flatten an optimiser's moments to `WEIGHT.MOMENT`, weights by their number."""
    return {
        f"{weight}.{moment}": tensor.contiguous()
        for weight, moments in optimiser.state_dict()["state"].items()
        for moment, tensor in moments.items()
    }


def restore_moments(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser the moments that `moments` flattened."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, moment = name.partition(".")
        state.setdefault(int(number), {})[moment] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    # Fused Adam walks weights and moments side by side: they must lie alike in memory. And nothing
    # may hold on to the file that was read, or its room on the disk is not free when it is removed.
    for weight, of_weight in optimiser.state.items():
        for moment, tensor in of_weight.items():
            alike = tensor.shape == weight.shape
            of_weight[moment] = torch.empty_like(weight).copy_(tensor) if alike else tensor.clone()
