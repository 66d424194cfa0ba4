"""Training of a student: a smaller generator that draws what a bundle's generator draws.

    L = E [ |G_S - G_T| + w * mean over maps |f(G_S) - f(G_T)| / |f(G_T)| ]       at the same z and e

The teacher draws all pictures itself, so no photographs are needed (MobileStyleGAN, Belousov 2021,
arXiv 2104.04767). f are the maps of a frozen EfficientNet-Lite0 and, if the bundle has the
discriminator of `projected`, the features of its heads.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from captiongan.base.files import os_errors_as, remove, sha256_of
from captiongan.bundle.bundle import (
    Bundle,
    check_vacant,
    contents,
    find_bundle,
    read_bundle,
    write_bundle,
)
from captiongan.bundle.manifest import CRITIC_FILE, GENERATOR_FILE, MANIFEST, STYLE_FILE
from captiongan.bundle.model_card import model_card, with_student_section
from captiongan.bundle.text_encoder import OnnxTextEncoder
from captiongan.compute.adam_state import moments, restore_moments
from captiongan.compute.devices import computes_bf16, default_device
from captiongan.compute.memory import keep_freed_memory
from captiongan.errors import ConfigError, OutputError
from captiongan.export.export import SAMPLES, drawing, sample, without_places
from captiongan.networks.layers import PictureGenerator
from captiongan.networks.projected import LEAST_SIDE, FrozenFeatures, Heads
from captiongan.networks.registry import NETWORKS
from captiongan.runs.build import build_discriminator, build_generator
from captiongan.runs.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.training.bundle_weights import read_critic, read_generator
from captiongan.training.interrupt import StopRequest
from captiongan.training.starting_config import trained_config
from captiongan.version import __version__

BATCH = 64
LEARNING_RATE = 1e-3
BETAS = 0.9, 0.99
EMA_HALFLIFE_KIMG = 5.0
FEATURES_WEIGHT = 1.0
EXTRACTOR = "lite0"
COMPOSED = 20_000
"""Sentences that are composed if none are given."""
SAY_EVERY, SAVE_EVERY = 50, 400
"""Steps from one line of progress, and from one checkpoint, to the next."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class StudentReport:
    """How a student was trained: by which bundle, on how many of its pictures and sentences.

    `difference` is the mean absolute difference of its last pictures from the teacher's, in levels
    of 255.
    """

    teacher: Mapping[str, str]
    kimg: float
    sentences: int
    seed: int
    parameters: int
    difference: float
    captiongan: str = __version__


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
        random = np.random.default_rng([self.seed, student.step])
        device = self.embeddings.device
        noise = torch.from_numpy(random.standard_normal((BATCH, self.noise_dim), np.float32))
        rows = torch.from_numpy(random.integers(len(self.embeddings), size=BATCH))
        z, e = noise.to(device), self.embeddings[rows.to(device)]
        with torch.autocast(device.type, torch.bfloat16, enabled=self.mixed):
            with torch.no_grad():
                wanted = self.teacher(z, e).float()
                wanted_maps = self.maps(wanted)
            drawn = student.generator(z, e).float()
            maps = self.maps(drawn)
        pixels = (drawn - wanted).abs().mean()
        features = torch.stack([*map(_distance, maps, wanted_maps)]).mean()
        student.optimiser.zero_grad()
        (pixels + FEATURES_WEIGHT * features).backward()
        student.optimiser.step()
        student.step += 1
        _update_ema(student)
        return pixels.detach(), features.detach()


def distil(
    bundle: str | Path,
    sentences: Sequence[str],
    out: Path,
    features: int,
    kimg: float,
    seed: int,
    say: Say,
) -> StudentReport | None:
    """Write a bundle with a smaller generator that draws what a bundle draws.

    Checkpoints are kept in the folder OUT.training, so that the same call continues a training that
    was stopped; it is removed in the end.

    Args:
        bundle: name of a shipped bundle, or a folder: the teacher.
        sentences: whose pictures it draws, at least one.
        out: the new bundle's folder; must not exist, or be empty.
        features: channels of the student's last stage, see `networks/fusion.py`.
        kimg: how many thousand pictures the teacher draws in all, above 0.
        seed: decides first weights, noise and the order of sentences.
        say: called with each line of progress.

    Returns:
        The report; None if Ctrl-C stopped the training.

    Raises:
        BundleError: the bundle is missing or damaged, or its generator cannot be read back.
        ConfigError: `features` or `kimg` breaks its rule.
        OutputError: `out` holds something, or it or the checkpoints cannot be written.
        RunError: OUT.training has checkpoints of another training.
    """
    if not 0 < kimg <= 1e6:
        raise ConfigError(f"--kimg {kimg:g}: must be above 0, and 1e6 at most; 1000 is usual")
    check_vacant(out)
    keep_freed_memory()
    taught = read_bundle(find_bundle(bundle))
    theirs = trained_config(taught)
    config = _config(theirs, features)
    encoder = OnnxTextEncoder(taught.folder, taught.manifest.text_encoder.name)
    say(f"encoding {len(sentences):,} sentences")
    embeddings = torch.from_numpy(CachedTextEncoder(encoder).encode(sentences))
    device = default_device()
    lesson = _lesson(taught, theirs, embeddings.to(device), seed)
    student = _new_student(config, lesson, device)
    facts = {"name": taught.manifest.name, "version": taught.manifest.version}
    facts["sha256"] = sha256_of(taught.folder / MANIFEST)
    identity = _identity(facts["sha256"], sentences, features, seed)
    folder = out.with_name(f"{out.name}.training")
    steps = max(1, round(kimg * 1000 / BATCH))
    difference = _train(student, lesson, steps, folder, identity, encoder, say)
    if student.step < steps:
        return None
    report = StudentReport(
        teacher=facts,
        kimg=student.step * BATCH / 1000,
        sentences=len(sentences),
        seed=seed,
        parameters=sum(weight.numel() for weight in student.ema.parameters()),
        difference=difference,
    )
    _write(out, taught, config, encoder, student, report)
    remove(folder)
    return report


