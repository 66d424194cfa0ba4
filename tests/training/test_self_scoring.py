"""A run scores itself with a benchmark of its own, the same at every reading."""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from captiongan.base.cache import CACHE_VARIABLE
from captiongan.data.store import Pictures, open_store
from captiongan.data.toy import toy_examples
from captiongan.evaluation import extractors, probe_training
from captiongan.evaluation.benchmark import Samples
from captiongan.evaluation.candidate import of_generator
from captiongan.evaluation.coverage import nearest
from captiongan.evaluation.needs import FEWEST
from captiongan.evaluation.scores import kid, r_at_1
from captiongan.runs.alarms import Alarms
from captiongan.runs.config import RunConfig
from captiongan.training import self_scoring
from captiongan.training.progress_in_kimg import like_kimg
from captiongan.training.self_scoring import RunScores
from support.tiny_exam import BlockMeans, WordEncoder
from support.tiny_run import CONFIG, StubEncoder, tiny_state

CPU = torch.device("cpu")
PICTURES = 520


def config_of(source: str, seed: int = 0) -> RunConfig:
    data = CONFIG.data.model_copy(update={"source": source})
    training = CONFIG.training.model_copy(update={"seed": seed})
    return CONFIG.model_copy(update={"data": data, "training": training})


def put_in_stand_ins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(self_scoring, "choose_encoder", lambda _: WordEncoder())
    patch.setattr(probe_training, "STEPS", 5)
    patch.setitem(extractors.EXTRACTORS, "lite0", lambda *_: BlockMeans("lite0"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("scoring"))


def opened(
    cache: str, seed: int = 0, pictures: int = PICTURES, told: list[str] | None = None
) -> RunScores:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, cache)
        put_in_stand_ins(patch)
        config = config_of(f"toy:{pictures}", seed)
        say = print if told is None else told.append
        found = RunScores.open(config, StubEncoder(), CPU, say)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def scores(cache: str) -> Iterator[RunScores]:
    yield opened(cache)


@pytest.fixture(scope="module")
def few(cache: str) -> RunScores:
    """The scores of as few pictures as get any."""
    return opened(cache, pictures=FEWEST)


@pytest.mark.parametrize("source", ["toy:10", "toy:49"])
def test_too_few_pictures_are_not_scored_and_the_run_says_why(source: str) -> None:
    told: list[str] = []
    assert RunScores.open(config_of(source), StubEncoder(), CPU, told.append) is None
    assert told == [f"no scores: {source.removeprefix('toy:')} pictures, at least 50 are needed"]


