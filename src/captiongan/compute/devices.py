"""The device of this machine, and whether it gains by bfloat16."""

import time
from functools import cache

import torch

SLOWEST = 2.0
"""How many times as long bfloat16 may take. Where it is slow it takes 4 to 16 times as long as
float32, and elsewhere less than float32, so a busy machine does not decide otherwise tomorrow."""


def default_device() -> torch.device:
    """Return the NVIDIA GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computes_bf16(device: torch.device) -> bool:
    """Return whether a device computes bfloat16 in hardware, and PyTorch makes use of it.

    Other devices emulate it; a CPU with AVX2 alone does so many times slower than float32. Some
    versions of PyTorch are as slow on a CPU that has it, so a CPU is timed.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return cpu_has_bf16() and slowdown_of_bf16() < SLOWEST


def cpu_has_bf16() -> bool:
    """Return whether the CPU has instructions for bfloat16."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


@cache
def slowdown_of_bf16() -> float:
    """Return how many times as long as in float32 the CPU takes in bfloat16; below 1 is faster.

    Times a convolution and its gradients, once in a process: a tenth of a second, or a second where
    bfloat16 is slow.
    """
    return _seconds(torch.bfloat16) / _seconds(torch.float32)


def _seconds(dtype: torch.dtype) -> float:
    """Return the least CPU time of some tries."""
    x = torch.ones(8, 64, 32, 32, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.ones(64, 64, 3, 3, dtype=dtype).contiguous(memory_format=torch.channels_last)
    tries = []
    for _ in range(4):
        started = time.process_time()
        torch.conv2d(x.requires_grad_(), weight.requires_grad_(), padding=1).sum().backward()
        tries.append(time.process_time() - started)
    return min(tries)
