"""The options of a run: one validated tree that says what is trained, on what, and how.

Each option's default and range stand in its definition, its meaning in the docstring below it. A
kimg is a thousand real pictures shown. `captiongan.runs.load_config` reads the tree from a preset
or a YAML file; `captiongan.runs.rules` says which options cannot go together.
"""

import warnings
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from captiongan.networks.registry import NETWORKS
from captiongan.runs.rules import NO_TEXT, contradictions, extractors_in_training

Precision = Literal["auto", "32-true", "bf16-mixed"]

Weight = Annotated[float, Field(ge=0)]
"""What a term of a loss is multiplied by; 0 leaves the term out."""


def _one_of(*choices: object) -> AfterValidator:
    """Accept some values only, and name all of them otherwise."""

    def check(value: object) -> object:
        if value not in choices:
            *others, last = map(str, choices)
            raise ValueError(f"must be {', '.join(others)} or {last}")
        return value

    return AfterValidator(check)


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class DataConfig(_Section):
    """Which pictures a run learns from, how they are cropped, and whose captions mismatch."""

    source: str = ""
    """The data set: a captioned folder, `toy`, or `toy:SIZE`; `--data` sets it."""

    resolution: Annotated[int, _one_of(16, 32, 64, 128, 256)] = 64
    """Side of the pictures, in pixels: 16, 32, 64, 128 or 256."""

    margin: int = Field(12, ge=0, le=256)
    """Pixels, 0 to 256, kept beyond the resolution, so that crops are taken at random places."""

    flip: bool = True
    """Whether half of the pictures are mirrored; it has no effect with `data.facing`."""

    facing: bool = False
    """Whether pictures that face the other way are mirrored, so that the generator learns one way;
    one bit of a seed then mirrors what it draws. Pictures without two facings are refused."""

    squash: bool = False
    """Whether whole pictures are squeezed to squares; otherwise their middle square is kept."""

    mismatching: Literal["class", "batch"] = "class"
    """Whose caption mismatches a picture: that of a picture of another `class`, or of another
    picture of the same `batch`."""

    typical_share: float = Field(1.0, gt=0, le=1)
    """Share of the pictures that is trained on, above 0 and at most 1: the most likely ones under a
    Gaussian fitted to the features of all by `lite0` (instance selection, DeVries et al. 2020,
    arXiv 2007.15255). Scores are held against all pictures."""


class TextConfig(_Section):
    """Which text encoder reads the captions, and what becomes of its embeddings, of length 1."""

    encoder: str = "small"
    """`small`, `minilm`, a folder written by `captiongan text train`, or `none` to draw without
    text. A run with `minilm` or `none` cannot be exported."""

    captions: Literal["all", "first"] = "all"
    """Whether `all` captions of a picture are used, or only the `first`."""

    averaged: int = Field(1, ge=1, le=100)
    """How many captions of a picture, 1 to 100, give its text by the mean of their embeddings: the
    drawn one and those after it."""

    noise: float = Field(0.0, ge=0, le=10)
    """Length, 0 to 10, of a random direction that is added to each embedding, another at each step;
    the sum has length 1 again."""

    wording: float = Field(0.0, ge=0, le=10)
    """How far, 0 to 10, the last quarter of z moves a text in the directions in which captions of
    one picture differ; 1 for as far as these do, 0 for not at all (conditioning augmentation, Zhang
    et al. 2017, arXiv 1612.03242)."""


class GeneratorConfig(_Section):
    """The size of the generator; the network's `Generator` takes these options by their names."""

    features: int = Field(64, ge=1, le=1024)
    """Channels of the generator's last hidden stage, 1 to 1024."""

    noise_dim: int = Field(100, ge=1, le=4096)
    """Length of the noise z, 1 to 4096."""

    projected_dim: int = Field(128, ge=1, le=4096)
    """Length of the projected text, 1 to 4096."""

    attention: Literal[0, 8, 16, 32, 64] = 0
    """Side, in pixels, at which all places of a picture see each other: 8, 16, 32 or 64, or 0 for
    nowhere (self-attention; SAGAN, Zhang et al. 2019, arXiv 1805.08318)."""


