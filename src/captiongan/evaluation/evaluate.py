"""The verb `evaluate`: open an exam, let every candidate sit it, tell the results."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from captiongan.bundle.manifest import RANKER_FILE
from captiongan.bundle.text_encoder import EncoderIdentity, TextEncoder
from captiongan.compute.memory import keep_freed_memory
from captiongan.data.store import PictureStore, open_store
from captiongan.draw.prompts import check_truncation, seeds_of
from captiongan.errors import ConfigError, DataError
from captiongan.evaluation.benchmark import (
    SAME_CAPTION,
    Answers,
    Exam,
    answers_at_all_sides,
    questions,
)
from captiongan.evaluation.candidate import Candidate, open_candidate
from captiongan.evaluation.comparison import Difference, differences
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import (
    Extractor,
    choose_extractor,
    choose_extractors,
    remembered_features,
)
from captiongan.evaluation.probes import open_judges
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.scores import Marker, Result
from captiongan.runs.load_trained import Which
from captiongan.text.cached import CachedTextEncoder
from captiongan.text.minilm import MiniLM

TRAIN = "train"
"""The split that candidates and judges learn from."""

MOST_PICTURES = 50_000
"""More would take the memory of a small machine, and KID hours."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Paper:
    """One candidate with its answers, as the largest side of the exam sees them, and its marks."""

    candidate: Candidate
    answers: Answers
    marks: list[Result]


@dataclass(frozen=True)
class Evaluation:
    """An exam, what the candidates made of it, and how they compare.

    `exams` are that exam at each side of the extractor, in ascending order.
    """

    data: str
    split: str
    rejects: int
    also_in_train: int
    sentences: EncoderIdentity
    exams: list[Exam]
    papers: list[Paper]
    differences: list[Difference]

    @property
    def exam(self) -> Exam:
        """The exam at the largest side, which sees most of a picture."""
        return self.exams[-1]


def evaluate(
    models: Sequence[str],
    data: Path,
    split: str,
    extractor_name: str,
    per_picture: int,
    seed: int,
    which: Which,
    say: Say,
    truncation: float = 1.0,
    sides: Sequence[int] | None = None,
    best_of: int = 1,
) -> Evaluation:
    """Score bundles and runs on one split of a data set.

    Args:
        models: run folders, bundles' folders, or names of shipped bundles.
        data: a folder with a captioned folder for each split, `train` among them.
        split: the captioned folder in it whose captions are drawn.
        extractor_name: the network that judges, see `choose_extractors`.
        per_picture: how many pictures to draw for each real one.
        seed: of the first picture, of the rival captions, and of the stand-ins.
        which: checkpoint of a run.
        say: hears what is going on.
        truncation: multiplies the noise of all models, see `Pipeline.generate`.
        sides: in pixels, at which the extractor looks at pictures; each score is the mean over
            them. Without any, those of `choose_extractors`.
        best_of: how many pictures to draw for each that is scored; the one that the model's own
            ranker likes best is kept.

    Raises:
        BundleError, RunError: a model cannot be opened, or draws what is not finite.
        ConfigError: models of different resolutions, too many pictures, an extractor that is none,
            took part, or cannot look at these sides, or a model without a ranker with `best_of`
            above 1.
        DataError: the split cannot be used.
        OutputError: the cache cannot be written.
        PromptError: `truncation` is not above 0 and at most 1, or `best_of` not 1 to 64.
    """
    keep_freed_memory()
    truncation = check_truncation(truncation)
    seeds_of(0, 1, best_of)
    opened = [open_candidate(model, which) for model in models]
    for each in opened:
        _check_ranker(each, best_of)
    candidates = _told_apart(
        [replace(each, truncation=truncation, best_of=best_of) for each in opened]
    )
    resolution = _common_resolution(candidates)
    took_part = {name for candidate in candidates for name in candidate.took_part}
    extractors = choose_extractors(extractor_name, sides, took_part)
    encoder = CachedTextEncoder(
        MiniLM(), lambda done, total: say(f"encoded {done:,} of {total:,} new captions")
    )
    store = _open_split(data, split, resolution)
    _check_total(len(store.examples), per_picture)
    first, *others = extractors
    exam = _open_exam(store, data, split, first, encoder, per_picture, seed, say)
    exams = [exam, *(_seen_by(each, exam, encoder.identity, say) for each in others)]
    exams = _of_one_size(exams, choose_extractor(extractor_name, took_part))
    marker, papers = Marker(*exams), []
    for candidate in candidates:
        say(f"{candidate.name}: drawing and scoring {exam.captions.size:,} pictures")
        answers = answers_at_all_sides(exams, candidate)
        papers.append(Paper(candidate, answers[-1], marker.mark(*answers)))
    return Evaluation(
        data=data.resolve().name,
        split=split,
        rejects=len(store.rejects),
        also_in_train=_also_in_train(exam),
        sentences=encoder.identity,
        exams=exams,
        papers=papers,
        differences=differences([paper.marks for paper in papers], seed),
    )


