"""The training state: generator, discriminator, their optimisers, and the generator's EMA."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize
from torch.optim import Adam, Optimizer

from captiongan.compute.adam_state import moments, restore_moments
from captiongan.compute.devices import computes_bf16, default_device
from captiongan.networks.layers import PairDiscriminator, PictureGenerator
from captiongan.networks.synchronised import synchronise
from captiongan.runs.build import build_discriminator, build_generator
from captiongan.runs.config import RunConfig
from captiongan.runs.options import Precision


@dataclass
class TrainState:
    """All that changes while a run trains; a checkpoint is a copy of it.

    `ema` is the exponential moving average of the generator's weights: the network that draws and
    is exported. `step` counts the finished steps. `learning_rate` maps that number to the
    generator's learning rate; the discriminator's is `discriminator_pace` times as high.
    """

    generator: PictureGenerator
    discriminator: PairDiscriminator
    ema: PictureGenerator
    generator_optimiser: Optimizer
    discriminator_optimiser: Optimizer
    learning_rate: Callable[[int], float]
    diverged: Tensor
    """1 once a loss or gradient was not finite, else 0; while it is 1, no weight is updated."""
    discriminator_pace: float = 1.0
    mixed: bool = False
    """Whether the generator is computed in bfloat16."""
    mixed_features: bool = False
    """Whether the discriminator's features of pictures are, too."""
    step: int = 0

    @property
    def device(self) -> torch.device:
        """The device of both networks."""
        return self.diverged.device

    def generate(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """G(z, e) in the run's precision: (B, noise_dim) and (B, D) to float32 (B, 3, H, W)."""
        dtype = torch.bfloat16 if self.mixed else torch.float32
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            pictures: Tensor = self.generator(noise.to(dtype), embedding.to(dtype))
        return pictures.float()

    def features(self, pictures: Tensor, exact: bool = False) -> Tensor:
        """f(x): (B, 3, H, W) in [-1, 1] to D's features in float32, computed in bf16 if asked for.

        `exact` computes them in float32 in any run, as second derivatives need them.
        """
        if exact or not self.mixed_features:
            return self.discriminator.features(pictures)
        with parametrize.cached():
            _normalise_weights(self.discriminator)
            with torch.autocast(self.device.type, torch.bfloat16):
                features = self.discriminator.features(pictures)
        return features.float()

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Return all weights and moments by the names of their parts, for `restore`."""
        networks = {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.ema.state_dict(),
        }
        return networks | {
            "generator_optimiser": moments(self.generator_optimiser),
            "discriminator_optimiser": moments(self.discriminator_optimiser),
        }

    def restore(self, state: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        """Load what `state` returned after `step` steps.

        Raises:
            KeyError: a part is missing.
            RuntimeError: the weights are those of other networks.
        """
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.ema.load_state_dict(state["average"])
        restore_moments(self.generator_optimiser, state["generator_optimiser"])
        restore_moments(self.discriminator_optimiser, state["discriminator_optimiser"])
        self.step = step


def choose_precision(wanted: Precision) -> Literal["32-true", "bf16-mixed"]:
    """Return the precision of a run's arithmetic; `auto` is bf16 if `computes_bf16`."""
    if wanted != "auto":
        return wanted
    return "bf16-mixed" if computes_bf16(default_device()) else "32-true"


def new_state(
    config: RunConfig,
    embedding_dim: int,
    device: torch.device,
    directions: Tensor | None = None,
    species: int = 0,
) -> TrainState:
    """Return the state before the first step, with random weights from the run's seed.

    Args:
        config: the run's configuration.
        embedding_dim: length of a text's embedding; 0 without text.
        device: where the networks are trained.
        directions: of conditioning augmentation, see `TrainingData.conditioning_augmentation`.
        species: how many classes the discriminator predicts; 0 for none.
    """
    torch.manual_seed(config.training.seed)
    mixed = choose_precision(config.training.precision) == "bf16-mixed"
    generator = build_generator(config, embedding_dim)
    if directions is not None:
        generator.get_buffer("wording").copy_(directions)
    discriminator = build_discriminator(config, embedding_dim, species)
    ema = build_generator(config, embedding_dim)
    ema.load_state_dict(generator.state_dict())
    ema.eval().requires_grad_(False)
    return TrainState(
        generator=generator,
        discriminator=discriminator,
        ema=ema.to(device),
        generator_optimiser=_set_up(generator, config, device),
        discriminator_optimiser=_set_up(discriminator, config, device),
        learning_rate=partial(learning_rate, config),
        diverged=torch.zeros((), device=device),
        discriminator_pace=config.optimiser.discriminator_pace,
        mixed=mixed,
        mixed_features=mixed and config.discriminator.bf16,
    )


def learning_rate(config: RunConfig, step: int) -> float:
    """Return the learning rate after `step` steps: halved every `halve_every_kimg` (0: never).

    Reed et al. 2016, section 5. It depends on the step alone, so a resumed run has the same.
    """
    plan = config.optimiser
    if not plan.halve_every_kimg:
        return plan.learning_rate
    period = config.training.steps(plan.halve_every_kimg)
    return plan.learning_rate * 0.5 ** (step // period)


def set_learning_rate(state: TrainState) -> None:
    """Set both optimisers' learning rates for the next step.

    Two different rates are the two time-scale update rule (Heusel et al. 2017, arXiv 1706.08500).
    """
    rate = state.learning_rate(state.step)
    for group in state.generator_optimiser.param_groups:
        group["lr"] = rate
    for group in state.discriminator_optimiser.param_groups:
        group["lr"] = rate * state.discriminator_pace


def update_ema(state: TrainState, batch_size: int, halflife_kimg: float) -> None:
    """Move the EMA towards the generator (Karras et al. 2018, section 4.1).

    The EMA's half-life is `halflife_kimg`. Early in a run it is shorter: a twentieth of the
    pictures shown so far.
    """
    halflife = min(halflife_kimg * 1000, state.step * batch_size / 20)
    keep = 0.5 ** (batch_size / halflife)
    ema: list[Tensor] = list(state.ema.parameters())
    weights: list[Tensor] = list(state.generator.parameters())
    with torch.no_grad():
        torch._foreach_lerp_(ema, weights, 1 - keep)


@torch.no_grad()
def settle_ema(state: TrainState, inputs: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Recompute the EMA's BatchNorm statistics over batches of (noise, embedding).

    The statistics of the trained generator belong to other weights (Brock et al. 2019, "standing
    statistics").
    """
    layers = [layer for layer in state.ema.modules() if isinstance(layer, _BatchNorm)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over all batches
    state.ema.train()
    for noise, embedding in inputs:
        state.ema(noise, embedding)
    state.ema.eval()


def finished_updates(state: TrainState) -> int:
    """Return how many updates the generator's optimiser has made; it skips those that diverge."""
    moments = next(iter(state.generator_optimiser.state.values()), {"step": 0})
    return int(moments["step"])


def _set_up(module: nn.Module, config: RunConfig, device: torch.device) -> Optimizer:
    """Move a network to its device, ready for training; return its optimiser."""
    synchronise(module)
    lay_channels_last(module)
    module.to(device)
    return Adam(
        module.parameters(),
        lr=config.optimiser.learning_rate,
        betas=(config.optimiser.beta1, config.optimiser.beta2),
        fused=True,
        capturable=device.type == "cuda",
    )


def _normalise_weights(module: nn.Module) -> None:
    """Compute all weights that have a spectral norm, so that `cached` holds them in float32."""
    for layer in module.modules():
        if parametrize.is_parametrized(layer, "weight"):
            assert layer.weight is not None


def lay_channels_last(module: nn.Module) -> None:
    """Store convolution weights in the layout that convolutions read fastest (NHWC)."""
    for weight in module.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