class DiscriminatorConfig(_Section):
    """The size of the discriminator, and how closely it looks."""

    features: int = Field(64, ge=1, le=1024)
    """Channels of the discriminator's first stage, 1 to 1024."""

    projected_dim: int = Field(128, ge=1, le=4096)
    """Length of the projected text, 1 to 4096."""

    look: tuple[Annotated[int, Field(ge=96, le=256, multiple_of=32)], ...] = ()
    """Sides, in pixels from 96 to 256 in steps of 32, to which the discriminator of `projected`
    enlarges pictures; each step draws one of them. None: 96, or the pictures' own side if that is
    larger."""

    beside: bool = False
    """Whether the discriminator of `fusion`, which learns to see from scratch, plays beside that of
    `projected`, and its logits count alike (Vision-aided GAN, Kumari et al. 2022, arXiv
    2112.09130)."""


class LossConfig(_Section):
    """The discriminator's loss, the weights of the further terms, and what changes pictures."""

    discriminator: Literal[
        "gan", "gan-cls", "gan-cls-sum", "hinge-cls", "relativistic", "relativistic-cls"
    ] = "gan-cls"
    """`gan`: real and generated pairs; `gan-cls`: mismatching pairs, too, and both wrong kinds
    halved; `gan-cls-sum`: the same without halving; `hinge-cls`: as `gan-cls`, by hinges, so that
    a pair judged rightly by a margin teaches nothing more; `relativistic`: by differences of the
    logits of real and generated pairs (R3GAN, Huang et al. 2024, arXiv 2501.05441);
    `relativistic-cls`: the same with mismatching pairs."""

    r1: Weight = 0.0
    """Weight, from 0 up, of the gradient penalty on real pictures, halved; 0 leaves it out."""

    r2: Weight = 0.0
    """Weight, from 0 up, of the gradient penalty on generated pictures, halved; 0 leaves it out."""

    pixel_wise: Weight = 50.0
    """Weight alpha, from 0 up, of L1(G(z, e), x); 0 leaves the term out."""

    feature_matching: Weight = 100.0
    """Weight beta, from 0 up, of L2(f(x), f(G(z, e))); 0 leaves the term out."""

    interpolation: Weight = 0.0
    """Weight, from 0 up, of -log D(G(z, e'), e') with texts e' half way between two captions
    (GAN-INT, Reed et al. 2016); 0 leaves the term out."""

    mode_seeking: Weight = 0.0
    """Weight, from 0 up, of how far two noises are apart over how far apart the two pictures are
    that they draw of a text; 0 leaves the term out."""

    contrastive: Weight = 0.0
    """Weight, from 0 up, of finding each picture's text in the batch, and each text's picture; of
    both players, the discriminator with real pictures and the generator with its own; 0 leaves the
    term out."""

    augment: tuple[Literal["colour", "translation", "cutout"], ...] = ()
    """How every picture, real or generated, is changed at random before the discriminator sees it
    (DiffAugment): any of `colour`, `translation` and `cutout`. After `colour`, a text may no longer
    fit its picture."""

    augment_probability: float = Field(1.0, ge=0, le=1)
    """Probability, 0 to 1, with which a picture is changed, by all of `losses.augment` (ADA, Karras
    et al. 2020, arXiv 2006.06676)."""

    blur_kimg: float = Field(0.0, ge=0)
    """Length, in kimg, of a beginning in which the discriminator sees every picture blurred, less
    and less; 0 for none (StyleGAN3, arXiv 2106.12423)."""

    blur_sigma: float = Field(2.0, gt=0, le=256)
    """Standard deviation of that blur at first, in pixels, above 0 and at most 256; it falls to 0
    in a straight line."""

    text_fade_kimg: float = Field(0.0, ge=0)
    """Length, in kimg, of a beginning in which the weights of mismatching pairs and of
    `losses.contrastive` grow from 0 to what they are; 0 for none (after transitional training,
    Shahbazi et al. 2022, arXiv 2201.06578)."""

    species: Weight = 0.0
    """Weight, from 0 up, of telling the class of each picture; of both players, the discriminator
    with real pictures, the generator with its own (AC-GAN, Odena et al. 2017, arXiv 1610.09585); 0
    leaves the term out. It takes data with a class for each picture."""


class OptimiserConfig(_Section):
    """Adam, with the same settings for both networks, except perhaps the learning rate."""

    learning_rate: float = Field(2e-4, gt=0)
    """Learning rate of both networks, above 0."""

    discriminator_learning_rate: float | None = Field(None, gt=0)
    """Learning rate of the discriminator, above 0, in place of `optimiser.learning_rate` (two
    time-scale update rule, Heusel et al. 2017, arXiv 1706.08500); none: the same rate."""

    beta1: float = Field(0.5, ge=0, lt=1)
    """Decay of the mean of the gradients, from 0 to below 1."""

    beta2: float = Field(0.999, ge=0, lt=1)
    """Decay of the mean of the squared gradients, from 0 to below 1."""

    halve_every_kimg: float = Field(0.0, ge=0)
    """How often the learning rates are halved, in kimg; 0 for never."""

    @property
    def discriminator_pace(self) -> float:
        """How many times as fast as the generator the discriminator learns."""
        return (self.discriminator_learning_rate or self.learning_rate) / self.learning_rate


