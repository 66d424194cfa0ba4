"""The options of a run, in sections: default and range in the definition, meaning below it.

A kimg is a thousand real pictures shown.
"""

from typing import Annotated, Literal

from pydantic import Field

from captiongan.runs.section import Section, Weight, one_of

Precision = Literal["auto", "32-true", "bf16-mixed"]


class DataConfig(Section):
    """Which pictures a run is trained on, how they are cropped, and which captions mismatch."""

    source: str = ""
    """The data set: a captioned folder, `toy`, or `toy:SIZE`; `--data` sets it."""

    resolution: Annotated[int, one_of(16, 32, 64, 128, 256)] = 64
    """Side of the pictures, in pixels: 16, 32, 64, 128 or 256."""

    margin: int = Field(12, ge=0, le=256)
    """Pixels, 0 to 256, kept beyond the resolution, for random crops."""

    flip: bool = True
    """Whether half of the pictures are mirrored; has no effect with `data.facing`."""

    facing: bool = False
    """Whether pictures that face the other way are mirrored, so that the generator learns one way;
    one bit of a seed then mirrors what it draws. Pictures without two facings are refused."""

    squash: bool = False
    """Whether whole pictures are squeezed to squares; otherwise their middle squares are kept."""

    mismatching: Literal["class", "batch"] = "class"
    """Where a mismatching caption comes from: another `class`, or any picture of the `batch`."""

    typical_share: float = Field(1.0, gt=0, le=1)
    """Share of the pictures to train on, above 0 and at most 1: the likeliest under a Gaussian of
    all `lite0` features (DeVries et al. 2020, arXiv 2007.15255). Scores compare with all."""


class TextConfig(Section):
    """The text encoder, the captions it reads, and how their embeddings, of length 1, change."""

    encoder: str = "small"
    """`small`, `minilm`, a folder written by `captiongan text train`, or `none` to draw without
    text. A run with `minilm` or `none` cannot be exported."""

    captions: Literal["all", "first"] = "all"
    """Whether `all` captions of a picture are used, or only the `first`."""

    averaged: int = Field(1, ge=1, le=100)
    """How many captions of a picture, 1 to 100, make its text: the mean of the embeddings of the
    drawn caption and those after it."""

    noise: float = Field(0.0, ge=0, le=10)
    """Length, 0 to 10, of a random direction that is added to each embedding, another at each step;
    the sum is scaled to length 1 again."""

    conditioning_augmentation: float = Field(0.0, ge=0, le=10)
    """How far, 0 to 10, the last quarter of z moves a text in the directions in which captions of
    one picture differ: 1 moves it as far as these captions differ, 0 not at all (Zhang et al. 2017,
    arXiv 1612.03242)."""


class GeneratorConfig(Section):
    """The size of the generator; the network's `Generator` takes these options by their names."""

    features: int = Field(64, ge=1, le=1024)
    """Channels of the generator's last hidden stage, 1 to 1024."""

    noise_dim: int = Field(100, ge=1, le=4096)
    """Length of the noise z, 1 to 4096."""

    projected_dim: int = Field(128, ge=1, le=4096)
    """Length of the projected text, 1 to 4096."""

    attention: Literal[0, 8, 16, 32, 64] = 0
    """Side of the stage with self-attention (SAGAN, arXiv 1805.08318): 8 to 64; 0 for none."""

    shuffle: bool = False
    """Whether the last doubling of the side is a PixelShuffle: faster, with less detail."""


class DiscriminatorConfig(Section):
    """The size of the discriminator, and the sides to which it resizes pictures."""

    features: int = Field(64, ge=1, le=1024)
    """Channels of the discriminator's first stage, 1 to 1024."""

    projected_dim: int = Field(128, ge=1, le=4096)
    """Length of the projected text, 1 to 4096."""

    look: tuple[Annotated[int, Field(ge=96, le=256, multiple_of=32)], ...] = ()
    """Sides, in pixels from 96 to 256 in steps of 32, to which the discriminator of `projected`
    enlarges pictures; each step draws one. None: 96, or the pictures' own side if it is larger."""

    beside: bool = False
    """Whether the discriminator of `fusion`, trained from scratch, is added to that of `projected`;
    the logits of both have the same weight (Vision-aided GAN, Kumari et al. 2022, arXiv
    2112.09130)."""

    bf16: bool = False
    """Whether its features of pictures are also computed in bf16, in a run that computes in bf16.
    Steps are faster, and gradients less exact."""


