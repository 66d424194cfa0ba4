"""What a student learns, step by step, and what it learns from.

    L = E [ |G_S - G_T| + mean over maps |f(G_S) - f(G_T)| / E |f(G_T)| ]      at the same z and e

The student S is to draw what its teacher T draws (MobileStyleGAN, Belousov 2021, arXiv 2104.04767).
f are the maps of a frozen EfficientNet-Lite0 and, if the bundle has the discriminator of
`projected`, the features of its heads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from captiongan.bundle.bundle import Bundle
from captiongan.compute.adam_state import moments, restore_moments
from captiongan.compute.devices import computes_bf16
from captiongan.networks.layers import PictureGenerator
from captiongan.networks.projected import LEAST_SIDE, FrozenFeatures, Heads
from captiongan.networks.registry import NETWORKS
from captiongan.runs.build import build_discriminator, build_generator
from captiongan.runs.config import RunConfig
from captiongan.training.bundle_weights import read_critic, read_generator
from captiongan.training.state import lay_channels_last

BATCH = 64
LEARNING_RATE = 1e-3
BETAS = 0.9, 0.99
EMA_HALFLIFE_KIMG = 5.0
NEVER_LEARNED = 2**62
"""The number of a step that no training reaches."""


@dataclass
class Student:
    """A student in training, and its EMA, which is what is written in the end."""

    generator: PictureGenerator
    ema: PictureGenerator
    optimiser: Adam
    step: int = 0

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Return all weights and moments by the names of their parts, for `restore`."""
        return {
            "generator": self.generator.state_dict(),
            "average": self.ema.state_dict(),
            "generator_optimiser": moments(self.optimiser),
        }

    def restore(self, state: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        """Load what `state` returned after `step` steps."""
        self.generator.load_state_dict(state["generator"])
        self.ema.load_state_dict(state["average"])
        restore_moments(self.optimiser, state["generator_optimiser"])
        self.step = step


@dataclass(frozen=True)
class Lesson:
    """What a student learns from: its teacher, sentences, and the maps that compare pictures."""

    teacher: PictureGenerator
    embeddings: Tensor
    maps: Callable[[Tensor], Sequence[Tensor]]
    noise_dim: int
    seed: int
    mixed: bool

    def learn(self, student: Student) -> tuple[Tensor, Tensor]:
        """Take a step; return L1 in [-1, 1] and the loss of the maps.

        All randomness follows from the seed and the step alone, so it is the same after a resume.
        """
        z, e = self._inputs(student.step)
        with torch.autocast(z.device.type, torch.bfloat16, enabled=self.mixed):
            with torch.no_grad():
                wanted = self.teacher(z, e).float()
                wanted_maps = self.maps(wanted)
            drawn = student.generator(z, e).float()
            maps = self.maps(drawn)
        pixels = (drawn - wanted).abs().mean()
        features = torch.stack([*map(_distance, maps, wanted_maps)]).mean()
        student.optimiser.zero_grad()
        (pixels + features).backward()
        student.optimiser.step()
        student.step += 1
        _update_ema(student)
        return pixels.detach(), features.detach()

    @torch.no_grad()
    def difference(self, student: Student) -> float:
        """Return how far a student's EMA is from its teacher, on inputs that are never learned.

        It is the mean absolute difference of their pictures, in levels of 255.
        """
        z, e = self._inputs(NEVER_LEARNED)
        return float((student.ema(z, e) - self.teacher(z, e)).abs().mean()) * 127.5

    def _inputs(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the noise and the embeddings of a step: (B, noise_dim) and (B, D)."""
        random = np.random.default_rng([self.seed, step])
        noise = torch.from_numpy(random.standard_normal((BATCH, self.noise_dim), np.float32))
        rows = torch.from_numpy(random.integers(len(self.embeddings), size=BATCH))
        device = self.embeddings.device
        return noise.to(device), self.embeddings[rows.to(device)]


def open_lesson(taught: Bundle, theirs: RunConfig, embeddings: Tensor, seed: int) -> Lesson:
    """Return the lesson of a bundle, trained as `theirs` says, on its texts (N, D).

    Raises:
        BundleError: its generator or its discriminator cannot be read back.
    """
    device, dim = embeddings.device, embeddings.shape[1]
    weights = read_generator(taught)
    teacher = build_generator(theirs, dim)
    missing = {name: each for name, each in teacher.state_dict().items() if name not in weights}
    teacher.load_state_dict(missing | weights)
    return Lesson(
        teacher=teacher.to(device).eval().requires_grad_(False),
        embeddings=embeddings,
        maps=_maps(taught, theirs, dim, device),
        noise_dim=theirs.generator.noise_dim,
        seed=seed,
        mixed=computes_bf16(device),
    )


def _maps(
    taught: Bundle, theirs: RunConfig, dim: int, device: torch.device
) -> Callable[[Tensor], Sequence[Tensor]]:
    """Return the function from pictures to the maps that compare them."""
    critic = read_critic(taught)
    if critic is None or NETWORKS[theirs.network].discriminator != "projected":
        side = max(LEAST_SIDE, theirs.data.resolution)
        return FrozenFeatures(side, features=1).to(device).maps
    picture = build_discriminator(theirs, dim).picture
    prefix = "picture."
    own = {name[len(prefix) :]: each for name, each in critic.items() if name.startswith(prefix)}
    picture.load_state_dict(own)
    picture.to(device).eval().requires_grad_(False)
    frozen, heads = cast(tuple[FrozenFeatures, Heads], cast(nn.Sequential, picture))

    def maps(pictures: Tensor) -> Sequence[Tensor]:
        seen = frozen.maps(pictures)
        return [*seen, heads(frozen.mix(seen))]

    return maps


def _distance(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the mean absolute difference of two maps, as a share of the size of the second."""
    theirs = theirs.float()
    return (ours.float() - theirs).abs().mean() / theirs.abs().mean()


def new_student(config: RunConfig, lesson: Lesson, device: torch.device) -> Student:
    """Return a student that has the teacher's weights where the shapes are the same."""
    torch.manual_seed(lesson.seed)
    generator, ema = (build_generator(config, lesson.embeddings.shape[1]) for _ in range(2))
    theirs, own = lesson.teacher.state_dict(), generator.state_dict()
    for name, values in theirs.items():
        if name in own and own[name].shape == values.shape:
            own[name] = values
    for network in (generator, ema):
        network.load_state_dict(own)
        lay_channels_last(network)
        network.to(device)
    ema.eval().requires_grad_(False)
    optimiser = Adam(generator.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True)
    return Student(generator, ema, optimiser)


@torch.no_grad()
def _update_ema(student: Student) -> None:
    halflife = min(EMA_HALFLIFE_KIMG * 1000, student.step * BATCH / 20)
    ema: list[Tensor] = [*student.ema.parameters()]
    torch._foreach_lerp_(ema, [*student.generator.parameters()], 1 - 0.5 ** (BATCH / halflife))
