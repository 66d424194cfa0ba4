"""The configuration of a run that starts from a bundle."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from captiongan.base.files import sha256_of
from captiongan.base.schemas import named_conditioning_augmentation
from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle
from captiongan.bundle.manifest import MANIFEST
from captiongan.data.readiness import SMALL_SET
from captiongan.errors import BundleError
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import load_config, merged
from captiongan.runs.options import StartConfig
from captiongan.text.registry import name_of
from captiongan.training.bundle_weights import check_unfolded
from captiongan.training.data_source import training_source, with_absolute_paths

INHERITED = ("name", "network", "data", "text", "generator", "discriminator", "losses", "optimiser")
"""Sections of the configuration that a run inherits from its bundle."""

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
"""Options for a set of fewer than `SMALL_SET` pictures; measured in `docs/your-own-data.md`."""

RECIPE: Mapping[str, Any] = {"scores": {"every_kimg": 20, "extractor": "lite2"}}
"""Options for a data set of any size."""

NOT_INHERITED: Mapping[str, Any] = {
    "data": {"typical_share": 1.0},
    "losses": {"blur_kimg": 0.0, "text_fade_kimg": 0.0, "species": 0.0, "binding": 0.0},
    "discriminator": {"look": ()},
}
"""What a run does not inherit: options that belong to the bundle's own pictures, options for the
start of a training from scratch, and larger sides for the discriminator, which double the time."""

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
        say: called with a line about the recipe that is used.

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
    pictures = len(training_source(chosen).open().examples)
    if pictures >= SMALL_SET:
        return chosen
    chosen = with_recipe(SMALL_RECIPE)
    say(
        f"{pictures:,} pictures: using the recipe for small sets ({_in_words(chosen)}); "
        "--set changes single options"
    )
    return chosen


def trained_config(bundle: Bundle) -> RunConfig:
    """Return the configuration that a bundle was trained with.

    Raises:
        BundleError: its manifest has no usable one.
    """
    config = bundle.manifest.training.config
    if config:  # its scoring options may break a rule that came later
        config = named_conditioning_augmentation({**config, "scores": {"every_kimg": 0}})
    try:
        return RunConfig.model_validate(config)
    except ValueError as error:
        raise BundleError(
            f"bundle '{bundle.manifest.name}' does not say how it was trained ('training > config' "
            f"in {MANIFEST} is not a run's configuration); start from one that "
            "`captiongan export` wrote"
        ) from error


def _inherited(bundle: Bundle) -> dict[str, Any]:
    """Return the part of the configuration that a run inherits from a bundle."""
    trained = trained_config(bundle).model_dump()
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
        extractors=bundle.manifest.training.extractors,
    )


def _in_words(config: RunConfig) -> str:
    """List the options of the recipe for small sets that nothing overrides."""
    return ", ".join(
        f"{section}.{name}={value}"
        for section, values in SMALL_RECIPE.items()
        for name, value in values.items()
        if getattr(getattr(config, section), name) == value
    )
