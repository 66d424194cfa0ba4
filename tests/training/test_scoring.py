"""A run scores itself with an exam of its own, the same at every reading."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from captiongan.cache import CACHE_VARIABLE
from captiongan.config import RunConfig
from captiongan.data.store import open_store
from captiongan.evaluation import extractors, judges
from captiongan.evaluation.candidate import of_generator
from captiongan.evaluation.exam import Answers
from captiongan.evaluation.scores import kid, r_at_1
from captiongan.training import scoring
from captiongan.training.scoring import RunScores
from tiny_exam import BlockMeans, WordEncoder
from tiny_run import CONFIG, StubEncoder, tiny_game

CPU = torch.device("cpu")
PICTURES = 520


def config_of(source: str, seed: int = 0) -> RunConfig:
    data = CONFIG.data.model_copy(update={"source": source})
    training = CONFIG.training.model_copy(update={"seed": seed})
    return CONFIG.model_copy(update={"data": data, "training": training})


def put_in_stand_ins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scoring, "choose_encoder", lambda _: WordEncoder())
    patch.setattr(judges, "STEPS", 5)
    patch.setitem(extractors.EXTRACTORS, "lite0", lambda _: BlockMeans("lite0"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("scoring"))


def opened(cache: str, seed: int = 0) -> RunScores:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, cache)
        put_in_stand_ins(patch)
        config = config_of(f"toy:{PICTURES}", seed)
        found = RunScores.open(config, StubEncoder(), CPU, print)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def scores(cache: str) -> Iterator[RunScores]:
    yield opened(cache)


@pytest.mark.parametrize("source", ["toy:10", "toy:497"])
def test_too_few_pictures_are_not_scored_and_the_run_says_why(source: str) -> None:
    told: list[str] = []
    assert RunScores.open(config_of(source), StubEncoder(), CPU, told.append) is None
    assert told == [f"no scores: {source.removeprefix('toy:')} pictures, it takes 500"]


def test_a_fifth_of_the_pictures_is_set_apart_and_the_judge_learns_from_the_others(
    scores: RunScores, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = scores.exam
    assert exam.train is not None
    assert exam.judges is not None
    assert (len(exam.real), len(exam.train)) == (PICTURES // 5, PICTURES - PICTURES // 5)
    monkeypatch.setenv(CACHE_VARIABLE, cache)
    store = open_store(f"toy:{PICTURES}", 16, 16)
    pictures = {
        example.file_name: picture.tobytes()
        for example, picture in zip(store.examples, store.pictures, strict=True)
    }
    found = {
        example.file_name: picture.tobytes()
        for part in (exam.real, exam.train)
        for example, picture in zip(part.examples, part.pictures, strict=True)
    }
    assert found == pictures  # each in one part, and none in both
    assert len(exam.real) + len(exam.train) == len(found)
    learned = exam.judges.report
    assert learned.pictures + learned.held_out == len(exam.train)


def test_a_thousand_pictures_are_drawn_of_all_captions_in_turn(scores: RunScores) -> None:
    exam = scores.exam
    assert exam.captions.shape == (10, PICTURES // 5)
    turns = exam.captions - exam.real.first_captions
    assert (turns == (np.arange(10) % 5)[:, None]).all()


def test_the_exam_is_the_same_at_every_opening_and_another_for_another_seed(
    scores: RunScores, cache: str
) -> None:
    again, other = opened(cache), opened(cache, seed=1)
    assert again.exam.real.examples == scores.exam.real.examples
    assert again.exam.judges is not None
    assert scores.exam.judges is not None
    assert again.exam.judges.sha256 == scores.exam.judges.sha256
    assert other.exam.real.examples != scores.exam.real.examples
    # Not the first fifth of the folder, which may be sorted by class.
    names = sorted(example.file_name for example in scores.exam.real.examples)
    assert names[-1] > f"toy_{PICTURES // 2:06d}"


def test_the_extractor_that_the_configuration_names_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_stand_ins(monkeypatch)
    monkeypatch.setitem(extractors.EXTRACTORS, "lite1", lambda _: BlockMeans("lite1"))
    config = config_of("toy:500")
    named = config.scores.model_copy(update={"extractor": "lite1"})
    found = RunScores.open(config.model_copy(update={"scores": named}), StubEncoder(), CPU, print)
    assert found is not None
    assert found.exam.extractor.identity.name == "lite1"


def test_the_figures_are_kid_and_r_at_1_of_what_the_average_draws(scores: RunScores) -> None:
    average = tiny_game().average
    figures = scores.measure(average)
    answers = scores.exam.answers(of_generator(scores.config, average, StubEncoder()))
    distance, found = kid(scores.exam, answers), r_at_1(scores.exam, answers)
    assert figures == {
        "score_kid": distance.value,
        "score_kid_standard_error": distance.standard_error,
        "score_r_at_1": found.value,
        "score_error": pytest.approx(distance.value * (1 - found.value)),
    }
    assert figures["score_kid"] > 0  # an untrained generator
    assert scores.measure(average) == figures


def test_no_error_is_below_that_of_a_distance_of_zero(
    scores: RunScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real pictures themselves are at a distance below zero, as the estimate is unbiased."""

    def real(*_: object) -> Answers:
        return scores.exam.of_real

    monkeypatch.setattr("captiongan.evaluation.exam.Exam.answers", real)
    figures = scores.measure(tiny_game().average)
    assert figures["score_kid"] < 0
    assert figures["score_error"] == 0
