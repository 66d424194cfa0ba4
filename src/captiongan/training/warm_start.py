"""A run that starts from a bundle: the bundle's generator learns from other pictures.

What a generator knows about pictures and words carries over, so a run on a thousand pictures takes
minutes where training from scratch takes hours (Wang et al. 2018, "Transferring GANs"). The
discriminator matters as much. In the network `projected` most of it is frozen anyway, as FreezeD
recommends (Mo et al. 2020). The rest comes from the bundle, or starts with random weights. In both
cases it first learns alone, while the generator stays fixed, until it tells real pictures from
generated ones: the warm-up.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from captiongan.base.files import sha256_of
from captiongan.bundle.bundle import MANIFEST, Bundle, find_bundle, read_bundle
from captiongan.compute import distributed
from captiongan.errors import BundleError, ConfigError
from captiongan.evaluation.candidate import took_part
from captiongan.networks.registry import NETWORKS
from captiongan.runs.config import RunConfig, StartConfig
from captiongan.runs.load_config import load_config, merged
from captiongan.text.registry import name_of
from captiongan.training.bundle_weights import check_unfolded, read_critic, read_generator
from captiongan.training.data_source import to_learn_from, with_absolute_paths
from captiongan.training.divergence import check_finite
from captiongan.training.interrupt import StopRequest
from captiongan.training.loop import Trainer
from captiongan.training.state import set_learning_rate
from captiongan.training.step import update_discriminator

INHERITED = ("name", "network", "data", "text", "generator", "discriminator", "losses", "optimiser")
"""Sections of the configuration that a run takes over from its bundle."""

SMALL_SET = 5_000
"""Sets of fewer pictures are trained by `SMALL_RECIPE`."""

SMALL_RECIPE: Mapping[str, Any] = {
    "training": {
        "kimg": 40,
        "batch_size": 16,
        "ema_halflife_kimg": 2,
        "log_every_kimg": 0.5,
        "grid_every_kimg": 2,
        "checkpoint_every_kimg": 2,
    },
    "scores": {"every_kimg": 4, "extractor": "lite2", "patience": 4},
}
"""Options for a small set; `docs/your-own-data.md` has the measurements."""

RECIPE: Mapping[str, Any] = {"scores": {"every_kimg": 20, "extractor": "lite2"}}
"""Options for a set of any size."""

NOT_INHERITED: Mapping[str, Any] = {
    "data": {"typical_share": 1.0},
    "losses": {"blur_kimg": 0.0, "text_fade_kimg": 0.0, "species": 0.0},
    "discriminator": {"look": ()},
}
"""What is not taken over: what belongs to the bundle's own pictures, what helps the beginning of a
training from scratch, and a closer look, which takes twice the time."""

ATTENTION, SPECIES, BESIDE = "attentions.", "species.", "beside."
"""What names of weights begin with that may be fresh while the others are the bundle's: of a layer
that it lacks, of one for the classes of its own pictures, and of a second discriminator."""

WINDOW = 32
"""Steps of the warm-up over which the discriminator's accuracy is averaged."""

TOLD_APART = 0.65
"""Share of real and generated pairs that the discriminator judges correctly once it is warm.

In a healthy training of both players this share is 0.60 to 0.65.
"""

LEAST_GAIN = 0.01
"""By how much this share has to grow from one window to the next for the warm-up to go on.

A generator that has long trained on the same pictures is hard to tell from them: from the bundle
`birds` the share stood at 0.57 after 500 steps on its own training set.
"""

LONGEST_WARM_UP = 500
"""Steps after which the warm-up ends, whatever the discriminator has learned."""

Say = Callable[[str], None]


def starting_config(
    bundle: str,
    config: str | Path | None,
    overrides: Sequence[str],
    source: str | None,
    say: Say,
) -> RunConfig:
    """Return the configuration of a run that starts from a bundle.

    The bundle's configuration is the base. The recipe for the size of the set overrides it, the
    preset or file `config` overrides both, and `overrides` come last.

    Args:
        bundle: a shipped bundle's name, or a folder.
        config: the name of a preset, a YAML file, or None.
        overrides: `section.name=value`, applied in order.
        source: the data set.
        say: is told which recipe is used.

    Raises:
        BundleError: the bundle is missing or damaged, or does not say how it was trained.
        ConfigError: a field breaks its rule, or no data set is named.
        DataError: the data cannot be used.
        OutputError: the caches cannot be written.
    """
    opened = read_bundle(find_bundle(bundle))
    check_unfolded(opened)
    start = _start_from(opened)

    def with_recipe(recipe: Mapping[str, Any]) -> RunConfig:
        base = merged(_inherited(opened), recipe)
        chosen = with_absolute_paths(load_config(config, overrides, source, base=base))
        training = chosen.training.model_copy(update={"start": start})
        return chosen.model_copy(update={"training": training})

    chosen = with_recipe(RECIPE)
    pictures = len(to_learn_from(chosen).open().examples)
    if pictures >= SMALL_SET:
        return chosen
    chosen = with_recipe(SMALL_RECIPE)
    say(
        f"{pictures:,} pictures: using the recipe for small sets ({_in_words(chosen)}); "
        "--set changes single options"
    )
    return chosen


