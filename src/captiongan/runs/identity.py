"""Which run is which: by what a resumed run cannot change."""

import hashlib
import json
from operator import attrgetter

from captiongan.runs.config import RunConfig

FIXED = (
    "network",
    *(f"data.{name}" for name in ("resolution", "margin", "flip", "facing", "squash")),
    *("data.mismatching", "data.typical_share", "losses.species"),
    *(f"text.{name}" for name in ("captions", "averaged", "conditioning_augmentation")),
    *(f"generator.{name}" for name in ("features", "noise_dim", "projected_dim")),
    *(f"generator.{name}" for name in ("attention", "shuffle")),
    *(f"discriminator.{name}" for name in ("features", "projected_dim", "beside")),
    *(f"training.{name}" for name in ("batch_size", "seed", "start")),
    *(f"scores.{name}" for name in ("every_kimg", "extractor")),
)
"""What a resumed run cannot change."""


def identity_of(config: RunConfig, digest: str) -> str:
    """Return a name for the runs that begin with these options on data of this digest.

    A run keeps the one that it began with, as later versions may have more options.
    """
    options = {option: attrgetter(option)(config) for option in FIXED}
    content = json.dumps([options, digest], sort_keys=True, default=str)
    return hashlib.sha256(content.encode(errors="replace")).hexdigest()
