"""The configuration of a run: one validated tree of the sections in `captiongan.runs.options`.

`captiongan.runs.load_config` reads the tree from a preset or a YAML file;
`captiongan.runs.config_rules` says which options contradict each other.
"""

import warnings
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, model_validator

from captiongan.networks.registry import NETWORKS
from captiongan.runs.config_rules import NO_TEXT, contradictions, extractors_in_training
from captiongan.runs.options import (
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    OptimiserConfig,
    ScoresConfig,
    TextConfig,
    TrainingConfig,
)
from captiongan.runs.section import Section, one_of


class RunConfig(Section):
    """Everything that determines a run."""

    name: str = Field("dcgan", pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Part of the run folder's name: lower-case letters, digits, `-` and `_`."""

    network: Annotated[str, one_of(*NETWORKS)] = "dcgan"
    """The pair of networks: `gan` (fully connected, without text), `dcgan` (with text or without),
    `reed` (Reed et al. 2016), `course` (the exercise's own), `fusion` (noise and text enter at
    every scale), or `projected` (the generator of `fusion`, with a discriminator on frozen features
    of photographs)."""

    data: DataConfig = DataConfig()
    text: TextConfig = TextConfig()
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    losses: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    training: TrainingConfig = TrainingConfig()
    scores: ScoresConfig = ScoresConfig()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if faults := "; ".join(contradictions(self)):
            raise ValueError(faults)
        return self

    @property
    def has_text(self) -> bool:
        """Whether the pictures are drawn from text."""
        return self.text.encoder != NO_TEXT

    @property
    def extractors(self) -> tuple[str, ...]:
        """The pretrained networks that take part in the training.

        They include the one that chooses checkpoints, and those that trained the initial bundle.
        """
        scoring = {self.scores.extractor} if self.scores.every_kimg else set()
        initial = set(self.training.start.extractors) if self.training.start else set()
        return tuple(sorted({*extractors_in_training(self)} | scoring | initial))

    def with_encoder(self, encoder: str) -> Self:
        """Return the same configuration with another `text.encoder`."""
        return self.model_copy(update={"text": self.text.model_copy(update={"encoder": encoder})})

    def with_threads(self, threads: int | None) -> Self:
        """Return the same configuration with another `training.threads`."""
        training = self.training.model_copy(update={"threads": threads})
        return self.model_copy(update={"training": training})

    def to_yaml(self) -> str:
        """Return the whole tree as YAML that `load_config` reads back to the same tree."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)


def __getattr__(name: str) -> Any:
    """Find `load_config` where it used to be."""
    if name != "load_config":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from captiongan.runs.load_config import load_config

    warnings.warn(
        "load_config has moved to captiongan.runs.load_config",
        DeprecationWarning,
        stacklevel=2,
    )
    return load_config
