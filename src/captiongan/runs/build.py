"""A run's networks, built as its configuration says."""

from captiongan.networks import beside
from captiongan.networks.layers import PairDiscriminator, PictureGenerator
from captiongan.networks.registry import NETWORKS
from captiongan.runs.config import RunConfig


def build_generator(config: RunConfig, embedding_dim: int) -> PictureGenerator:
    """Return the run's generator with fresh weights."""
    attention = config.generator.attention
    return NETWORKS[config.network].generator(
        config.data.resolution,
        config.generator.features,
        config.generator.noise_dim,
        embedding_dim,
        config.generator.projected_dim,
        **({"attention": attention} if attention else {}),
    )


def build_discriminator(
    config: RunConfig, embedding_dim: int, species: int = 0
) -> PairDiscriminator:
    """Return the run's discriminator with fresh weights; it tells so many classes apart."""
    alone = NETWORKS[config.network].discriminator
    discriminator = (beside.Discriminator if config.discriminator.beside else alone)(
        config.data.resolution,
        config.discriminator.features,
        embedding_dim,
        config.discriminator.projected_dim,
    )
    if species:
        discriminator.tell_species(species)
    return discriminator
