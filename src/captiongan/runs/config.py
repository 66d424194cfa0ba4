"""One validated tree per run: what is trained, on what, how.

A run's configuration is a YAML file (presets are in `configs/`), with single values replaced by
`--set section.name=value`. The resolved tree is the first thing written to a run folder.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from captiongan.base.schemas import RUN_CONFIG, newest, of_today
from captiongan.errors import ConfigError

NO_TEXT = "none"
"""The `text.encoder` of a run that draws without text."""

LOOKED_THROUGH = "lite0"
"""The extractor that is part of the discriminator of `projected`, and finds typical pictures."""

KEPT_ENCODER = "text_encoder"
"""The folder of a run that has a copy of its text encoder."""

DRAWN_BY_FUSION = ("fusion", "projected")
"""The networks whose generator is that of `networks/fusion.py`."""

SCHEMA = newest(RUN_CONFIG)
"""Of the configuration that is written into a run's folder."""

Precision = Literal["auto", "32-true", "bf16-mixed"]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


class DataConfig(_Section):
    """Which pictures, how they are cropped, and whose captions mismatch."""

    source: str = Field("", description="a captioned folder, `toy` or `toy:SIZE`; `--data` sets it")
    resolution: int = Field(64, description="side of the pictures: 16, 32, 64, 128 or 256")
    margin: int = Field(
        12, ge=0, le=256, description="pixels beyond the resolution for random crops"
    )
    flip: bool = Field(True, description="mirror half of the pictures; not with `facing`")
    facing: bool = Field(
        False, description="turn all pictures one way; half of the seeds mirror what is drawn"
    )
    squash: bool = Field(
        False, description="squeeze whole pictures to squares; else their middle square is kept"
    )
    mismatching: Literal["class", "batch"] = Field(
        "class", description="mismatching captions: of another class, or of the same batch"
    )
    typical_share: float = Field(
        1.0, gt=0, le=1, description="of the pictures, the most typical, that is trained on"
    )

    @field_validator("resolution")
    @classmethod
    def _is_power_of_two(cls, resolution: int) -> int:
        if resolution not in (16, 32, 64, 128, 256):
            raise ValueError("must be 16, 32, 64, 128 or 256")
        return resolution


class TextConfig(_Section):
    """Which text encoder, and what it reads; the one place that decides it."""

    encoder: str = Field(
        "small",
        description="`small`, `minilm`, a folder written by `captiongan text train`, or `none`",
    )
    captions: Literal["all", "first"] = Field(
        "all", description="`first` for only the first caption of each picture"
    )
    averaged: int = Field(
        1, ge=1, le=100, description="captions of a picture whose mean embedding is its text"
    )
    noise: float = Field(
        0.0, ge=0, le=10, description="length of what is added to each embedding, at random"
    )
    wording: float = Field(
        0.0, ge=0, le=10, description="how far z moves a text, in what a picture's captions differ"
    )


class GeneratorConfig(_Section):
    """The size of the generator."""

    features: int = Field(64, ge=1, le=1024, description="channels of the last hidden stage")
    noise_dim: int = Field(100, ge=1, le=4096, description="length of the noise z")
    projected_dim: int = Field(128, ge=1, le=4096, description="length of the projected text")
    attention: Literal[0, 8, 16, 32, 64] = Field(
        0, description="side at which places see each other by self-attention; 0 for none"
    )


class DiscriminatorConfig(_Section):
    """The size of the discriminator, and how closely it looks."""

    features: int = Field(64, ge=1, le=1024, description="channels of the first stage")
    projected_dim: int = Field(128, ge=1, le=4096, description="length of the projected text")
    look: tuple[Annotated[int, Field(ge=96, le=256, multiple_of=32)], ...] = Field(
        (),
        description="sides to which `projected` enlarges pictures, one drawn for each step; none: "
        "96, or the pictures' own if that is larger",
    )
    beside: bool = Field(
        False, description="the discriminator of `fusion` plays beside that of `projected`"
    )


