"""The device of this machine, and whether it computes bfloat16."""

import torch


def default_device() -> torch.device:
    """Return the NVIDIA GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computes_bf16(device: torch.device) -> bool:
    """Return whether a device computes bfloat16 in hardware.

    Other devices emulate it; a CPU with AVX2 alone does so many times slower than float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