class LossConfig(Section):
    """The adversarial loss, the weights of further terms, and the changes of pictures."""

    discriminator: Literal[
        "gan", "gan-cls", "gan-cls-sum", "hinge-cls", "relativistic", "relativistic-cls"
    ] = "gan-cls"
    """`gan`: real and generated pairs; `gan-cls`: mismatching pairs too, both wrong kinds halved;
    `gan-cls-sum`: the same without halving; `hinge-cls`: as `gan-cls`, with hinges, so that a pair
    classified correctly by a margin contributes nothing; `relativistic`: differences between the
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
    """Weight, from 0 up, of the distance between two noises divided by the distance between the two
    pictures that they give for one text; 0 leaves the term out."""

    contrastive: Weight = 0.0
    """Weight, from 0 up, of finding each picture's text in the batch, and each text's picture. The
    discriminator learns it on real pictures, the generator on its own; 0 leaves the term out."""

    augment: tuple[Literal["colour", "translation", "cutout"], ...] = ()
    """Random changes of every picture, real or generated, before the discriminator sees it
    (DiffAugment): any of `colour`, `translation` and `cutout`. After `colour`, a text may no longer
    fit its picture."""

    augment_probability: float = Field(1.0, ge=0, le=1)
    """Probability, 0 to 1, that a picture is changed, by all of `losses.augment` (ADA, Karras et
    al. 2020, arXiv 2006.06676)."""

    blur_kimg: float = Field(0.0, ge=0)
    """Length, in kimg, of an initial phase in which the discriminator sees every picture blurred,
    less and less; 0 for none (StyleGAN3, arXiv 2106.12423)."""

    blur_sigma: float = Field(2.0, gt=0, le=256)
    """Initial standard deviation of that blur, in pixels, above 0 and at most 256; it falls
    linearly to 0."""

    text_fade_kimg: float = Field(0.0, ge=0)
    """Length, in kimg, of an initial phase in which the weights of mismatching pairs and of
    `losses.contrastive` grow from 0 to their full values; 0 for none (after transitional training,
    Shahbazi et al. 2022, arXiv 2201.06578)."""

    species: Weight = 0.0
    """Weight, from 0 up, of predicting the class of each picture. The discriminator learns it on
    real pictures, the generator on its own (AC-GAN, Odena et al. 2017, arXiv 1610.09585); 0 leaves
    the term out. It needs data with a class for each picture."""

    binding: float = Field(0.0, ge=0, le=1)
    """Share, 0 to 1, of the mismatching captions that are the picture's own with two colours
    exchanged, where it has such a caption; 0 for none (hard negatives, Yuksekgonul et al. 2023,
    arXiv 2210.01936)."""


class OptimiserConfig(Section):
    """Adam, with the same settings for both networks; only their learning rates may differ."""

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
        """The discriminator's learning rate divided by the generator's."""
        return (self.discriminator_learning_rate or self.learning_rate) / self.learning_rate


class StartConfig(Section):
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
    """The extractors that took part in its training."""


class TrainingConfig(Section):
    """The length of a run, its batches and seed, and how often it reports and saves."""

    start: StartConfig | None = None
    """The bundle that the run starts from; `--from` sets it."""

    kimg: float = Field(400.0, gt=0, le=1e7)
    """Length of the run, in kimg, above 0 and at most ten million."""

    batch_size: int = Field(32, ge=2, le=65536)
    """Pictures per step, 2 to 65536."""

    seed: int = Field(0, ge=0, lt=2**32)
    """Determines the initial weights, the batches and the noise: 0 to 4294967295."""

    precision: Precision = "auto"
    """Arithmetic: `bf16-mixed`, `32-true`, or `auto`: `bf16-mixed` if the hardware computes it,
    else `32-true`."""

    threads: int | None = Field(None, ge=1, le=1024)
    """Threads on a CPU, 1 to 1024; none: the faster of one and all, which the run then keeps."""

    ema_halflife_kimg: float = Field(10.0, gt=0)
    """Half-life of the generator's exponential moving average (EMA), in kimg, above 0."""

    log_every_kimg: float = Field(1.0, gt=0)
    """Kimg, above 0, from one line of `metrics.jsonl` to the next."""

    grid_every_kimg: float = Field(20.0, gt=0)
    """Kimg, above 0, from one sample grid to the next."""

    checkpoint_every_kimg: float = Field(20.0, gt=0)
    """Kimg, above 0, from one checkpoint to the next."""

    keep_checkpoints: int = Field(2, ge=1)
    """How many checkpoints are kept, 1 or more; older ones are removed."""

    on_divergence: Literal["stop", "rollback"] = "stop"
    """What happens when a loss or gradient is not finite: `stop`, or `rollback` to the last
    checkpoint, to continue at half the learning rate; `--on-divergence` sets it."""

    rollbacks: int = Field(3, ge=0, le=20)
    """How many rollbacks are left, 0 to 20; each uses one up."""

    def steps(self, kimg: float) -> int:
        """Return how many steps show `kimg` thousand pictures, at least one."""
        return max(1, round(kimg * 1000 / self.batch_size))

    def kimg_after(self, step: int) -> float:
        """Return how many thousand real pictures have been shown after `step` steps."""
        return step * self.batch_size / 1000


class ScoresConfig(Section):
    """How a run scores itself; the checkpoint with the best scores is kept separately."""

    every_kimg: float = Field(50.0, ge=0)
    """Kimg from one scoring to the next; 0 for a run without scores."""

    extractor: Literal["lite0", "lite1", "lite2", "inception"] = "lite0"
    """The network that scores; it cannot score the finished model again."""

    patience: int = Field(0, ge=0)
    """The run stops after this many scores in a row without a better one; 0 for never."""