class LossConfig(_Section):
    """The discriminator's loss; the weights of the generator's terms, of which 0 leaves one out."""

    discriminator: Literal["gan", "gan-cls", "gan-cls-sum", "hinge-cls"] = Field(
        "gan-cls",
        description="without mismatching pairs; with them, halved; their plain sum; by hinges",
    )
    pixel_wise: float = Field(50.0, ge=0, description="alpha, of L1(G(z, e), x)")
    feature_matching: float = Field(100.0, ge=0, description="beta, of L2(f(x), f(G(z, e)))")
    interpolation: float = Field(0.0, ge=0, description="of GAN-INT: texts between two captions")
    mode_seeking: float = Field(0.0, ge=0, description="of noises that draw the same")
    contrastive: float = Field(
        0.0, ge=0, description="of finding each picture's text in the batch; of both players"
    )
    augment: tuple[Literal["colour", "translation", "cutout"], ...] = Field(
        (), description="DiffAugment: changes of every picture before it is judged"
    )
    augment_probability: float = Field(
        1.0, ge=0, le=1, description="with which each picture is changed, by all of `augment`"
    )
    blur_kimg: float = Field(
        0.0, ge=0, description="over which the blur of every picture fades; 0 for no blur"
    )
    blur_sigma: float = Field(
        2.0, gt=0, le=256, description="of that blur at first, a Gaussian's, in pixels"
    )
    text_fade_kimg: float = Field(
        0.0, ge=0, description="over which mismatching pairs and `contrastive` gain their weight"
    )
    species: float = Field(
        0.0, ge=0, description="of telling the classes of pictures; of both players"
    )


class OptimiserConfig(_Section):
    """Adam, the same for both networks but for the learning rate, if that is wished for."""

    learning_rate: float = Field(2e-4, gt=0)
    discriminator_learning_rate: float | None = Field(
        None, gt=0, description="of the discriminator, if it is to have its own"
    )
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    halve_every_kimg: float = Field(0.0, ge=0, description="of the learning rates; 0 keeps them")

    @property
    def discriminator_pace(self) -> float:
        """How many times as fast as the generator the discriminator learns."""
        return (self.discriminator_learning_rate or self.learning_rate) / self.learning_rate


class StartConfig(_Section):
    """The bundle whose generator a run starts from."""

    bundle: str = Field("", description="a shipped bundle's name, or the path of a folder")
    name: str = Field(description="the bundle's name")
    version: str = Field(description="the bundle's version")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of its `bundle.json`")
    extractors: tuple[str, ...] = Field((), description="networks with a part in its training")


class TrainingConfig(_Section):
    """How long, how often, with which seed. A kimg is a thousand real pictures shown."""

    start: StartConfig | None = Field(
        None, description="the bundle that the run starts from; `--from` sets it"
    )

    kimg: float = Field(400.0, gt=0, le=1e7, description="length of the run")
    batch_size: int = Field(32, ge=2, le=65536)
    seed: int = Field(0, ge=0, lt=2**32)
    precision: Precision = Field(
        "auto", description="of the arithmetic; `auto`: bf16-mixed where the hardware computes it"
    )
    ema_halflife_kimg: float = Field(10.0, gt=0, description="of the generator's running average")
    log_every_kimg: float = Field(1.0, gt=0)
    grid_every_kimg: float = Field(20.0, gt=0)
    checkpoint_every_kimg: float = Field(20.0, gt=0)
    keep_checkpoints: int = Field(2, ge=1)
    on_divergence: Literal["stop", "rollback"] = Field(
        "stop", description="`rollback`: go on from the last checkpoint at half the learning rate"
    )
    rollbacks: int = Field(3, ge=0, le=20, description="how often to do so; each one is noted")


class ScoresConfig(_Section):
    """How often a run scores itself; the checkpoint with the best scores is kept apart."""

    every_kimg: float = Field(50.0, ge=0, description="0 for a run without scores")
    extractor: Literal["lite0", "lite1", "lite2", "inception"] = Field(
        "lite0", description="the network that judges; it cannot judge the finished model again"
    )
    patience: int = Field(
        0, ge=0, description="scorings without a better one after which the run stops; 0: never"
    )


