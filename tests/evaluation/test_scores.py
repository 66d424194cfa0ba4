"""Scores have the values that are known for constructed samples, or are left out and say why."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from captiongan.evaluation import needs, scores
from captiongan.evaluation.benchmark import (
    SAME_CAPTION,
    Benchmark,
    Samples,
    captions_to_draw,
    samples_at_all_sides,
)
from captiongan.evaluation.colours import colour_agreement
from captiongan.evaluation.coverage import manifold_scores, nearest
from captiongan.evaluation.distances import Features, frechet_distance, kernel_distance
from captiongan.evaluation.needs import FEWEST_PAIRS
from captiongan.evaluation.probes import Classifier, LinearMap
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.score_type import Measured, NotMeaningfulError
from captiongan.evaluation.scorer import Scorer, ScoreResult
from captiongan.evaluation.scores import SCORES
from support.tiny_exam import (
    TRAIN,
    BlockMeans,
    WordEncoder,
    at_side,
    painter,
    tiny_benchmark,
    tiny_real,
)

BY_NAME = {score.name: score for score in SCORES}
MANIFOLD = ("precision", "density", "recall", "coverage")
DISTRIBUTION = ("kid", "fid", *MANIFOLD)
WITHOUT_ERROR = {"fid", "precision", "density"}
JUDGED = ("r_at_1", "top_1", "top_5")


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    return tiny_benchmark()


@pytest.fixture(scope="module")
def painted(benchmark: Benchmark) -> Samples:
    return benchmark.samples_of(painter())


def measured(name: str, benchmark: Benchmark, samples: Samples) -> Measured:
    return BY_NAME[name].measure(benchmark, samples)


def value(name: str, benchmark: Benchmark, samples: Samples) -> float:
    return measured(name, benchmark, samples).value


def scored(benchmark: Benchmark, samples: Samples | None = None) -> dict[str, ScoreResult]:
    results = Scorer(benchmark).score(samples or benchmark.samples_of(painter()))
    return {result.score.name: result for result in results}


def with_features(samples: Samples, *rounds: Features) -> Samples:
    """Return one round for each of the arrays of features."""
    chosen = slice(len(rounds))
    return Samples(samples.pictures[chosen], np.stack(rounds), samples.captions[chosen])


# The right values


def test_there_are_thirteen_scores_and_each_has_a_name_of_its_own() -> None:
    assert list(BY_NAME) == [*DISTRIBUTION, "diversity", "novelty", *JUDGED, "colours", "binding"]
    assert len({score.title for score in SCORES}) == len(SCORES) == 13


def test_the_real_pictures_themselves_get_the_best_values(benchmark: Benchmark) -> None:
    found = {name: value(name, benchmark, benchmark.of_real) for name in BY_NAME}
    assert -0.01 < found["kid"] <= 0
    assert found["fid"] == pytest.approx(0, abs=0.01)
    assert found["precision"] == found["recall"] == found["coverage"] == 1
    assert found["density"] == pytest.approx(6 / 5)
    assert found["novelty"] == pytest.approx(1)
    assert found["diversity"] == 0  # the same picture four times
    assert found["colours"] == pytest.approx(1)
    assert found["r_at_1"] > 0.9
    assert 0.5 < found["top_1"] < found["top_5"]


def test_a_perfect_painter_gets_nearly_what_real_pictures_get(
    benchmark: Benchmark, painted: Samples
) -> None:
    for name in DISTRIBUTION[2:] + JUDGED + ("novelty", "colours"):
        difference = value(name, benchmark, painted) - value(name, benchmark, benchmark.of_real)
        assert abs(difference) < 0.15, name
    assert abs(value("kid", benchmark, painted)) < 0.01
    assert value("fid", benchmark, painted) < 0.1


def test_kid_is_that_of_all_answers_together(benchmark: Benchmark, painted: Samples) -> None:
    everything = painted.features.reshape(-1, painted.features.shape[-1])
    expected = kernel_distance(everything, benchmark.real.features).value
    assert value("kid", benchmark, painted) == pytest.approx(expected)
    assert measured("kid", benchmark, painted).pictures == everything.shape[0]


@pytest.mark.parametrize("name", ["kid", "fid"])
def test_distances_do_not_depend_on_the_size_that_features_have_at_a_side(
    name: str, benchmark: Benchmark, painted: Samples
) -> None:
    real = replace(benchmark.real, features=4 * benchmark.real.features)
    larger = replace(benchmark, real=real, scale=0.25)
    seen = with_features(painted, *(4 * painted.features))
    assert value(name, larger, seen) == pytest.approx(value(name, benchmark, painted), rel=1e-4)


def test_fid_is_the_mean_of_rounds_of_as_many_answers_as_real_pictures(
    benchmark: Benchmark, painted: Samples
) -> None:
    rounds = [frechet_distance(features, benchmark.real.features) for features in painted.features]
    assert value("fid", benchmark, painted) == pytest.approx(np.mean(rounds))
    assert measured("fid", benchmark, painted).pictures == painted.captions.size


@pytest.mark.parametrize("name", MANIFOLD)
def test_manifold_scores_are_means_of_rounds_of_as_many_answers_as_real_pictures(
    name: str, benchmark: Benchmark
) -> None:
    samples = benchmark.samples_of(painter(strength=0.6))
    rounds = [
        getattr(manifold_scores(features, benchmark.real.features), name).mean()
        for features in samples.features
    ]
    assert len(rounds) == SAME_CAPTION
    assert value(name, benchmark, samples) == pytest.approx(np.mean(rounds))


def test_diversity_is_one_where_answers_to_a_caption_differ_as_pictures_of_a_class_do(
    benchmark: Benchmark,
) -> None:
    random = np.random.default_rng(0)
    rows = np.array(
        [
            random.choice(np.flatnonzero(TRAIN.labels == own), 4, False)
            for own in benchmark.real.labels
        ]
    ).T
    samples = Samples(TRAIN.pictures[rows], TRAIN.features[rows], benchmark.captions)
    assert value("diversity", benchmark, samples) == pytest.approx(1, abs=0.05)
    assert value("diversity", benchmark, with_features(samples, *4 * [samples.features[0]])) == 0


def test_diversity_looks_at_no_more_than_the_first_four_rounds(benchmark: Benchmark) -> None:
    more = replace(benchmark, captions=captions_to_draw(benchmark.real, 6, SAME_CAPTION))
    samples = more.samples_of(painter())
    expected = value("diversity", more, replace(samples, features=samples.features[:4]))
    changed = samples.features.copy()
    changed[4:] = 0
    assert value("diversity", more, replace(samples, features=changed)) == expected
    assert measured("diversity", more, samples).pictures == 4 * len(more.real)


def test_novelty_is_the_distance_to_the_train_pictures_as_a_share_of_that_of_real_ones(
    benchmark: Benchmark,
) -> None:
    real = benchmark.real.features
    copies = TRAIN.features[nearest(real, TRAIN.features)[0]]
    for share in (0, 0.25, 0.5):
        between = with_features(benchmark.of_real, copies + np.float32(share) * (real - copies))
        assert value("novelty", benchmark, between) == pytest.approx(share, abs=1e-3)
    beyond = with_features(benchmark.of_real, real + 9)
    assert value("novelty", benchmark, beyond) > 10


def test_shuffled_answers_are_found_once_in_a_hundred() -> None:
    large = tiny_benchmark(400)
    samples = large.samples_of(painter())
    result = scored(large, samples)["r_at_1"]
    assert result.measured is not None
    assert result.floor is not None
    assert result.ceiling is not None
    assert result.ceiling.value == value("r_at_1", large, large.of_real)
    assert abs(result.measured.value - result.ceiling.value) < 0.02
    assert result.measured.value > 0.9
    assert abs(result.floor.value - 0.01) < 0.01


def test_r_at_1_holds_each_answer_against_its_own_caption(benchmark: Benchmark) -> None:
    """Of two rounds, one is of the right flowers and one of others: half is found."""
    pair = benchmark.real.features, np.roll(benchmark.real.features, 1, axis=0)
    half = value("r_at_1", benchmark, with_features(benchmark.of_real, *pair))
    assert half == pytest.approx(value("r_at_1", benchmark, benchmark.of_real) / 2, abs=0.02)


def test_each_round_has_rivals_of_its_own(benchmark: Benchmark) -> None:
    assert benchmark.probes is not None
    seeded = replace(benchmark, seed=5)
    probe, samples = benchmark.probes.retrieval, seeded.samples_of(painter(strength=0.05))
    found = [
        probe.ranks(
            samples.features[number], benchmark.real, benchmark.captions[number], 5 + number
        )
        == 0
        for number in range(benchmark.rounds)
    ]
    parts = measured("r_at_1", seeded, samples).parts
    assert parts is not None
    np.testing.assert_allclose(parts, np.mean(found, axis=0))


def test_a_later_caption_is_the_one_that_is_looked_for(benchmark: Benchmark) -> None:
    """Were it the first one, a sample to a foreign second caption would still be found."""
    captions = benchmark.real.first_captions + benchmark.real.caption_counts - 1
    samples = replace(
        benchmark.of_real, captions=captions[None], features=benchmark.of_real.features[:1]
    )
    assert value("r_at_1", benchmark, samples) > 0.9
    foreign = replace(samples, captions=np.roll(samples.captions, 1, axis=1))
    assert value("r_at_1", benchmark, foreign) < 0.05


@pytest.mark.parametrize(("name", "places"), [("top_1", 1), ("top_5", 5)])
def test_class_scores_are_the_share_of_answers_of_so_low_a_rank(
    name: str, places: int, benchmark: Benchmark
) -> None:
    assert benchmark.probes is not None
    assert benchmark.probes.classifier is not None
    samples = benchmark.samples_of(painter(strength=0.5))
    ranks = [
        benchmark.probes.classifier.ranks(each, benchmark.real.labels) for each in samples.features
    ]
    assert value(name, benchmark, samples) == pytest.approx(np.mean(np.stack(ranks) < places))
    assert value(name, benchmark, samples) > 3 * value(name, benchmark, samples.shuffled(0))


def test_examples_of_a_class_that_was_not_learned_have_no_say(benchmark: Benchmark) -> None:
    known = np.arange(len(benchmark.real)) % 3 > 0
    examples = tuple(
        example if here else replace(example, label="a stranger")
        for example, here in zip(benchmark.real.examples, known, strict=True)
    )
    partly = replace(benchmark, real=replace(benchmark.real, examples=examples))
    found, everywhere = (measured("top_1", each, benchmark.of_real) for each in (partly, benchmark))
    assert found.parts is not None
    assert everywhere.parts is not None
    assert (np.isnan(found.parts) == ~known).all()
    assert found.value == pytest.approx(everywhere.parts[known].mean())
    assert found.pictures == SAME_CAPTION * known.sum()


def recaptioned(benchmark: Benchmark, *texts: str, rounds: int = SAME_CAPTION) -> Benchmark:
    """Give every picture these captions."""
    examples = tuple(replace(example, captions=texts) for example in benchmark.real.examples)
    sentences = WordEncoder().encode(texts * len(examples))
    real = replace(benchmark.real, examples=examples, sentences=sentences)
    return replace(benchmark, real=real, captions=captions_to_draw(real, rounds, SAME_CAPTION))


def test_only_captions_that_name_a_colour_have_a_say_in_colours(benchmark: Benchmark) -> None:
    partly = recaptioned(benchmark, "a flower", "a red flower", "petals", "blue", rounds=7)
    samples = partly.of_real
    expected = np.mean(
        [
            colour_agreement(benchmark.real.pictures, [text] * len(benchmark.real)).mean()
            for text in ("a red flower", "blue")
        ]
    )
    found = measured("colours", partly, samples)
    assert found.value == pytest.approx(expected)
    assert found.pictures == 2 * len(benchmark.real)


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in WITHOUT_ERROR])
def test_a_value_is_the_mean_of_what_each_example_adds_and_its_error_follows_from_them(
    name: str, benchmark: Benchmark
) -> None:
    found = measured(name, benchmark, benchmark.samples_of(painter(strength=0.6)))
    assert found.parts is not None
    assert found.parts.shape == (len(benchmark.real),)
    assert found.value == pytest.approx(found.parts.mean())
    assert found.standard_error == pytest.approx(
        found.parts.std(ddof=1) / np.sqrt(len(benchmark.real))
    )


def test_without_parts_or_with_one_alone_the_error_is_unknown() -> None:
    assert Measured(1.0, None, 9).standard_error is None
    assert Measured.mean_of(np.array([1, np.nan]), 2).standard_error is None
    both = Measured.mean_of(np.array([1, np.nan, 4]), 3)
    assert both.value == 2.5
    assert both.standard_error == pytest.approx(1.5)


def test_a_mean_over_nobody_is_refused() -> None:
    with pytest.raises(NotMeaningfulError, match="no example of this split counts"):
        Measured.mean_of(np.array([np.nan, np.nan]), 2)


def test_fid_says_that_few_pictures_bias_it(benchmark: Benchmark) -> None:
    found = measured("fid", benchmark, benchmark.of_real)
    assert found.note == "biased upwards: 120 pictures each for 48 dimensions"


@pytest.mark.parametrize("name", sorted(WITHOUT_ERROR))
def test_scores_whose_noise_is_not_known_have_no_error_and_no_parts(
    name: str, benchmark: Benchmark
) -> None:
    found = measured(name, benchmark, benchmark.of_real)
    assert (found.parts, found.standard_error) == (None, None)


def test_the_noise_of_novelty_is_that_of_drawn_and_of_real_pictures(
    benchmark: Benchmark, painted: Samples
) -> None:
    """Held against a bootstrap of both means together."""
    assert benchmark.train is not None
    drawn = nearest(painted.features.reshape(-1, 48), benchmark.train.features)[1]
    drawn = drawn.reshape(len(painted.features), -1).mean(axis=0)
    real = nearest(benchmark.real.features, benchmark.train.features)[1]
    random = np.random.default_rng(0)
    picks = random.integers(len(real), size=(4000, len(real)))
    ratios = drawn[picks].mean(axis=1) / real[picks].mean(axis=1)
    found = measured("novelty", benchmark, painted)
    assert found.value == pytest.approx(drawn.mean() / real.mean())
    assert found.standard_error == pytest.approx(ratios.std(), rel=0.1)


# Ceilings and floors


def test_every_score_lies_between_what_knows_nothing_and_what_is_real(
    benchmark: Benchmark, painted: Samples
) -> None:
    for name, result in scored(benchmark, painted).items():
        assert result.ceiling is not None, name
        assert result.floor is not None, name
        if name in ("precision", "density"):  # flat sheets lie among the oddest real pictures
            continue
        sign = -1 if result.score.best == "low" else 1
        assert sign * result.ceiling.value > sign * result.floor.value, name


def test_ceilings_and_floors_are_the_same_arithmetic_on_stand_ins(
    benchmark: Benchmark, painted: Samples
) -> None:
    train = benchmark.of_train
    assert train is not None
    for name, result in scored(benchmark, painted).items():
        ceiling, floor = train, benchmark.of_flat
        if name in (*JUDGED, "colours", "binding"):
            ceiling, floor = benchmark.of_real, painted.shuffled(benchmark.seed)
        if name in ("diversity", "novelty"):
            assert (result.ceiling, result.floor) == tuple(
                Measured(bound, None, 0, "by definition") for bound in (1.0, 0.0)
            )
            continue
        assert result.ceiling is not None
        assert result.floor is not None
        assert result.ceiling.value == value(name, benchmark, ceiling), name
        lowest = 0.5 if name == "binding" else value(name, benchmark, floor)
        assert result.floor.value == lowest, name


def test_a_score_is_the_mean_over_the_sides_and_so_are_its_bounds(benchmark: Benchmark) -> None:
    benchmarks = [benchmark, at_side(benchmark, 16), at_side(benchmark, 24)]
    samples = samples_at_all_sides(benchmarks, painter(strength=0.6))
    found = Scorer(*benchmarks).score(*samples)
    alone = [Scorer(each).score(seen) for each, seen in zip(benchmarks, samples, strict=True)]
    for result, *sides in zip(found, *alone, strict=True):
        if result.score.name == "colours":
            assert result.by_side == {}
            assert repr(result) == repr(sides[0])
            continue
        assert list(result.by_side) == [8, 16, 24]
        assert repr(list(result.by_side.values())) == repr(sides)
        for what in ("measured", "ceiling", "floor"):
            mean = np.mean([getattr(side, what).value for side in sides])
            assert getattr(result, what).value == pytest.approx(mean)
    kid = found[0]
    assert len({side.measured and side.measured.value for side in kid.by_side.values()}) == 3
    parts = [side.measured.parts for side in kid.by_side.values() if side.measured]
    known = [each for each in parts if each is not None]
    assert kid.measured is not None and kid.measured.parts is not None
    assert len(known) == 3
    np.testing.assert_allclose(kid.measured.parts, np.mean(known, axis=0))


def test_what_is_left_out_at_one_side_is_left_out_altogether(benchmark: Benchmark) -> None:
    benchmarks = [benchmark, replace(at_side(benchmark, 16), probes=None)]
    found = Scorer(*benchmarks).score(*samples_at_all_sides(benchmarks, painter()))
    (left_out,) = (result for result in found if result.score.name == "r_at_1")
    assert left_out.measured is None
    assert left_out.omitted == benchmarks[1].no_probes


def test_without_a_train_split_kid_has_no_ceiling(benchmark: Benchmark) -> None:
    found = scored(replace(benchmark, train=None, probes=None, no_train="none given"))
    for name in DISTRIBUTION:
        assert found[name].measured is not None
        assert found[name].ceiling is None
        assert found[name].floor is not None


def test_stand_ins_are_measured_once_and_shuffled_answers_for_each_candidate(
    benchmark: Benchmark, painted: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(generated: Features, real: Features) -> object:
        calls.append(len(generated))
        return kernel_distance(generated, real)

    monkeypatch.setattr(scores, "kernel_distance", counted)
    scorer = Scorer(benchmark)
    weak = benchmark.samples_of(painter(strength=0.5))
    first, second = scorer.score(painted), scorer.score(weak)
    assert len(calls) == 4  # two candidates, ceiling and floor
    assert first[0].ceiling == second[0].ceiling
    floors = [{each.score.name: each.floor for each in results} for results in (first, second)]
    for found, samples in zip(floors, (painted, weak), strict=True):
        colours = found["colours"]
        assert colours is not None
        assert colours.value == value("colours", benchmark, samples.shuffled(benchmark.seed))


# What is left out


def without_train(benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, train=None, probes=None, no_train="no folder 'train'")


def with_few_train_pictures(benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, train=TRAIN.subset(np.arange(99)), probes=None)


def of_classes_of_two(benchmark: Benchmark) -> Benchmark:
    assert benchmark.probes is not None
    examples = tuple(
        replace(example, label=f"{row // 2}") for row, example in enumerate(TRAIN.examples)
    )
    train, probes = replace(TRAIN, examples=examples), replace(benchmark.probes, classifier=None)
    return replace(benchmark, train=train, probes=probes)


def relabelled(real: RealPictures, label: str | None) -> RealPictures:
    return replace(real, examples=tuple(replace(example, label=label) for example in real.examples))


def of_five_classes(benchmark: Benchmark) -> Benchmark:
    assert benchmark.probes is not None
    assert benchmark.probes.classifier is not None
    scores = benchmark.probes.classifier.scores
    five = LinearMap(scores.weight[:5], scores.bias[:5])
    few = Classifier(benchmark.probes.classifier.classes[:5], five)
    return replace(benchmark, probes=replace(benchmark.probes, classifier=few))


def of_strange_classes(benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, real=relabelled(benchmark.real, "a stranger"))


def with_train_of_lone_pictures(benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, train=relabelled(TRAIN, None))


def with_train_all_alike(benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, train=replace(TRAIN, features=np.zeros_like(TRAIN.features)))


def that_was_trained_on(benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, train=benchmark.real)


def without_colours(benchmark: Benchmark) -> Benchmark:
    return recaptioned(benchmark, "a flower", "petals")


def with_three_pictures_of_each(benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, captions=benchmark.captions[:3])


def with_other_captions_at_once(benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, captions=captions_to_draw(benchmark.real, 4, same=1))


LEFT_OUT: list[tuple[Callable[[Benchmark], Benchmark], tuple[str, ...], str]] = [
    (without_train, ("novelty", *JUDGED, "binding"), "no folder 'train'"),
    (with_few_train_pictures, (*JUDGED, "binding"), "99 training pictures; probes take 100"),
    (
        of_classes_of_two,
        ("top_1", "top_5"),
        "are of 150 classes; it takes two classes, and 10 pict",
    ),
    (of_five_classes, ("top_5",), "5 classes: one of 5 guesses is always right"),
    (of_strange_classes, ("top_1", "top_5"), "no example of this split counts in it"),
    (
        with_train_of_lone_pictures,
        ("diversity", "top_1", "top_5"),
        "no class of real pictures has two|not all training pictures have a class",
    ),
    (with_train_all_alike, ("diversity",), "no class of real pictures has two that differ"),
    (
        that_was_trained_on,
        ("novelty", "top_1", "top_5"),
        "each real picture is among those of the train split|10 pictures a class on average",
    ),
    (with_three_pictures_of_each, ("diversity",), "it takes 4 pictures of each caption"),
    (with_other_captions_at_once, ("diversity",), "it takes 4 pictures of each caption"),
    (without_colours, ("colours",), "no example of this split counts in it"),
]


def foreseen(benchmark: Benchmark) -> set[str]:
    """Return what `data split` says that is left out."""
    assert benchmark.train is not None
    real, train = benchmark.real.labels.tolist(), benchmark.train.labels.tolist()
    return {name for names in needs.left_out(real, train) for name in names}


def reasons(benchmark: Benchmark) -> dict[str, str]:
    """Return what is left out, and why; make sure that it has no numbers."""
    found = scored(benchmark, benchmark.of_real)
    omitted = {name: each.omitted for name, each in found.items() if each.measured is None}
    for name, result in found.items():
        assert bool(result.omitted) == (name in omitted)
        if result.omitted:
            assert (result.ceiling, result.floor) == (None, None)
    return omitted


@pytest.mark.parametrize(
    ("change", "names", "reason"), LEFT_OUT, ids=[each[0].__name__ for each in LEFT_OUT]
)
def test_a_score_that_would_mean_nothing_is_left_out_with_its_reason_and_no_number(
    change: Callable[[Benchmark], Benchmark],
    names: tuple[str, ...],
    reason: str,
    benchmark: Benchmark,
) -> None:
    changed = change(benchmark)
    left_out = reasons(changed)
    assert tuple(left_out) == names
    assert all(re.search(reason, each) for each in left_out.values()), left_out
    assert changed.train is None or foreseen(changed) <= set(left_out)


@pytest.mark.parametrize("count", [2, 10, 49, 50, 99, 100])
def test_few_real_pictures_leave_out_what_compares_distributions_and_what_takes_rivals(
    count: int,
) -> None:
    left_out = reasons(tiny_benchmark(count))
    expected = {name: f"{count} real pictures; it takes 50" for name in DISTRIBUTION if count < 50}
    if count < 100:
        expected["r_at_1"] = f"{count} real pictures; it takes 100"
    if count < FEWEST_PAIRS:
        expected["binding"] = (
            f"{count} real pictures have a caption with two colours to exchange; it takes 20"
        )
    assert left_out == expected
    hidden = {"binding"}  # captions decide, which no split foresees
    assert foreseen(tiny_benchmark(count)) == set(left_out) - hidden


def test_where_hardly_anything_can_be_scored_colours_still_are() -> None:
    real = tiny_real(2, labelled=False)
    captions = captions_to_draw(real, 1, SAME_CAPTION)
    bare = Benchmark(real, None, "none given", None, BlockMeans(), captions, 0)
    assert set(BY_NAME) - set(reasons(bare)) == {"colours"}
