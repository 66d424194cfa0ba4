"""Says how good a run is as a length of training: as good as N thousand pictures from scratch.

KID differs from one set of pictures to the next, and so does that of sheets of one colour, which
know nothing of pictures; their ratio differs less. The length is a rough one, and flatters: a run
is scored on pictures that it has seen, those of the table were not, and by another extractor.
"""

import numpy as np

FROM_SCRATCH = ((22, 0.43), (45, 0.25), (489, 0.058), (1000, 0.047))
"""Thousand pictures shown by `configs/projected.yaml`, and KID as a share of that of flat sheets.

Measured by `captiongan evaluate`: the first on photographs and emoji, the second on photographs
(0.31 at 42) and flowers (0.20 at 48), the others on flowers.
"""


def like_kimg(share: float) -> float | None:
    """Return after how many thousand pictures a run from scratch is about as good.

    Args:
        share: the run's KID as a share of that of flat sheets; below 0 counts as 0.

    Returns:
        A number within the range of `FROM_SCRATCH`, interpolated between logarithms; its end for a
        run that is better than all of them, None for one that is worse.
    """
    kimg, shares = np.log(np.array(FROM_SCRATCH)).T
    known = np.log(max(share, 1e-9))
    return None if known > shares[0] else float(np.exp(np.interp(-known, -shares, kimg)))