class RunConfig(_Section):
    """Everything that decides a run."""

    name: str = Field("dcgan", pattern=r"^[a-z0-9][a-z0-9_-]*$", description="part of folder names")
    network: Literal["gan", "dcgan", "reed", "course", "fusion", "projected"] = Field(
        "dcgan", description="which pair of networks plays"
    )
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
        if contradictions := "; ".join(_contradictions(self)):
            raise ValueError(contradictions)
        return self

    @property
    def has_text(self) -> bool:
        """Whether the pictures are drawn from text."""
        return self.text.encoder != NO_TEXT

    @property
    def extractors(self) -> tuple[str, ...]:
        """The pretrained networks of pictures that have a part in the training.

        Whatever chooses a checkpoint has one, too, and so has what trained the bundle at its start.
        """
        looked_through = {LOOKED_THROUGH} if _looks_through(self) else set()
        chose = {self.scores.extractor} if self.scores.every_kimg else set()
        before = set(self.training.start.extractors) if self.training.start else set()
        return tuple(sorted(looked_through | chose | before))

    def with_encoder(self, encoder: str) -> Self:
        """Return the same configuration with another `text.encoder`."""
        return self.model_copy(update={"text": self.text.model_copy(update={"encoder": encoder})})

    def to_yaml(self) -> str:
        """Return the whole tree as YAML that `load_config` reads back to the same tree."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)


def _contradictions(config: RunConfig) -> Iterator[str]:
    """Say which options cannot go together, and what to do."""
    if not config.has_text:
        yield from _in_need_of_text(config)
    elif config.network == "gan":
        yield (
            f"network = 'gan' with text.encoder = '{config.text.encoder}': these networks take no "
            f"text; set text.encoder={NO_TEXT}, or take another network"
        )
    if config.text.captions == "first" and config.text.averaged > 1:
        yield (
            f"text.averaged = {config.text.averaged} with text.captions = 'first': one caption has "
            "no others to be averaged with; set text.averaged=1 or text.captions=all"
        )
    if config.text.wording and config.network not in DRAWN_BY_FUSION:
        yield (
            f"text.wording = {config.text.wording:g} with network = '{config.network}': its z does "
            "not move texts; set text.wording=0, or take projected or fusion"
        )
    yield from _against_attention(config)
    if config.text.captions == "first" and config.text.wording:
        yield (
            f"text.wording = {config.text.wording:g} with text.captions = 'first': one caption has "
            "no others to differ from; set text.wording=0 or text.captions=all"
        )
    losses = config.losses
    if losses.augment_probability < 1 and not losses.augment:
        yield (
            f"losses.augment_probability = {losses.augment_probability:g} with losses.augment = []:"
            " there are no changes to apply; set losses.augment=[translation], or "
            "losses.augment_probability=1"
        )
    if losses.species and config.network not in DRAWN_BY_FUSION:
        yield (
            f"losses.species = {losses.species:g} with network = '{config.network}': its "
            "discriminator tells no classes; set losses.species=0, or take projected or fusion"
        )
    if losses.text_fade_kimg and losses.discriminator == "gan" and not losses.contrastive:
        yield (
            f"losses.text_fade_kimg = {losses.text_fade_kimg:g} with losses.discriminator = 'gan' "
            "and losses.contrastive = 0: no term depends on the text alone; set "
            "losses.text_fade_kimg=0, or losses.discriminator=gan-cls"
        )
    scores = config.scores
    use = _looks_through(config)
    if use and scores.every_kimg and scores.extractor == LOOKED_THROUGH:
        yield (
            f"scores.extractor = '{LOOKED_THROUGH}' with {use}, so its scores would flatter; "
            "set scores.extractor=lite2, or scores.every_kimg=0 for no scores"
        )
    if config.discriminator.look:
        yield from _against_the_look(config)
    if config.discriminator.beside and config.network != "projected":
        yield (
            f"discriminator.beside = true with network = '{config.network}': there is no frozen "
            "network to play beside; set discriminator.beside=false, or network=projected"
        )
    if config.network == "course":
        yield from _against_the_course(config)


def _looks_through(config: RunConfig) -> str:
    """Say for what the training itself uses `LOOKED_THROUGH`; nothing if it does not."""
    if config.network == "projected":
        return "network = 'projected': the discriminator looks through it"
    if config.data.typical_share < 1:
        return f"data.typical_share = {config.data.typical_share:g}: it chooses the pictures"
    return ""


def _in_need_of_text(config: RunConfig) -> Iterator[str]:
    do_without: dict[str, tuple[object, tuple[object, ...]]] = {
        "network": (config.network, ("gan", "projected", "fusion", "dcgan")),
        "losses.discriminator": (config.losses.discriminator, ("gan",)),
        "losses.interpolation": (config.losses.interpolation, (0,)),
        "losses.contrastive": (config.losses.contrastive, (0,)),
        "losses.text_fade_kimg": (config.losses.text_fade_kimg, (0,)),
        "text.noise": (config.text.noise, (0,)),
        "text.wording": (config.text.wording, (0,)),
        "data.mismatching": (config.data.mismatching, ("class",)),
    }
    for option, (value, usable) in do_without.items():
        if value not in usable:
            yield (
                f"{option} = {value!r} needs text, and text.encoder = '{NO_TEXT}' is without; "
                f"set {option}={usable[-1]}, or choose an encoder"
            )


def _against_the_look(config: RunConfig) -> Iterator[str]:
    look, resolution = list(config.discriminator.look), config.data.resolution
    if config.network != "projected":
        yield (
            f"discriminator.look = {look} with network = '{config.network}': its discriminator "
            "sees pictures as they are; set discriminator.look=[], or network=projected"
        )
    if min(look) < resolution:
        yield (
            f"discriminator.look = {look} with data.resolution = {resolution}: pictures must not "
            f"be shrunk; take sides of at least {resolution}"
        )


def _against_attention(config: RunConfig) -> Iterator[str]:
    side = config.generator.attention
    if side and config.network not in DRAWN_BY_FUSION:
        yield (
            f"generator.attention = {side} with network = '{config.network}': its generator has no "
            "self-attention; set generator.attention=0, or take projected or fusion"
        )
    if side > config.data.resolution:
        yield (
            f"generator.attention = {side}: must be at most data.resolution = "
            f"{config.data.resolution}; set generator.attention={config.data.resolution // 2}"
        )


def _against_the_course(config: RunConfig) -> Iterator[str]:
    if config.data.resolution != 64:
        yield (
            f"data.resolution = {config.data.resolution}: must be 64 with network = 'course'; "
            "set data.resolution=64, or take dcgan"
        )
    for player in ("generator", "discriminator"):
        features = getattr(config, player).features
        if features % 4:
            yield (
                f"{player}.features = {features}: must be a multiple of 4 with network = 'course'; "
                f"set {player}.features=128"
            )


def load_config(
    path: Path | None,
    overrides: Sequence[str] = (),
    source: str | None = None,
    schema: int = SCHEMA,
    base: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Read a run's configuration.

    Args:
        path: a YAML file; options that it leaves out have the values of `base`.
        overrides: `section.name=value`, applied in order.
        source: the data set, if not the file's own.
        schema: that of a file that has none: today's if a person wrote it.
        base: a tree of options in place of the defaults, as today's version understands them.

    Raises:
        ConfigError: the file cannot be read, a later version wrote it, or a field breaks its rule;
            the message names it.
    """
    tree = {} if path is None else _of_today(_read_tree(path), schema, path)
    tree = {name: value for name, value in tree.items() if value is not None}
    if path is not None:
        _find_kept_encoder(tree, path)
    tree = merged(base or {}, tree)
    for override in overrides:
        _apply(tree, override)
    if source and isinstance(tree.setdefault("data", {}), dict):
        tree["data"]["source"] = source
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        where = f"'{path}'" if path else "configuration"
        raise ConfigError(f"{where}: {'; '.join(map(_in_words, error.errors()))}") from error


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tree of options in which those of `over` replace those of `base`."""
    tree = dict(base) | dict(over)
    for name, value in base.items():
        if isinstance(value, Mapping) and isinstance(over.get(name, {}), Mapping):
            tree[name] = merged(value, over.get(name, {}))
    return tree


def _of_today(tree: dict[str, Any], schema: int, path: Path) -> dict[str, Any]:
    """Return the options of a file, as today's version understands them."""
    try:
        tree = of_today({"schema": schema} | tree, RUN_CONFIG, f"'{path}'", ConfigError)
    except ValueError as error:
        raise ConfigError(f"'{path}': {error}") from error
    return {name: value for name, value in tree.items() if name not in ("schema", "captiongan")}


