"""Adam's moments as named tensors, so that a file without code can hold them."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer


def moments(optimiser: Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's moments by `WEIGHT.MOMENT`: the weight's number, the moment's name."""
    return {
        f"{weight}.{moment}": tensor.contiguous()
        for weight, moments in optimiser.state_dict()["state"].items()
        for moment, tensor in moments.items()
    }


def restore_moments(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Load into an optimiser the moments that `moments` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, moment = name.partition(".")
        state.setdefault(int(number), {})[moment] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    # Fused Adam reads weights and moments in parallel, so they need the same memory layout. The
    # copy also releases the file: its space on disk is free once it is removed.
    for weight, of_weight in optimiser.state.items():
        for moment, tensor in of_weight.items():
            alike = tensor.shape == weight.shape
            of_weight[moment] = torch.empty_like(weight).copy_(tensor) if alike else tensor.clone()