def _check_ranker(candidate: Candidate, best_of: int) -> None:
    if best_of > 1 and candidate.score is None:
        raise ConfigError(
            f"--best-of {best_of}: '{candidate.name}' has no {RANKER_FILE}; teach a copy of the "
            "bundle to rank (captiongan rank train BUNDLE DATA --out NEW) and evaluate that"
        )


def _told_apart(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Number the candidates of one name."""
    names = [candidate.name for candidate in candidates]
    return [
        replace(each, name=f"{each.name} #{names[: place + 1].count(each.name)}")
        if names.count(each.name) > 1
        else each
        for place, each in enumerate(candidates)
    ]


def _common_resolution(candidates: Sequence[Candidate]) -> int:
    resolutions = {candidate.resolution for candidate in candidates}
    if len(resolutions) > 1:
        each = ", ".join(f"{one.name} {one.resolution}" for one in candidates)
        raise ConfigError(
            f"the models draw pictures of different sides ({each}), whose scores do not compare; "
            "evaluate them one by one"
        )
    return resolutions.pop()


def _open_split(data: Path, split: str, resolution: int) -> PictureStore:
    if not (data / split).is_dir():
        raise DataError(
            f"--data '{data}' has no folder '{split}'; give a folder with one captioned folder for "
            f"each split, such as {TRAIN} and test, and name one of them with --split"
        )
    store = open_store(str(data / split), resolution, minimum_side=1)
    if len(store.examples) < 2:
        raise DataError(
            f"--split '{data / split}' has {len(store.examples)} usable picture; it takes 2 to "
            "compare anything, and 100 for all scores"
        )
    return store


def _open_exam(
    store: PictureStore,
    data: Path,
    split: str,
    extractor: Extractor,
    encoder: TextEncoder,
    per_picture: int,
    seed: int,
    say: Say,
) -> Exam:
    say(f"{len(store.examples):,} real pictures of '{split}', extractor {extractor.identity}")
    real = RealPictures.describe(store.examples, store.pictures, extractor, encoder)
    train, no_train = None, _why_no_train(data, split)
    if not no_train:
        say(f"learning from '{TRAIN}'; the first time takes minutes")
        learned = open_store(str(data / TRAIN), store.pictures.shape[1], minimum_side=1)
        train = RealPictures.describe(learned.examples, learned.pictures, extractor, encoder)
    return Exam(
        real=real,
        train=train,
        no_train=no_train,
        judges=open_judges(train, extractor.identity, encoder.identity) if train else None,
        extractor=extractor,
        captions=questions(real, per_picture, SAME_CAPTION),
        seed=seed,
    )


def _seen_by(extractor: Extractor, exam: Exam, sentences: EncoderIdentity, say: Say) -> Exam:
    """Return the same exam as another extractor sees it, with judges of its own."""
    say(f"extractor {extractor.identity}")
    train = exam.train.seen_by(extractor) if exam.train else None
    return replace(
        exam,
        real=exam.real.seen_by(extractor),
        train=train,
        judges=open_judges(train, extractor.identity, sentences) if train else None,
        extractor=extractor,
    )


def _of_one_size(exams: Sequence[Exam], own: Extractor) -> list[Exam]:
    """Scale the features of each side to the root mean square that they have at the own side.

    It is that of the real pictures. Features shrink as the side grows, by four times from 96 to 224
    pixels, and KID and FID with them, so that unscaled the smallest side would outweigh all others.
    """
    wanted = _size(remembered_features(own, exams[0].real.pictures))
    return [replace(exam, scale=wanted / _size(exam.real.features)) for exam in exams]


def _size(features: Features) -> float:
    return float(np.sqrt(np.square(features, dtype=np.float64).mean()))


def _also_in_train(exam: Exam) -> int:
    """Count the real pictures that the train split has as well, pixel for pixel."""
    learned = exam.train.pictures if exam.train else ()
    known = {hashlib.sha256(picture.tobytes()).digest() for picture in learned}
    return sum(hashlib.sha256(each.tobytes()).digest() in known for each in exam.real.pictures)


def _check_total(pictures: int, per_picture: int) -> None:
    if pictures * per_picture > MOST_PICTURES:
        raise ConfigError(
            f"--per-picture {per_picture}: {pictures * per_picture:,} pictures for {pictures:,} "
            f"real ones, at most {MOST_PICTURES:,} can be scored; take "
            f"{max(1, MOST_PICTURES // pictures)} or a smaller split"
        )


def _why_no_train(data: Path, split: str) -> str:
    if not (data / TRAIN).is_dir():
        return f"the data set has no folder '{TRAIN}' to learn from"
    if (data / split).samefile(data / TRAIN):
        return f"'{TRAIN}' is what the judges would learn from"
    return ""
