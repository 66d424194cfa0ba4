"""Memory that a long computation frees and soon wants again.

By default glibc's malloc returns every block above 32 MB to the kernel as soon as it is freed.
A training step frees and allocates such blocks layer by layer, so the kernel clears the same pages
again and again. A step of `configs/projected.yaml` (batches of 64, two threads) took 1.41 s like
that, and 1.05 s where malloc kept what was freed.
"""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of `mallopt`, as in glibc's `malloc.h`."""

NEVER = -1


def keep_freed_memory() -> None:
    """Let this process keep freed memory for its next allocation, until it ends.

    The process stays as large as its largest moment. Without glibc (macOS, Windows, musl) nothing
    changes.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)
