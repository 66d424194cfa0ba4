"""The one place that knows the networks by the names that configurations give them."""

from collections.abc import Callable
from typing import NamedTuple

from captiongan.networks import course, dcgan, fusion, gan, projected, reed
from captiongan.networks.layers import PairDiscriminator, PictureGenerator


class Networks(NamedTuple):
    """A pair of networks that play against each other, before they have a size."""

    generator: Callable[..., PictureGenerator]
    """Of (resolution, features, noise_dim, embedding_dim, projected_dim); fusion's may be told the
    side of a self-attention, too."""
    discriminator: Callable[[int, int, int, int], PairDiscriminator]
    """Of (resolution, features, embedding_dim, projected_dim)."""


NETWORKS = {
    "gan": Networks(gan.Generator, gan.Discriminator),
    "dcgan": Networks(dcgan.Generator, dcgan.Discriminator),
    "reed": Networks(reed.Generator, reed.Discriminator),
    "course": Networks(course.Generator, course.Discriminator),
    "fusion": Networks(fusion.Generator, fusion.Discriminator),
    "projected": Networks(fusion.Generator, projected.Discriminator),
}
"""The networks by their names in `network`."""
