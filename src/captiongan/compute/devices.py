"""What the machine at hand has, and computes well."""

import torch


def default_device() -> torch.device:
    """The NVIDIA GPU if there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computes_bf16(device: torch.device) -> bool:
    """Whether a device computes bfloat16 itself.

    Elsewhere it is emulated: on a processor with AVX2 alone, many times slower than float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
