"""How good a run is, as a length of training: about as good as N thousand pictures from scratch.

KID depends on the data set, and so does the KID of plain sheets of one colour. Their ratio depends
on it less. The length is rough and too flattering: a run is scored on pictures that it was trained
on, whereas the runs in the table were scored on other pictures, and by another extractor.
"""

import numpy as np

FROM_SCRATCH = ((22, 0.43), (45, 0.25), (489, 0.058), (1000, 0.047))
"""Thousand pictures shown to the preset `projected`, and its KID divided by that of flat sheets.

Measured by `captiongan evaluate`: the first on photographs and emoji, the second on photographs
(0.31 at 42) and flowers (0.20 at 48), the others on flowers.
"""


def like_kimg(share: float) -> float | None:
    """Return after how many thousand pictures a run from scratch is about as good.

    Args:
        share: the run's KID divided by that of flat sheets; below 0 counts as 0.

    Returns:
        The length, interpolated in `FROM_SCRATCH` on logarithmic scales: the longest one for a run
        that is better than all of them, None for a run that is worse.
    """
    kimg, shares = np.log(np.array(FROM_SCRATCH)).T
    known = np.log(max(share, 1e-9))
    return None if known > shares[0] else float(np.exp(np.interp(-known, -shares, kimg)))
