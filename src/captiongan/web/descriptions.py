"""What is told about the open bundles and the limits."""

import re
from collections.abc import Mapping

from captiongan.bundle.model_card import sample_prompts
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import MAX_CHARACTERS, SEEDS
from captiongan.web.limits import Limits
from captiongan.web.schema import BundleFacts, TextEncoderFacts


def bundle_facts(pipeline: Pipeline) -> BundleFacts:
    """Return what is told of a bundle."""
    manifest = pipeline.manifest
    return BundleFacts(
        name=manifest.name,
        version=manifest.version,
        resolution=manifest.resolution,
        noise_dim=manifest.noise_dim,
        shipped=pipeline.bundle.is_shipped,
        ranks=pipeline.bundle.has_ranker,
        examples=sample_prompts(pipeline.bundle.card),
        text_encoder=TextEncoderFacts(
            name=manifest.text_encoder.name, sha256=manifest.text_encoder.sha256
        ),
        training=_training_facts(manifest.training),
    )


def limit_facts(limits: Limits) -> dict[str, int | float]:
    """Return the limits of a single request."""
    of_a_request = ("body_bytes", "prompts", "n", "steps", "pictures", "seconds")
    told = {name: getattr(limits, name) for name in of_a_request}
    return told | {"prompt_characters": MAX_CHARACTERS, "seed": SEEDS - 1}


def _training_facts(training: Mapping[str, object]) -> dict[str, str | int | float]:
    """Return how long, on how much, by which preset: no other text, as it could be a path."""
    data, config = training.get("data"), training.get("config")
    facts = {name: training.get(name) for name in ("kimg", "steps")}
    if isinstance(data, Mapping):
        facts |= {name: data.get(name) for name in ("pictures", "captions", "classes")}
    told: dict[str, str | int | float] = {
        name: value for name, value in facts.items() if isinstance(value, int | float)
    }
    preset = config.get("name") if isinstance(config, Mapping) else None
    if isinstance(preset, str) and re.fullmatch(r"[\w.-]+", preset):
        told["preset"] = preset
    return told
