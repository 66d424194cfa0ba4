"""Training of a student: a smaller generator that draws what a bundle's generator draws.

The teacher draws all pictures itself, so no photographs are needed. `lesson.py` has the equation.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

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
from captiongan.bundle.model_card import model_card, with_ranking_section, with_student_section
from captiongan.bundle.text_encoder import OnnxTextEncoder
from captiongan.compute.devices import default_device
from captiongan.compute.memory import keep_freed_memory
from captiongan.errors import BundleError, ConfigError, OutputError
from captiongan.export.export import SAMPLES, drawing, sample, without_places
from captiongan.runs.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.training.interrupt import StopRequest
from captiongan.training.lesson import BATCH, Lesson, Student, new_student, open_lesson
from captiongan.training.starting_config import trained_config
from captiongan.version import __version__

EXTRACTOR = "lite0"
COMPOSED = 20_000
"""Sentences that are composed if none are given."""
SAY_EVERY, SAVE_EVERY = 50, 200
"""Steps from one line of progress, and from one checkpoint, to the next."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class StudentReport:
    """How a student was trained: by which bundle, on how many of its pictures and sentences.

    `difference` is the mean absolute difference of its pictures from the teacher's, in levels of
    255, for noise that it did not learn.
    """

    teacher: Mapping[str, str]
    kimg: float
    sentences: int
    seed: int
    parameters: int
    difference: float
    captiongan: str = __version__


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
    if taught.manifest.training.data is None:
        raise BundleError(
            f"bundle '{taught.folder}' does not say what data it was trained on ('training > data' "
            f"in {MANIFEST}); export it again"
        )
    config = _config(theirs, features)
    encoder = OnnxTextEncoder(taught.folder, taught.manifest.text_encoder.name)
    say(f"encoding {len(sentences):,} sentences")
    embeddings = torch.from_numpy(CachedTextEncoder(encoder).encode(sentences))
    device = default_device()
    lesson = open_lesson(taught, theirs, embeddings.to(device), seed)
    student = new_student(config, lesson, device)
    facts = {"name": taught.manifest.name, "version": taught.manifest.version}
    facts["sha256"] = sha256_of(taught.folder / MANIFEST)
    identity = _identity(facts["sha256"], sentences, features, seed)
    folder = out.with_name(f"{out.name}.training")
    steps = max(1, round(kimg * 1000 / BATCH))
    _train(student, lesson, steps, folder, identity, encoder, say)
    if student.step < steps:
        return None
    report = StudentReport(
        teacher=facts,
        kimg=student.step * BATCH / 1000,
        sentences=len(sentences),
        seed=seed,
        parameters=sum(weight.numel() for weight in student.ema.parameters()),
        difference=lesson.difference(student),
    )
    _write(out, taught, config, encoder, student, sentences, report)
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
) -> None:
    """Continue until `steps` steps or Ctrl-C, saving on the way."""
    saved = checkpoints(folder)
    if saved:
        saved[-1].check_belongs_to(identity)
        load_checkpoint(saved[-1], student, encoder.identity)
        say(f"continuing after {student.step * BATCH / 1000:.1f} kimg")
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


def _write(
    out: Path,
    taught: Bundle,
    config: RunConfig,
    encoder: OnnxTextEncoder,
    student: Student,
    sentences: Sequence[str],
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
    manifest = replace(
        theirs,
        name=out.resolve().name,
        sample_prompts=theirs.sample_prompts or tuple(sentences[:1]),
        training=facts,
        captiongan=__version__,
    )
    card = with_student_section(model_card(manifest, SAMPLES, False, True), asdict(report))
    if taught.has_ranker and facts.ranker:
        card = with_ranking_section(card, facts.ranker)
    left_out = STYLE_FILE, CRITIC_FILE
    files = {name: each for name, each in contents(taught).items() if name not in left_out}
    files[GENERATOR_FILE] = drawing(ema, config, encoder.dim)
    files["sample.png"] = sample(ema, config, encoder, manifest.sample_prompts)
    files["README.md"] = card.encode()
    write_bundle(out, files, manifest)
