"""The networks by their names in a configuration: a row of facts for each pair.

Configurations are checked against these rows without PyTorch. Only building a network imports its
module.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captiongan.networks.layers import PairDiscriminator, PictureGenerator


@dataclass(frozen=True, kw_only=True)
class Network:
    """A pair of networks: a generator and a discriminator, before they have a size."""

    generator: str
    """The module of this folder with the class `Generator`."""
    discriminator: str
    """The module of this folder with the class `Discriminator`."""
    takes_text: bool = True
    """Whether it can draw from text."""
    needs_text: bool = False
    """Whether it cannot draw without text."""
    has_batch_norm: bool = False
    """Whether its generator has BatchNorm; export folds that into other weights."""
    extractor: str | None = None
    """The extractor inside its discriminator; scores by the same one would be too flattering."""
    options: tuple[str, ...] = ()
    """Its options, `section.name`, that not every network has."""
    resolutions: tuple[int, ...] = (16, 32, 64, 128, 256)
    """The sides, in pixels, of the pictures that it can draw."""
    features_multiple: int = 1
    """`generator.features` and `discriminator.features` must be multiples of it."""

    def has(self, option: str) -> bool:
        """Return whether this network has an option, `section.name`."""
        return option in self.options or option not in OPTIONS_OF_SOME

    def build_generator(self, **sizes: Any) -> "PictureGenerator":
        """Return its generator with random weights.

        Args:
            sizes: `resolution`, `embedding_dim`, and the options of the section `generator` by
                their names. Options that this network does not have are ignored.
        """
        generator: PictureGenerator = _class(self.generator, "Generator")(
            **self._own("generator", sizes)
        )
        return generator

    def build_discriminator(self, *, beside: bool = False, **sizes: Any) -> "PairDiscriminator":
        """Return its discriminator with random weights.

        Args:
            beside: whether it includes the discriminator of `fusion` (`two_discriminators.py`).
            sizes: as for `build_generator`, with the options of the section `discriminator`.
        """
        module = "two_discriminators" if beside else self.discriminator
        discriminator: PairDiscriminator = _class(module, "Discriminator")(
            **self._own("discriminator", sizes)
        )
        return discriminator

    def _own(self, section: str, sizes: dict[str, Any]) -> dict[str, Any]:
        return {name: size for name, size in sizes.items() if self.has(f"{section}.{name}")}


def _class(module: str, name: str) -> Any:
    return getattr(import_module(f"captiongan.networks.{module}"), name)


FUSION = (
    "generator.attention",
    "generator.shuffle",
    "text.conditioning_augmentation",
    "losses.species",
)
"""The options of all networks with the generator of `fusion`."""

NETWORKS = {
    "gan": Network(generator="gan", discriminator="gan", takes_text=False),
    "dcgan": Network(generator="dcgan", discriminator="dcgan", has_batch_norm=True),
    "reed": Network(generator="reed", discriminator="reed", needs_text=True, has_batch_norm=True),
    "course": Network(
        generator="course",
        discriminator="course",
        needs_text=True,
        has_batch_norm=True,
        resolutions=(64,),
        features_multiple=4,
    ),
    "fusion": Network(generator="fusion", discriminator="fusion", options=FUSION),
    "projected": Network(
        generator="fusion",
        discriminator="projected",
        extractor="lite0",
        options=(*FUSION, "discriminator.look", "discriminator.beside"),
    ),
}
"""The networks by their names in the option `network`."""

OPTIONS_OF_SOME = frozenset(option for network in NETWORKS.values() for option in network.options)
"""The options that not every network has."""

UNFOLDED_NETWORKS = tuple(
    name for name, network in NETWORKS.items() if network.takes_text and not network.has_batch_norm
)
"""The networks whose generator can be read back from a bundle, so that training can continue."""
