"""Estimates the noise of a given picture with the style encoder of a bundle."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from captiongan.base.image_reading import as_rgb, middle_square
from captiongan.bundle.bundle import Bundle
from captiongan.draw.noise import Noise
from captiongan.draw.sessions import STYLE_ENCODER, open_network


class StyleEncoder:
    """The style encoder S of a bundle; raises BundleError if the bundle has none that fits.

    It estimates the noise with which the generator would have drawn a picture: what no sentence
    says, such as place, pose and background (Reed et al. 2016, section 5.3).
    """

    def __init__(self, bundle: Bundle) -> None:
        self._session = open_network(bundle, STYLE_ENCODER)
        self._side = bundle.manifest.resolution

    def noise_of(self, picture: str | Path | Image.Image) -> Noise:
        """Return the noise of the middle square of a file or an image: (1, noise_dim) float32.

        If S is uncertain, its noise is short and would draw typical pictures. So the noise is
        scaled to its usual length, sqrt(noise_dim). Raises UnusablePictureError if the picture
        cannot be read.
        """
        small = np.asarray(middle_square(as_rgb(picture), self._side))
        (read,) = self._session.run(None, {"pictures": small[None]})
        noise: Noise = read * np.float32(math.sqrt(read.size) / (np.linalg.norm(read) or 1.0))
        return noise
