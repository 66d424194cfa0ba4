"""Rules between the options of a run: which contradict each other, and what to change.

Rules about networks follow from their rows in `captiongan.networks.registry`.
"""

import json
from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING

from captiongan.networks.registry import NETWORKS, OPTIONS_OF_SOME

if TYPE_CHECKING:
    from captiongan.runs.config import RunConfig

NO_TEXT = "none"
"""The `text.encoder` of a run that draws without text."""

TYPICAL_EXTRACTOR = "lite0"
"""The extractor that chooses the pictures of `data.typical_share`."""

WITHOUT_MISMATCHING = ("gan", "relativistic")
"""The losses without mismatching pairs."""

WITHOUT_TEXT: dict[str, tuple[object, ...]] = {
    "losses.discriminator": WITHOUT_MISMATCHING,
    "losses.interpolation": (0,),
    "losses.contrastive": (0,),
    "losses.text_fade_kimg": (0,),
    "losses.binding": (0,),
    "text.noise": (0,),
    "text.conditioning_augmentation": (0,),
    "data.mismatching": ("class",),
}
"""Options that need text, except for these values."""


def contradictions(config: "RunConfig") -> Iterator[str]:
    """Yield a message for each contradiction between options, with their values and the fix."""
    yield from _of_the_text(config)
    yield from _of_the_captions(config)
    yield from _of_other_networks(config)
    yield from _of_the_sizes(config)
    yield from _of_the_losses(config)
    yield from _of_the_scores(config)


def extractors_in_training(config: "RunConfig") -> dict[str, str]:
    """Return the extractors that take part in the training itself, and what each does."""
    parts = {}
    if config.data.typical_share < 1:
        share = f"data.typical_share = {config.data.typical_share:g}"
        parts[TYPICAL_EXTRACTOR] = f"{share}: it chooses the pictures"
    if extractor := NETWORKS[config.network].extractor:
        parts[extractor] = f"network = '{config.network}': the discriminator uses its features"
    return parts


def _of_the_text(config: "RunConfig") -> Iterator[str]:
    network = NETWORKS[config.network]
    if config.has_text:
        if not network.takes_text:
            yield (
                f"network = '{config.network}' with text.encoder = '{config.text.encoder}': these "
                f"networks take no text; set text.encoder={NO_TEXT}, or choose another network"
            )
        return
    without_text = WITHOUT_TEXT | ({"network": ("dcgan",)} if network.needs_text else {})
    for option, usable in without_text.items():
        value = attrgetter(option)(config)
        if value not in usable:
            yield (
                f"{option} = {value!r} needs text, and text.encoder = '{NO_TEXT}' has none; "
                f"set {option}={usable[0]}, or choose an encoder"
            )


def _of_the_captions(config: "RunConfig") -> Iterator[str]:
    text = config.text
    if text.captions == "all":
        return
    if text.averaged > 1:
        yield (
            f"text.averaged = {text.averaged} with text.captions = 'first': there are no other "
            "captions to average; set text.averaged=1 or text.captions=all"
        )
    if text.conditioning_augmentation:
        yield (
            f"text.conditioning_augmentation = {text.conditioning_augmentation:g} with "
            "text.captions = 'first': there are no other captions to differ from; set "
            "text.conditioning_augmentation=0 or text.captions=all"
        )


def _of_other_networks(config: "RunConfig") -> Iterator[str]:
    """Refuse options that only other networks have."""
    for option in sorted(OPTIONS_OF_SOME):
        section, name = option.split(".")
        options = getattr(config, section)
        value, default = getattr(options, name), type(options).model_fields[name].default
        if value != default and not NETWORKS[config.network].has(option):
            others = " or ".join(other for other, row in NETWORKS.items() if row.has(option))
            yield (
                f"{option} = {_shown(value)} with network = '{config.network}', which has no such "
                f"option; set {option}={_shown(default)}, or choose {others}"
            )


def _of_the_sizes(config: "RunConfig") -> Iterator[str]:
    network, resolution = NETWORKS[config.network], config.data.resolution
    if resolution not in network.resolutions:
        sides = " or ".join(map(str, network.resolutions))
        yield (
            f"data.resolution = {resolution}: must be {sides} with network = '{config.network}'; "
            f"set data.resolution={network.resolutions[-1]}, or choose another network"
        )
    multiple = network.features_multiple
    for option in ("generator.features", "discriminator.features"):
        features = attrgetter(option)(config)
        if features % multiple:
            yield (
                f"{option} = {features}: must be a multiple of {multiple} with network = "
                f"'{config.network}'; set {option}={features + multiple - features % multiple}"
            )
    largest = resolution // 2 if config.generator.shuffle else resolution
    if config.generator.attention > largest:
        which = "half of data.resolution" if config.generator.shuffle else "data.resolution"
        yield (
            f"generator.attention = {config.generator.attention}: must be at most {which} "
            f"= {largest}; set generator.attention={resolution // 2}"
        )
    look = config.discriminator.look
    if look and min(look) < resolution:
        yield (
            f"discriminator.look = {_shown(look)} with data.resolution = {resolution}: pictures "
            f"must not be shrunk; choose sides of at least {resolution}"
        )


def _of_the_losses(config: "RunConfig") -> Iterator[str]:
    losses = config.losses
    if losses.augment_probability < 1 and not losses.augment:
        yield (
            f"losses.augment_probability = {losses.augment_probability:g} with losses.augment = []:"
            " there are no changes to apply; set losses.augment=[translation], or "
            "losses.augment_probability=1"
        )
    loss = losses.discriminator
    if losses.binding and loss in WITHOUT_MISMATCHING:
        yield (
            f"losses.binding = {losses.binding:g} with losses.discriminator = '{loss}': this loss "
            f"has no mismatching pairs; set losses.binding=0, or losses.discriminator={loss}-cls"
        )
    if losses.binding and config.text.averaged > 1:
        yield (
            f"losses.binding = {losses.binding:g} with text.averaged = {config.text.averaged}: a "
            "mean of captions has no colours to exchange; set losses.binding=0 or text.averaged=1"
        )
    if losses.text_fade_kimg and loss in WITHOUT_MISMATCHING and not losses.contrastive:
        yield (
            f"losses.text_fade_kimg = {losses.text_fade_kimg:g} with losses.discriminator = "
            f"'{loss}' and losses.contrastive = 0: no term depends on the text alone; set "
            f"losses.text_fade_kimg=0, or losses.discriminator={loss}-cls"
        )


def _of_the_scores(config: "RunConfig") -> Iterator[str]:
    scores = config.scores
    part = extractors_in_training(config).get(scores.extractor)
    if scores.every_kimg and part:
        yield (
            f"scores.extractor = '{scores.extractor}' with {part}, so scores would be too good; "
            "set scores.extractor=lite2, or scores.every_kimg=0 for no scores"
        )


def _shown(value: object) -> str:
    """Return a value as YAML in one line."""
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)
