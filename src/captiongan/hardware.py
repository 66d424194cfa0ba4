"""What the machine at hand computes well."""

import torch


def computes_bf16() -> bool:
    """Whether the GPU, or the processor of a machine without one, computes bfloat16 itself.

    Elsewhere it is emulated: on a processor with AVX2 alone, sixteen times slower than float32.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