def _find_kept_encoder(tree: dict[str, Any], path: Path) -> None:
    """Name a run's own copy of its text encoder, which lies beside its configuration, in full."""
    text = tree.get("text")
    if isinstance(text, dict) and str(text.get("encoder")).startswith(f"{KEPT_ENCODER}/"):
        tree["text"] = text | {"encoder": str(path.resolve().parent / text["encoder"])}


def _read_tree(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"--config '{path}' cannot be read ({error.strerror}); presets are in configs/"
        ) from error
    # YAML has dates, and some do not exist; it nests, and some nest too deep.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"--config '{path}' is not YAML: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(tree, dict):
        raise ConfigError(f"--config '{path}' must hold a tree such as `training: {{kimg: 400}}`")
    return tree


def _apply(tree: dict[str, Any], override: str) -> None:
    """Set one value of the tree, the value in YAML."""
    address, equals, value = override.partition("=")
    *sections, name = address.split(".")
    if not equals or not name:
        raise ConfigError(f"--set '{override}' must look like training.kimg=400")
    for section in sections:
        tree[section] = tree.get(section) or {}
        tree = tree[section]
        if not isinstance(tree, dict):
            raise ConfigError(f"--set '{override}': '{section}' is a value, not a section")
    try:
        tree[name] = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"--set '{override}': the value is not YAML") from error


def _in_words(fault: Any) -> str:
    field = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{field}: there is no such option; the options are in docs/configuration.md"
    message = fault["msg"].removeprefix("Value error, ")
    # Without a field it is a contradiction between several, which names them.
    return f"{field} = {fault['input']!r}: {message}" if field else message