class StartConfig(_Section):
    """The bundle that a run starts from."""

    bundle: str = ""
    """A shipped bundle's name, or the path of a folder."""

    name: str
    """The bundle's name."""

    version: str
    """The bundle's version."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """The sha256 of its `bundle.json`."""

    extractors: tuple[str, ...] = ()
    """The extractors that had a part in its training."""


class TrainingConfig(_Section):
    """How long a run takes, how often it saves, with which seed it begins."""

    start: StartConfig | None = None
    """The bundle that the run starts from; `--from` sets it."""

    kimg: float = Field(400.0, gt=0, le=1e7)
    """Length of the run, in kimg, above 0 and at most ten million."""

    batch_size: int = Field(32, ge=2, le=65536)
    """Pictures of a step, 2 to 65536."""

    seed: int = Field(0, ge=0, lt=2**32)
    """Decides the first weights, the batches and the noise: 0 to 4294967295."""

    precision: Precision = "auto"
    """Arithmetic: `bf16-mixed`, `32-true`, or `auto`, which is the former where the hardware
    computes it and the latter elsewhere."""

    ema_halflife_kimg: float = Field(10.0, gt=0)
    """Half-life of the generator's running average (EMA), in kimg, above 0."""

    log_every_kimg: float = Field(1.0, gt=0)
    """Kimg, above 0, from one line of `metrics.jsonl` to the next."""

    grid_every_kimg: float = Field(20.0, gt=0)
    """Kimg, above 0, from one sample grid to the next."""

    checkpoint_every_kimg: float = Field(20.0, gt=0)
    """Kimg, above 0, from one checkpoint to the next."""

    keep_checkpoints: int = Field(2, ge=1)
    """How many checkpoints are kept, 1 or more; older ones are removed."""

    on_divergence: Literal["stop", "rollback"] = "stop"
    """What a loss or gradient that is not finite leads to: `stop`, or `rollback` to the last
    checkpoint and on from there at half the learning rate; `--on-divergence` sets it."""

    rollbacks: int = Field(3, ge=0, le=20)
    """How many rollbacks are left, 0 to 20; each takes one."""

    def steps(self, kimg: float) -> int:
        """Return how many steps show that many thousand pictures, at least one."""
        return max(1, round(kimg * 1000 / self.batch_size))

    def kimg_after(self, step: int) -> float:
        """Return how many thousand real pictures have been shown after so many steps."""
        return step * self.batch_size / 1000


class ScoresConfig(_Section):
    """How often a run scores itself; the checkpoint with the best scores is kept apart."""

    every_kimg: float = Field(50.0, ge=0)
    """Kimg from one scoring to the next; 0 for a run without scores."""

    extractor: Literal["lite0", "lite1", "lite2", "inception"] = "lite0"
    """The network that judges; it cannot judge the finished model again."""

    patience: int = Field(0, ge=0)
    """The run stops after so many scorings without a better one; 0 for never."""


class RunConfig(_Section):
    """Everything that decides a run."""

    name: str = Field("dcgan", pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Part of the run folder's name: small letters, digits, `-` and `_`."""

    network: Annotated[str, _one_of(*NETWORKS)] = "dcgan"
    """The pair of networks: `gan` (fully connected, without text), `dcgan` (with text or without),
    `reed` (Reed et al. 2016), `course` (the exercise's own), `fusion` (noise and text enter at
    every scale), or `projected` (the generator of `fusion`, judged through a network trained on
    photographs)."""

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
        """The pretrained networks of pictures that have a part in the training.

        Whatever chooses a checkpoint has one, too, and so has what trained the bundle at its start.
        """
        chose = {self.scores.extractor} if self.scores.every_kimg else set()
        before = set(self.training.start.extractors) if self.training.start else set()
        return tuple(sorted({*extractors_in_training(self)} | chose | before))

    def with_encoder(self, encoder: str) -> Self:
        """Return the same configuration with another `text.encoder`."""
        return self.model_copy(update={"text": self.text.model_copy(update={"encoder": encoder})})

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
