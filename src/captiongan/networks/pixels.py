"""Conversion between pictures as stored, in bytes, and the tensors of the networks."""

import torch
from torch import Tensor


def to_tensor(pictures: Tensor) -> Tensor:
    """Turn pictures (N, H, W, 3) uint8 into (N, 3, H, W) in [-1, 1], channels last in memory."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(tensor: Tensor) -> Tensor:
    """Turn (N, 3, H, W) in [-1, 1] into pictures (N, H, W, 3) uint8, rounded to nearest."""
    levels = torch.round((tensor + 1) * 127.5).clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1)
