"""A run that starts from a bundle: the bundle's generator learns from other pictures.

What a generator knows about pictures and words carries over, so a run on a thousand pictures takes
minutes where training from scratch takes hours (Wang et al. 2018, "Transferring GANs"). The
discriminator matters as much. In the network `projected` most of it is frozen anyway, as FreezeD
recommends (Mo et al. 2020). The rest comes from the bundle, or starts with random weights. In both
cases it first learns alone, while the generator stays fixed, until it separates real from generated
pictures: the warm-up.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from captiongan.base.files import sha256_of
from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle
from captiongan.bundle.manifest import MANIFEST
from captiongan.errors import BundleError, ConfigError
from captiongan.networks.registry import NETWORKS
from captiongan.runs.config import RunConfig
from captiongan.runs.options import StartConfig
from captiongan.training.bundle_weights import read_critic, read_generator
from captiongan.training.starting_config import trained_config
from captiongan.training.trainer import Trainer

ATTENTION, SPECIES, BESIDE = "attentions.", "species.", "beside."
"""Prefixes of weights that may stay random while the others are the bundle's: a self-attention that
the bundle lacks, the layer that predicts classes, and a second discriminator."""


def load_bundle_weights(trainer: Trainer) -> None:
    """Load into a new run the weights of the bundle that it starts from.

    The generator and its EMA get the bundle's weights; so does the discriminator, if the bundle has
    one for this network. A self-attention that the bundle's generator lacks stays as initialised
    and has no effect at first; the layer that predicts classes always stays as initialised. The
    directions of conditioning augmentation also come from the bundle, scaled to
    `text.conditioning_augmentation`. If it has none, the run uses those of the new captions.

    Raises:
        BundleError: the bundle is missing, damaged, or not the one that the run began with.
        ConfigError: it has another text encoder, other sizes or another network.
    """
    config, state = trainer.config, trainer.state
    bundle = _open(_start_of(config))
    theirs = trained_config(bundle)
    _check_fits(trainer, bundle, theirs)
    weights = read_generator(bundle)
    if strength := theirs.text.conditioning_augmentation:
        weights["wording"] *= config.text.conditioning_augmentation / strength
    else:
        weights["wording"] = state.ema.get_buffer("wording")
    if not theirs.generator.attention:
        weights = _part(state.ema, ATTENTION) | weights
    for generator in (state.generator, state.ema):
        _load(generator, weights, f"bundle '{bundle.manifest.name}': its generator", "export again")
    critic = read_critic(bundle)
    if critic is not None and theirs.network == config.network:
        critic = {name: values for name, values in critic.items() if not name.startswith(SPECIES)}
        critic |= _part(state.discriminator, SPECIES)
        if not theirs.discriminator.beside:
            critic |= _part(state.discriminator, BESIDE)
        what = f"--from '{bundle.manifest.name}': its discriminator"
        _load(state.discriminator, critic, what, "leave out the options discriminator.*")


def _part(network: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Return the weights of a network whose names start with `prefix`."""
    weights = network.state_dict()
    return {name: values for name, values in weights.items() if name.startswith(prefix)}


def _load(network: nn.Module, weights: Mapping[str, Tensor], what: str, fix: str) -> None:
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{what} does not fit this run's networks ({reason}); {fix}") from error


def _start_of(config: RunConfig) -> StartConfig:
    assert config.training.start is not None
    return config.training.start


def _open(start: StartConfig) -> Bundle:
    try:
        folder = find_bundle(start.bundle)
    except BundleError as error:
        raise BundleError(
            f"the run has no checkpoint and begins with bundle '{start.bundle}', which is not "
            "there; bring it back, or start a new run"
        ) from error
    bundle = read_bundle(folder)
    if sha256_of(bundle.folder / MANIFEST) != start.sha256:
        raise BundleError(
            f"bundle '{start.bundle}' is not the one that this run starts from ({start.name} "
            f"{start.version}, {start.sha256[:12]}); bring that back, or start a new run"
        )
    return bundle


def _check_fits(trainer: Trainer, bundle: Bundle, theirs: RunConfig) -> None:
    """Check that a bundle's weights fit a run's generator.

    Raises:
        ConfigError: they do not fit; the message names what differs.
    """
    config = trainer.config
    refusal = f"--from '{bundle.manifest.name}':"
    if NETWORKS[config.network].generator != NETWORKS[theirs.network].generator:
        raise ConfigError(
            f"{refusal} network is '{theirs.network}' there and '{config.network}' here, and "
            f"their generators differ; set network={theirs.network}"
        )
    sizes = {"data.resolution": (theirs.data.resolution, config.data.resolution)} | {
        f"generator.{name}": (value, getattr(config.generator, name))
        for name, value in theirs.generator.model_dump().items()
        if value or name != "attention"  # to a bundle without it, a fresh layer is added
    }
    for option, (there, here) in sizes.items():
        if there != here:
            raise ConfigError(
                f"{refusal} {option} is {there} there and {here} here; "
                f"set {option}={there}, or train from scratch without --from"
            )
    there, here = bundle.manifest.text_encoder, trainer.encoder.identity
    if not there.embeds_as(here):
        raise ConfigError(
            f"{refusal} its text encoder is {there}, text.encoder={config.text.encoder} is {here}; "
            "leave text.encoder out, or train from scratch without --from"
        )
