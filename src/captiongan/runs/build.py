"""A run's networks, built as its configuration says."""

from captiongan.networks.layers import PairDiscriminator, PictureGenerator
from captiongan.networks.registry import NETWORKS
from captiongan.runs.config import RunConfig


def build_generator(config: RunConfig, embedding_dim: int) -> PictureGenerator:
    """Return the run's generator with random weights."""
    return NETWORKS[config.network].build_generator(
        resolution=config.data.resolution, embedding_dim=embedding_dim, **dict(config.generator)
    )


def build_discriminator(
    config: RunConfig, embedding_dim: int, species: int = 0
) -> PairDiscriminator:
    """Return the run's discriminator with random weights; it predicts `species` classes, if any."""
    discriminator = NETWORKS[config.network].build_discriminator(
        resolution=config.data.resolution,
        embedding_dim=embedding_dim,
        **config.discriminator.model_dump(exclude={"look", "bf16"}),
    )
    if species:
        discriminator.add_classifier(species)
    return discriminator