def test_without_pictures_for_a_judge_all_are_the_exam_and_the_run_says_what_it_lacks(
    cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("MiniLM reads no captions where no probe does")

    monkeypatch.setattr(WordEncoder, "encode", fail)
    for pictures in (FEWEST, 497):
        told: list[str] = []
        benchmark = opened(cache, pictures=pictures, told=told).benchmark
        assert (len(benchmark.real), benchmark.train, benchmark.probes) == (pictures, None, None)
        assert told[0] == (
            f"too few pictures for R@1: {pictures}, at least 500 are needed; KID alone, against "
            "all of them, will choose the best checkpoint"
        )
        assert benchmark.captions.size >= 1000
        assert not any("R@1 0" in line for line in told)


def test_five_hundred_pictures_are_enough_for_a_judge(cache: str) -> None:
    told: list[str] = []
    assert opened(cache, pictures=500, told=told).benchmark.probes is not None
    assert not any("too few" in line for line in told)
    assert re.fullmatch(r"R@1 of real pictures, the ceiling: \d\.\d{3}", told[-1])


def test_a_fifth_of_the_pictures_is_set_apart_and_the_judge_learns_from_the_others(
    scores: RunScores, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = scores.benchmark
    assert benchmark.train is not None
    assert benchmark.probes is not None
    assert (len(benchmark.real), len(benchmark.train)) == (PICTURES // 5, PICTURES - PICTURES // 5)
    monkeypatch.setenv(CACHE_VARIABLE, cache)
    store = open_store(f"toy:{PICTURES}", 16, 16)
    pictures = {
        example.file_name: picture.tobytes()
        for example, picture in zip(store.examples, store.pictures, strict=True)
    }
    found = {
        example.file_name: picture.tobytes()
        for part in (benchmark.real, benchmark.train)
        for example, picture in zip(part.examples, part.pictures, strict=True)
    }
    assert found == pictures  # each in one part, and none in both
    assert len(benchmark.real) + len(benchmark.train) == len(found)
    learned = benchmark.probes.report
    assert learned.pictures + learned.held_out == len(benchmark.train)


def test_a_thousand_pictures_are_drawn_of_all_captions_in_turn(scores: RunScores) -> None:
    benchmark = scores.benchmark
    assert benchmark.captions.shape == (10, PICTURES // 5)
    turns = benchmark.captions - benchmark.real.first_captions
    assert (turns == (np.arange(10) % 5)[:, None]).all()


def test_the_exam_is_the_same_at_every_opening_and_another_for_another_seed(
    scores: RunScores, cache: str
) -> None:
    again, other = opened(cache), opened(cache, seed=1)
    assert again.benchmark.real.examples == scores.benchmark.real.examples
    assert again.benchmark.probes is not None
    assert scores.benchmark.probes is not None
    assert again.benchmark.probes.sha256 == scores.benchmark.probes.sha256
    assert other.benchmark.real.examples != scores.benchmark.real.examples
    # Not the first fifth of the folder, which may be sorted by class.
    names = sorted(example.file_name for example in scores.benchmark.real.examples)
    assert names[-1] > f"toy_{PICTURES // 2:06d}"


def test_the_extractor_that_the_configuration_names_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_stand_ins(monkeypatch)
    monkeypatch.setitem(extractors.EXTRACTORS, "lite1", lambda *_: BlockMeans("lite1"))
    config = config_of("toy:500")
    named = config.scores.model_copy(update={"extractor": "lite1"})
    found = RunScores.open(config.model_copy(update={"scores": named}), StubEncoder(), CPU, print)
    assert found is not None
    assert found.benchmark.extractor.identity.name == "lite1"


def test_the_figures_are_kid_r_at_1_and_novelty_of_what_the_average_draws(
    scores: RunScores,
) -> None:
    ema = tiny_state().ema
    metrics = scores.measure(ema)
    samples = scores.benchmark.samples_of(of_generator(scores.config, ema, StubEncoder()))
    distance, found = kid(scores.benchmark, samples), r_at_1(scores.benchmark, samples)
    assert metrics == {
        "score_kid": distance.value,
        "score_kid_standard_error": distance.standard_error,
        "score_r_at_1": found.value,
        "score_error": pytest.approx(distance.value * (1 - found.value)),
        "score_novelty": pytest.approx(novelty_of(scores, samples)),
    }
    assert metrics["score_kid"] > 0  # an untrained generator
    assert scores.measure(ema) == metrics


@pytest.mark.parametrize(("times", "told"), [(0.1, False), (10.0, True)])
def test_a_run_is_likened_to_one_from_scratch_once_it_is_as_good_as_the_shortest_of_them(
    times: float, told: bool, scores: RunScores
) -> None:
    ema = tiny_state().ema
    distance = scores.measure(ema)["score_kid"]
    metrics = replace(scores, flat=times * distance).measure(ema)
    assert metrics.get("score_like_kimg") == like_kimg(1 / times)
    assert ("score_like_kimg" in metrics) == told


def test_without_a_judge_the_error_is_kid_alone(few: RunScores) -> None:
    ema = tiny_state().ema
    metrics = few.measure(ema)
    samples = few.benchmark.samples_of(of_generator(few.config, ema, StubEncoder()))
    distance = kid(few.benchmark, samples)
    assert metrics == {
        "score_kid": distance.value,
        "score_kid_standard_error": distance.standard_error,
        "score_error": distance.value,
        "score_novelty": pytest.approx(novelty_of(few, samples)),
    }


def novelty_of(scores: RunScores, samples: Samples) -> float:
    """Measure it from the pictures of the benchmark, those the probe learned from among them."""
    parts = [
        part.features
        for part in (scores.benchmark.real, scores.benchmark.train)
        if part is not None
    ]
    real = np.concatenate(parts)
    between = np.linalg.norm(real[:, None] - real, axis=2)
    np.fill_diagonal(between, np.inf)
    drawn = samples.features.reshape(-1, real.shape[1])
    return float(nearest(drawn, real)[1].mean() / between.min(axis=1).mean())


def told_of(scores: RunScores, pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the alarms about a generator whose samples are these pictures, drawn at random."""
    benchmark = scores.benchmark
    rows = np.random.default_rng(0).integers(len(pictures), size=benchmark.captions.shape)
    features = benchmark.extractor.features(pictures)
    samples = Samples(pictures[rows], features[rows], benchmark.captions)
    monkeypatch.setattr("captiongan.evaluation.benchmark.Benchmark.samples_of", lambda *_: samples)
    lines: list[str] = []
    Alarms(0, lines.append).check_scores(1, scores.measure(tiny_state().ema))
    return lines


def test_whoever_draws_the_training_pictures_again_is_told_to_the_user(
    scores: RunScores, few: RunScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it learned by heart what is not in the benchmark, and not to the last level."""
    assert scores.benchmark.train is not None
    for which, real in (
        (scores, scores.benchmark.train),
        (scores, scores.benchmark.real),
        (few, few.benchmark.real),
    ):
        almost = (real.pictures // 2 * 2).astype(np.uint8)
        (line,) = told_of(which, almost, monkeypatch)
        assert line.startswith("alarm at step 1: the generator repeats its training pictures: its ")


def test_whoever_draws_pictures_of_the_same_kind_is_not_told_of(
    scores: RunScores, few: RunScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers = np.stack([np.asarray(each.picture) for each in toy_examples(300, 16, seed=9)])
    for which in (scores, few):
        assert told_of(which, strangers, monkeypatch) == []


def test_where_every_training_picture_has_a_double_there_is_no_novelty(few: RunScores) -> None:
    doubled = replace(few, spacing=self_scoring._spacing(np.repeat(few.features, 2, axis=0)))
    assert "score_novelty" not in doubled.measure(tiny_state().ema)


def test_of_many_pictures_some_are_asked_for_their_neighbours(
    scores: RunScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_scoring, "MOST_NEIGHBOURS", PICTURES // 2)
    assert self_scoring._spacing(scores.features) == pytest.approx(scores.spacing, rel=0.1)


def test_no_error_is_below_that_of_a_distance_of_zero(
    scores: RunScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real pictures themselves are at a distance below zero, as the estimate is unbiased."""

    def real(*_: object) -> Samples:
        return scores.benchmark.of_real

    monkeypatch.setattr("captiongan.evaluation.benchmark.Benchmark.samples_of", real)
    metrics = scores.measure(tiny_state().ema)
    assert metrics["score_kid"] < 0
    assert metrics["score_error"] == 0
