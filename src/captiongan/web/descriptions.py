"""What the server tells about the open bundles and its limits."""

import re

from captiongan.bundle.manifest import TrainingFacts
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import MAX_CHARACTERS, SEEDS
from captiongan.web.limits import Limits
from captiongan.web.schema import BundleFacts, TextEncoderFacts


def bundle_facts(pipeline: Pipeline) -> BundleFacts:
    """Return what the server tells about a bundle."""
    manifest = pipeline.manifest
    return BundleFacts(
        name=manifest.name,
        version=manifest.version,
        resolution=manifest.resolution,
        noise_dim=manifest.noise_dim,
        shipped=pipeline.bundle.is_shipped,
        ranks=pipeline.bundle.has_ranker,
        languages=list(manifest.languages),
        examples=list(manifest.sample_prompts),
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


def _training_facts(training: TrainingFacts) -> dict[str, str | int | float]:
    """Return length, amount of data and preset; any other text could be a path."""
    facts = {"kimg": training.kimg, "steps": training.steps}
    if training.data:
        for name in ("pictures", "captions", "classes"):
            facts[name] = getattr(training.data, name)
    told: dict[str, str | int | float] = {
        name: value for name, value in facts.items() if value is not None
    }
    preset = (training.config or {}).get("name")
    if isinstance(preset, str) and re.fullmatch(r"[\w.-]+", preset):
        told["preset"] = preset
    return told