def _config(theirs: RunConfig, features: int) -> RunConfig:
    """Return the teacher's configuration with the student's sizes."""
    tree = theirs.model_dump()
    tree["generator"] |= {"features": features, "shuffle": True, "attention": 0}
    try:
        return RunConfig.model_validate(tree)
    except ValueError as error:
        raise ConfigError(f"--features {features}: {error}") from error


def _lesson(taught: Bundle, theirs: RunConfig, embeddings: Tensor, seed: int) -> Lesson:
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
    """Return the mean absolute difference of two maps, as a share of the mean size of the second."""
    theirs = theirs.float()
    return (ours.float() - theirs).abs().mean() / theirs.abs().mean()


def _new_student(config: RunConfig, lesson: Lesson, device: torch.device) -> Student:
    """Return a student that has the teacher's weights where the shapes are the same."""
    torch.manual_seed(lesson.seed)
    generator, ema = (build_generator(config, lesson.embeddings.shape[1]) for _ in range(2))
    theirs, own = lesson.teacher.state_dict(), generator.state_dict()
    for name, values in theirs.items():
        if name in own and own[name].shape == values.shape:
            own[name] = values
    for network in (generator, ema):
        network.load_state_dict(own)
        network.to(device=device, memory_format=torch.channels_last)
    ema.eval().requires_grad_(False)
    optimiser = Adam(generator.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True)
    return Student(generator, ema, optimiser)


@torch.no_grad()
def _update_ema(student: Student) -> None:
    halflife = min(EMA_HALFLIFE_KIMG * 1000, student.step * BATCH / 20)
    ema: list[Tensor] = [*student.ema.parameters()]
    torch._foreach_lerp_(ema, [*student.generator.parameters()], 1 - 0.5 ** (BATCH / halflife))


def _identity(teacher: str, sentences: Iterable[str], features: int, seed: int) -> str:
    """Return a name for the trainings of this teacher with these arguments."""
    content = "\n".join([teacher, str(features), str(seed), *sentences])
    return hashlib.sha256(content.encode()).hexdigest()


def _train(
    student: Student,
    lesson: Lesson,
    steps: int,
    folder: Path,
    identity: str,
    encoder: OnnxTextEncoder,
    say: Say,
) -> float:
    """Continue until `steps` steps or Ctrl-C, saving on the way; return the last L1 in levels."""
    saved = checkpoints(folder)
    if saved:
        saved[-1].check_belongs_to(identity)
        load_checkpoint(saved[-1], student, encoder.identity)
        say(f"continuing after {student.step * BATCH / 1000:.1f} kimg")
    pixels = torch.zeros(())
    with StopRequest() as stop:
        while student.step < steps and not stop.requested:
            pixels, features = lesson.learn(student)
            if student.step % SAY_EVERY == 0:
                done, whole = (count * BATCH / 1000 for count in (student.step, steps))
                say(
                    f"{done:.1f} of {whole:.1f} kimg: pictures differ by "
                    f"{pixels.item() * 127.5:.1f} of 255, maps by {features.item():.3f}"
                )
            if student.step % SAVE_EVERY == 0 or student.step == steps or stop.requested:
                what = f"checkpoint in '{folder}' cannot be written"
                with os_errors_as(OutputError, what, "make room, and start again"):
                    save_checkpoint(student, encoder.identity, folder, 1, identity)
    return pixels.item() * 127.5


def _write(
    out: Path,
    taught: Bundle,
    config: RunConfig,
    encoder: OnnxTextEncoder,
    student: Student,
    report: StudentReport,
) -> None:
    """Write the student's bundle: the teacher's files with another generator, sample and card."""
    theirs = taught.manifest
    ema = student.ema.cpu()
    facts = replace(
        theirs.training,
        kimg=report.kimg,
        steps=student.step,
        extractors=tuple(dict.fromkeys((*theirs.training.extractors, EXTRACTOR))),
        config=without_places(config),
        style=None,
        student=asdict(report),
    )
    manifest = replace(theirs, name=out.resolve().name, training=facts, captiongan=__version__)
    card = with_student_section(model_card(manifest, SAMPLES, False, True), asdict(report))
    left_out = STYLE_FILE, CRITIC_FILE
    files = {name: each for name, each in contents(taught).items() if name not in left_out}
    files[GENERATOR_FILE] = drawing(ema, config, encoder.dim)
    files["sample.png"] = sample(ema, config, encoder, theirs.sample_prompts)
    files["README.md"] = card.encode()
    write_bundle(out, files, manifest)
