"""The pairs of networks by the names that configurations give them: the facts of each, in a row.

Configurations are checked against these facts, so none of them needs PyTorch. Only building a
network imports its module.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captiongan.networks.layers import PairDiscriminator, PictureGenerator


@dataclass(frozen=True, kw_only=True)
class Network:
    """A generator and a discriminator that play against each other, before they have a size."""

    generator: str
    """The module of this folder whose class `Generator` draws."""
    discriminator: str
    """The module of this folder whose class `Discriminator` judges."""
    takes_text: bool = True
    """Whether it can draw from text."""
    needs_text: bool = False
    """Whether it cannot draw without."""
    has_batch_norm: bool = False
    """Whether its generator normalises over the batch; export folds that into other weights."""
    looks_through: str | None = None
    """The extractor that is a part of its discriminator; scores by the same one would flatter."""
    options: tuple[str, ...] = ()
    """The options, `section.name`, that it has and not every network has."""
    resolutions: tuple[int, ...] = (16, 32, 64, 128, 256)
    """The sides, in pixels, of the pictures that it can draw."""
    features_multiple: int = 1
    """`generator.features` and `discriminator.features` must be multiples of it."""

    def has(self, option: str) -> bool:
        """Return whether an option, `section.name`, is one of every network or of this one."""
        return option in self.options or option not in OPTIONS_OF_SOME

    def build_generator(self, **sizes: Any) -> "PictureGenerator":
        """Return its generator with fresh weights.

        Args:
            sizes: `resolution`, `embedding_dim`, and the options of the section `generator` by
                their names. Those that this network does not have are left out.
        """
        generator: PictureGenerator = _class(self.generator, "Generator")(
            **self._own("generator", sizes)
        )
        return generator

    def build_discriminator(self, *, beside: bool = False, **sizes: Any) -> "PairDiscriminator":
        """Return its discriminator with fresh weights.

        Args:
            beside: whether the discriminator of `fusion` plays beside it (`networks/beside.py`).
            sizes: as of `build_generator`, with the options of the section `discriminator`.
        """
        module = "beside" if beside else self.discriminator
        discriminator: PairDiscriminator = _class(module, "Discriminator")(
            **self._own("discriminator", sizes)
        )
        return discriminator

    def _own(self, section: str, sizes: dict[str, Any]) -> dict[str, Any]:
        return {name: size for name, size in sizes.items() if self.has(f"{section}.{name}")}


def _class(module: str, name: str) -> Any:
    return getattr(import_module(f"captiongan.networks.{module}"), name)


FUSION = ("generator.attention", "text.wording", "losses.species")
"""The options of all networks whose generator is that of `fusion`."""

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
        looks_through="lite0",
        options=(*FUSION, "discriminator.look", "discriminator.beside"),
    ),
}
"""The networks by their names in the option `network`."""

OPTIONS_OF_SOME = frozenset(option for network in NETWORKS.values() for option in network.options)
"""The options that not every network has."""

UNFOLDED_NETWORKS = tuple(
    name for name, network in NETWORKS.items() if network.takes_text and not network.has_batch_norm
)
"""The networks whose generator a bundle holds weight by weight, so that training can go on."""