def take_over(trainer: Trainer) -> None:
    """Give a new run the weights of the bundle that it starts from.

    The generator and its average take the bundle's weights; so does the discriminator, if the
    bundle has one for this network. A self-attention that the bundle's generator lacks stays fresh
    and draws nothing yet; what tells classes is always fresh. The directions in which z moves a
    text also come from the bundle, scaled to `text.wording`. If it has none, the run uses those of
    the new captions.

    Raises:
        BundleError: the bundle is missing, damaged, or not the one that the run began with.
        ConfigError: it has another text encoder, other sizes or another network.
    """
    config, state = trainer.config, trainer.state
    bundle = _open(_start_of(config))
    theirs = _trained_config(bundle)
    _check_fits(trainer, bundle, theirs)
    weights = read_generator(bundle)
    if theirs.text.wording:
        weights["wording"] *= config.text.wording / theirs.text.wording
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
    """Return the weights of a network whose names begin so."""
    weights = network.state_dict()
    return {name: values for name, values in weights.items() if name.startswith(prefix)}


def _load(network: nn.Module, weights: Mapping[str, Tensor], what: str, remedy: str) -> None:
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"{what} does not fit this run's networks ({reason}); {remedy}"
        ) from error


def warm_up(trainer: Trainer, say: Say) -> bool:
    """Train the discriminator alone until it tells real pairs from generated ones.

    It gives up once it learns no more from window to window, or after `LONGEST_WARM_UP` steps, and
    says so.

    Returns:
        Whether it came to its end; False if a signal asked to stop (`StopRequest`).

    Raises:
        DivergenceError: a loss or gradient was not finite.
    """
    recent: deque[float] = deque(maxlen=WINDOW)
    before = 0.0
    set_learning_rate(trainer.state)
    with StopRequest() as stop:
        for step in range(LONGEST_WARM_UP):
            recent.append(_accuracy(trainer, step))
            accuracy = sum(recent) / len(recent)
            warm = len(recent) == WINDOW and accuracy >= TOLD_APART
            if warm or distributed.any_rank(stop.requested):
                break
            if (step + 1) % WINDOW == 0:
                if accuracy < before + LEAST_GAIN:
                    break
                before = accuracy
    if distributed.any_rank(stop.requested):
        return False
    shown = (step + 1) * trainer.config.training.batch_size
    judges = "judges" if accuracy >= TOLD_APART else "still judges only"
    say(
        f"warmed up the discriminator on {shown:,} pictures while the generator stayed fixed: "
        f"it {judges} {accuracy:.0%} of real and generated pairs correctly"
    )
    return True


def _accuracy(trainer: Trainer, step: int) -> float:
    """Update the discriminator on the batch of a step; return the share it judged correctly."""
    state, config = trainer.state, trainer.config
    batch = trainer.begin_step(step)
    with torch.no_grad():
        generated = state.generator(batch.noise, batch.matching)
    metrics = update_discriminator(state, batch, generated, config.losses)
    check_finite(state, metrics)
    accuracy = (metrics["accuracy_real"] + metrics["accuracy_generated"]) / 2
    distributed.average_([accuracy])
    return float(accuracy)


def _inherited(bundle: Bundle) -> dict[str, Any]:
    """Return the part of the configuration that a run takes over from a bundle."""
    trained = _trained_config(bundle).model_dump()
    tree = {name: trained[name] for name in INHERITED}
    encoder = name_of(bundle.manifest.text_encoder.sha256)
    del tree["data"]["source"]
    tree["text"]["encoder"] = encoder or str(bundle.folder.resolve())
    schedule = {name: trained["training"][name] for name in ("batch_size", "ema_halflife_kimg")}
    return merged(tree, NOT_INHERITED) | {"training": schedule}


def _start_from(bundle: Bundle) -> StartConfig:
    return StartConfig(
        bundle=bundle.folder.name if bundle.is_shipped else str(bundle.folder.resolve()),
        name=bundle.manifest.name,
        version=bundle.manifest.version,
        sha256=sha256_of(bundle.folder / MANIFEST),
        extractors=took_part(bundle.manifest.training.get("extractors", []), bundle.folder),
    )


def _trained_config(bundle: Bundle) -> RunConfig:
    """Return the configuration that a bundle was trained with.

    Raises:
        BundleError: its manifest has no usable one.
    """
    config = bundle.manifest.training.get("config")
    if isinstance(config, dict):  # its options of scoring may break a rule that came later
        config = config | {"scores": {"every_kimg": 0}}
    try:
        return RunConfig.model_validate(config)
    except ValueError as error:
        raise BundleError(
            f"bundle '{bundle.manifest.name}' does not say how it was trained ('training > config' "
            f"in {MANIFEST} is not a run's configuration); start from one that "
            "`captiongan export` wrote"
        ) from error


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
    """Make sure that a bundle's weights fit a run's generator.

    Raises:
        ConfigError: they do not; the message names what differs.
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
    if there.sha256 != here.sha256:
        raise ConfigError(
            f"{refusal} its text encoder is {there}, text.encoder={config.text.encoder} is {here}; "
            "leave text.encoder out, or train from scratch without --from"
        )


def _in_words(config: RunConfig) -> str:
    """List the options of the recipe for small sets that nothing overrides."""
    return ", ".join(
        f"{section}.{name}={value}"
        for section, values in SMALL_RECIPE.items()
        for name, value in values.items()
        if getattr(getattr(config, section), name) == value
    )
