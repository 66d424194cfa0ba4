"""A student: a smaller generator that learns what a bundle draws."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from captiongan.base.files import sha256_of
from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle
from captiongan.bundle.manifest import GENERATOR_FILE, MANIFEST
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import RunError
from captiongan.runs.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from captiongan.training import lesson as lesson_module
from captiongan.training import student as student_module
from captiongan.training.bundle_weights import read_generator
from captiongan.training.lesson import Lesson, Student, new_student, open_lesson
from captiongan.training.starting_config import trained_config
from captiongan.training.student import distil
from support.command_line import captiongan
from support.tiny_run import equal

TEACHER = "flowers"
SENTENCES = ["a red flower", "a white flower with a yellow centre"]
FEATURES = 2


@pytest.fixture(autouse=True, scope="module")
def small_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson_module, "BATCH", 2)
        patch.setattr(student_module, "BATCH", 2)
        yield


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    taught = read_bundle(find_bundle(TEACHER))
    embeddings = torch.from_numpy(Pipeline(taught).encode(SENTENCES))
    return open_lesson(taught, trained_config(taught), embeddings, seed=0)


def new(lesson: Lesson) -> Student:
    config = student_module._config(trained_config(read_bundle(find_bundle(TEACHER))), FEATURES)
    return new_student(config, lesson, torch.device("cpu"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A student of eight pictures."""
    work = tmp_path_factory.mktemp("student")
    (work / "prompts.txt").write_text("\n".join(SENTENCES))
    out = work / "little"
    options = ["--prompts", str(work / "prompts.txt"), "--features", str(FEATURES)]
    captiongan("distill", TEACHER, "--out", str(out), "--kimg", "0.008", *options)
    return read_bundle(out)


def test_a_student_is_a_bundle_that_says_who_taught_it(bundle: Bundle) -> None:
    teacher = find_bundle(TEACHER)
    facts = bundle.manifest.training
    assert facts.config is not None and facts.student is not None
    assert facts.config["generator"]["features"] == FEATURES
    assert facts.config["generator"]["shuffle"]
    identity = {"name": "flowers", "version": "0.3.0", "sha256": sha256_of(teacher / MANIFEST)}
    assert facts.student["teacher"] == identity
    assert identity["sha256"] in (bundle.folder / "README.md").read_text()
    assert "lite0" in facts.extractors
    size = (bundle.folder / GENERATOR_FILE).stat().st_size
    assert size < (teacher / GENERATOR_FILE).stat().st_size / 2
    assert [path.name for path in bundle.folder.parent.iterdir() if path.is_dir()] == ["little"]


def test_it_draws_and_can_be_read_back(bundle: Bundle) -> None:
    (picture,) = Pipeline(bundle).generate("a red flower", n=1, seed=3)
    assert picture.image.size == (64, 64)
    assert "to_rgb.0.weight" in read_generator(bundle)


def test_a_student_comes_nearer_to_its_teacher(lesson: Lesson) -> None:
    student = new(lesson)
    before = lesson.difference(student)
    for _ in range(12):
        lesson.learn(student)
    assert lesson.difference(student) < 0.97 * before


def test_a_training_that_was_stopped_continues_as_if_it_had_not_been(
    lesson: Lesson, tmp_path: Path
) -> None:
    encoder = read_bundle(find_bundle(TEACHER)).manifest.text_encoder
    whole = new(lesson)
    for _ in range(2):
        lesson.learn(whole)
    half, resumed = new(lesson), new(lesson)
    lesson.learn(half)
    save_checkpoint(half, encoder, tmp_path, 1)
    load_checkpoint(checkpoints(tmp_path)[-1], resumed, encoder)
    lesson.learn(resumed)
    for part, tensors in whole.state().items():
        assert equal(tensors, resumed.state()[part])


def test_checkpoints_of_other_sentences_are_not_continued(tmp_path: Path, lesson: Lesson) -> None:
    encoder = read_bundle(find_bundle(TEACHER)).manifest.text_encoder
    save_checkpoint(new(lesson), encoder, tmp_path / "out.training", 1, "another")
    with pytest.raises(RunError, match="checkpoint of another run"):
        distil(TEACHER, SENTENCES, tmp_path / "out", FEATURES, 0.01, 0, lambda _: None)
