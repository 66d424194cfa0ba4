"""The verb `evaluate` from folder to figures: what is scored, what is refused, what is left out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from captiongan.bundle.text_encoder import Embeddings
from captiongan.data import toy
from captiongan.data.store import Pictures
from captiongan.errors import (
    BundleError,
    CaptionganError,
    ConfigError,
    DataError,
    PromptError,
)
from captiongan.evaluation import evaluate as verb
from captiongan.evaluation import extractors, probe_training
from captiongan.evaluation.candidate import Candidate
from captiongan.evaluation.evaluate import Evaluation, Say, evaluate
from captiongan.evaluation.scorer import ScoreResult
from support.tiny_bundle import write_tiny_bundle
from support.tiny_exam import SIDE, STEPS, WordEncoder, blocks, painter, tiny_real
from support.tiny_run import tiny_run

JUDGED = {"r_at_1", "top_1", "top_5"}

SMALL_PAINTERS = {
    name: painter(name, strength) for name, strength in (("good", 1.0), ("weak", 0.6))
}

WITHOUT_ERROR = {"fid", "precision", "density"}


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put small things in the places of the text encoder and of the extractors."""
    monkeypatch.setattr(verb, "MiniLM", WordEncoder)
    monkeypatch.setattr(probe_training, "STEPS", 20)  # no test of these asks for good probes
    for name in ("lite0", "lite1"):
        monkeypatch.setitem(extractors.EXTRACTORS, name, blocks(name))


@pytest.fixture
def painters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make painters models, by their names."""
    monkeypatch.setattr(verb, "open_candidate", lambda name, _: SMALL_PAINTERS[name])


def write_split(folder: Path, count: int, seed: int) -> None:
    folder.mkdir(parents=True)
    real = tiny_real(count, seed)
    lines = []
    for example, picture in zip(real.examples, real.pictures, strict=True):
        Image.fromarray(picture).save(folder / example.file_name)
        line = {"file_name": example.file_name, "text": example.captions, "class": example.label}
        lines.append(json.dumps(line) + "\n")
    (folder / "metadata.jsonl").write_text("".join(lines))


@pytest.fixture
def blooms(tmp_path: Path) -> Path:
    """A data set with both splits, enough for all scores."""
    write_split(tmp_path / "blooms" / "train", 300, seed=0)
    write_split(tmp_path / "blooms" / "test", 110, seed=1)
    return tmp_path / "blooms"


def evaluated(
    *models: str,
    data: Path,
    split: str = "test",
    extractor: str = "lite1",
    per_picture: int = 4,
    seed: int = 0,
    say: Say = print,
    truncation: float = 1.0,
    sides: Sequence[int] | None = (SIDE,),
) -> Evaluation:
    return evaluate(
        models, data, split, extractor, per_picture, seed, "best", say, truncation, sides
    )


def scores(evaluation: Evaluation, model: int = 0) -> dict[str, ScoreResult]:
    return {each.score.name: each for each in evaluation.results[model].scores}


def numbers(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Write down every number to the last bit."""
    bounds = [
        (score.score.name, repr(each))
        for result in evaluation.results
        for score in result.scores
        for each in (score.measured, score.ceiling, score.floor)
    ]
    return [*bounds, *((repr(each),) for each in evaluation.differences)]


def left_out(evaluation: Evaluation) -> dict[str, str]:
    """Binding aside: the pictures have one colour each, so no two can be exchanged."""
    found = scores(evaluation).items()
    return {
        name: result.omitted
        for name, result in found
        if result.measured is None and name != "binding"
    }


# What is scored


@pytest.mark.usefixtures("stand_ins", "painters")
def test_two_models_get_all_scores_and_what_differs_between_them_is_told(blooms: Path) -> None:
    told: list[str] = []
    evaluation = evaluated("good", "weak", data=blooms, say=told.append)
    assert (evaluation.data, evaluation.split, evaluation.rejects) == ("blooms", "test", 0)
    assert evaluation.sentences == WordEncoder().identity
    assert [result.candidate.name for result in evaluation.results] == ["good", "weak"]
    for result in evaluation.results:
        assert result.samples.pictures.shape == (4, 110, SIDE, SIDE, 3)
        missing = [score.score.name for score in result.scores if score.measured is None]
        assert missing == ["binding"]
    good, weak = (scores(evaluation, place)["kid"].measured for place in (0, 1))
    assert good is not None
    assert weak is not None
    assert good.value < weak.value
    (kid,) = (each for each in evaluation.differences if each.score == "kid")
    assert kid.exceeds_noise
    assert {each.score for each in evaluation.differences} == set(
        scores(evaluation)
    ) - WITHOUT_ERROR - {"binding"}
    text = "\n".join(told)
    assert "110 real pictures of 'test'" in text
    assert "good: drawing and scoring 440 pictures" in text


@pytest.mark.usefixtures("stand_ins", "painters")
def test_the_judges_learn_from_the_train_split_and_the_exam_is_on_the_other(blooms: Path) -> None:
    benchmark = evaluated("good", data=blooms).benchmark
    assert benchmark.train is not None
    assert benchmark.probes is not None
    for real, seed, count in ((benchmark.train, 0, 300), (benchmark.real, 1, 110)):
        expected = tiny_real(count, seed)
        assert real.examples == expected.examples
        np.testing.assert_array_equal(real.pictures, expected.pictures)
        np.testing.assert_array_equal(real.features, expected.features)
    assert benchmark.probes.report.pictures + benchmark.probes.report.held_out == 300


@pytest.mark.usefixtures("stand_ins", "painters")
def test_each_side_has_features_and_judges_of_its_own_and_their_mean_is_the_score(
    blooms: Path,
) -> None:
    evaluation = evaluated("good", data=blooms, sides=[16, SIDE])
    assert [benchmark.side for benchmark in evaluation.benchmarks] == [SIDE, 16]
    assert evaluation.benchmark is evaluation.benchmarks[1]
    for benchmark in evaluation.benchmarks:
        (alone,) = evaluated("good", data=blooms, sides=[benchmark.side]).results
        for result, expected in zip(evaluation.results[0].scores, alone.scores, strict=True):
            assert repr(result.by_side.get(benchmark.side, result)) == repr(expected)
    small, large = (benchmark.probes for benchmark in evaluation.benchmarks)
    assert small and large and small.sha256 != large.sha256


@pytest.mark.usefixtures("stand_ins", "painters")
def test_features_of_all_sides_are_scaled_to_the_size_that_they_have_at_the_own_side(
    blooms: Path,
) -> None:
    small, own = evaluated("good", data=blooms, sides=[SIDE, 16]).benchmarks
    own, small = (own, small) if own.side == SIDE else (small, own)
    assert own.scale == 1
    sizes = [
        np.linalg.norm(benchmark.scale * benchmark.real.features) for benchmark in (own, small)
    ]
    assert sizes[0] == pytest.approx(sizes[1])


@pytest.mark.usefixtures("stand_ins", "painters")
def test_four_sides_are_looked_at_unless_told_otherwise(blooms: Path) -> None:
    benchmarks = evaluated("good", data=blooms, per_picture=1, sides=None).benchmarks
    assert [benchmark.side for benchmark in benchmarks] == [96, 128, 160, 224]


@pytest.mark.usefixtures("stand_ins", "painters")
def test_the_same_arguments_give_the_same_figures_and_the_second_time_from_the_cache(
    blooms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluated("good", "weak", data=blooms)

    def fail(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(probe_training, "_fit", fail)
    again = evaluated("good", "weak", data=blooms)
    assert numbers(again) == numbers(first)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_the_seed_is_that_of_the_first_picture_and_of_the_whole_exam(blooms: Path) -> None:
    one, next_one = (evaluated("good", data=blooms, per_picture=1, seed=n) for n in (7, 8))
    assert (one.benchmark.seed, next_one.benchmark.seed) == (7, 8)
    captions = [one.benchmark.real.captions[number] for number in one.benchmark.captions[0]]
    expected = SMALL_PAINTERS["good"].pictures_of(captions, range(7, 117))
    np.testing.assert_array_equal(one.results[0].samples.pictures[0], expected)
    assert numbers(one) != numbers(next_one)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_as_many_pictures_are_drawn_as_wished_and_one_each_leaves_out_diversity_alone(
    blooms: Path,
) -> None:
    evaluation = evaluated("good", data=blooms, per_picture=1)
    assert evaluation.results[0].samples.captions.shape == (1, 110)
    assert left_out(evaluation) == {"diversity": "it takes 4 pictures of each caption"}


@pytest.mark.usefixtures("stand_ins")
def test_a_bundle_is_scored_and_one_of_the_same_name_is_told_apart(
    blooms: Path, tmp_path: Path
) -> None:
    one, other = (write_tiny_bundle(tmp_path / name).folder for name in ("one", "other"))
    evaluation = evaluated(str(one), str(other), data=blooms, per_picture=1)
    assert [result.candidate.name for result in evaluation.results] == ["tiny #1", "tiny #2"]
    found = scores(evaluation)
    assert found["kid"].measured is not None
    assert found["kid"].measured.value > 0
    assert not any(each.exceeds_noise for each in evaluation.differences)  # they are the same


@pytest.mark.usefixtures("stand_ins", "painters")
def test_every_model_draws_with_truncated_noise_and_sits_the_same_exam(blooms: Path) -> None:
    whole = evaluated("good", "weak", data=blooms)
    less = evaluated("good", "weak", data=blooms, truncation=0.5)
    np.testing.assert_array_equal(less.benchmark.captions, whole.benchmark.captions)
    captions = [less.benchmark.real.captions[number] for number in less.benchmark.captions[0]]
    for result in less.results:
        truncated = replace(SMALL_PAINTERS[result.candidate.name], truncation=0.5)
        expected = truncated.pictures_of(captions, range(110))
        np.testing.assert_array_equal(result.samples.pictures[0], expected)
    found, before = scores(less)["diversity"].measured, scores(whole)["diversity"].measured
    assert found is not None
    assert before is not None
    assert found.value < 0.9 * before.value


# What is left out


@pytest.mark.usefixtures("stand_ins", "painters")
def test_on_the_train_split_judges_and_novelty_are_left_out_with_the_reason(blooms: Path) -> None:
    (blooms / "valid").symlink_to("train")
    for split in ("train", "valid"):
        evaluation = evaluated("good", data=blooms, split=split)
        reasons = left_out(evaluation)
        assert set(reasons) == JUDGED | {"novelty"}
        assert set(reasons.values()) == {"'train' is what the probes would learn from"}
        assert evaluation.benchmark.probes is None


@pytest.mark.usefixtures("stand_ins", "painters")
def test_without_a_train_split_the_same_is_left_out_for_another_reason(tmp_path: Path) -> None:
    write_split(tmp_path / "blooms" / "test", 110, seed=1)
    reasons = left_out(evaluated("good", data=tmp_path / "blooms"))
    assert set(reasons) == JUDGED | {"novelty"}
    assert set(reasons.values()) == {"the data set has no folder 'train' to learn from"}


@pytest.mark.usefixtures("stand_ins", "painters")
def test_two_splits_of_the_same_pictures_leave_novelty_out(blooms: Path, tmp_path: Path) -> None:
    (blooms / "train").rename(tmp_path / "before")
    write_split(blooms / "train", 110, seed=1)
    assert set(left_out(evaluated("good", data=blooms))) == {"novelty", "top_1", "top_5"}


@pytest.mark.usefixtures("stand_ins", "painters")
def test_a_small_train_split_makes_no_judges(blooms: Path, tmp_path: Path) -> None:
    (blooms / "train").rename(tmp_path / "before")
    write_split(blooms / "train", 99, seed=0)
    reasons = left_out(evaluated("good", data=blooms))
    assert reasons == dict.fromkeys(JUDGED, "99 training pictures; probes take 100")


@pytest.mark.usefixtures("stand_ins", "painters")
def test_two_pictures_are_enough_for_what_needs_no_more(tmp_path: Path) -> None:
    write_split(tmp_path / "blooms" / "test", 2, seed=1)
    found = scores(evaluated("good", data=tmp_path / "blooms"))
    assert found["colours"].measured is not None
    assert found["kid"].omitted == "2 real pictures; it takes 50"
    assert found["r_at_1"].omitted


# What is converted


def ramp(height: int = SIDE, width: int = SIDE) -> npt.NDArray[np.uint8]:
    """Return a picture of many levels."""
    levels = np.arange(height * width * 3).reshape(height, width, 3)
    return (levels * 5 % 256).astype(np.uint8)


def grey(levels: npt.NDArray[np.uint8]) -> Pictures:
    return levels[..., None].repeat(3, axis=2)


def as_grey() -> tuple[Image.Image, Pictures]:
    return Image.fromarray(ramp()[..., 0]), grey(ramp()[..., 0])


def as_half_transparent() -> tuple[Image.Image, Pictures]:
    alpha = np.full((SIDE, SIDE, 1), 255, np.uint8)
    alpha[: SIDE // 2] = 0
    expected = ramp()
    expected[: SIDE // 2] = 255  # white behind
    return Image.fromarray(np.concatenate([ramp(), alpha], axis=2)), expected


def as_16_bit() -> tuple[Image.Image, Pictures]:
    return Image.fromarray(ramp()[..., 0].astype(np.uint16) * 257), grey(ramp()[..., 0])


def as_palette() -> tuple[Image.Image, Pictures]:
    picture = Image.fromarray(ramp()).quantize(8)
    return picture, np.asarray(picture.convert("RGB"))


def as_wide() -> tuple[Image.Image, Pictures]:
    wide = ramp(SIDE, 3 * SIDE)
    return Image.fromarray(wide), wide[:, SIDE : 2 * SIDE]


def as_tall_and_large() -> tuple[Image.Image, Pictures]:
    blocks = np.random.default_rng(0).integers(0, 2, (1, 1, 3), dtype=np.uint8) * 200 + 20
    return Image.fromarray(blocks.repeat(90, axis=0).repeat(31, axis=1)), blocks.repeat(
        SIDE, axis=0
    ).repeat(SIDE, axis=1)


def as_tiny() -> tuple[Image.Image, Pictures]:
    """Return a picture smaller than any model draws."""
    return Image.new("RGB", (1, 1), (9, 99, 199)), np.full((SIDE, SIDE, 3), (9, 99, 199), np.uint8)


CONVERSIONS: tuple[Callable[[], tuple[Image.Image, Pictures]], ...] = (
    as_grey,
    as_half_transparent,
    as_16_bit,
    as_palette,
    as_wide,
    as_tall_and_large,
    as_tiny,
)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_pictures_of_any_kind_and_size_are_converted_and_scored_and_bad_ones_counted(
    tmp_path: Path,
) -> None:
    split = tmp_path / "blooms" / "test"
    write_split(split, 50, seed=1)
    caption = tiny_real(1).captions[0]
    names = [f"{make.__name__}.png" for make in CONVERSIONS]
    for name, make in zip(names, CONVERSIONS, strict=True):
        make()[0].save(split / name)
    (split / "broken.png").write_bytes((split / "as_wide.png").read_bytes()[:80])
    names += ["broken.png", "missing.png", names[0]]  # and one twice
    with (split / "metadata.jsonl").open("a") as metadata:
        metadata.writelines(json.dumps({"file_name": n, "text": caption}) + "\n" for n in names)
        metadata.write("{no JSON\n")
    evaluation = evaluated("good", data=tmp_path / "blooms")
    assert evaluation.rejects == 4
    assert len(evaluation.benchmark.real) == 50 + len(CONVERSIONS)
    for picture, make in zip(evaluation.benchmark.real.pictures[50:], CONVERSIONS, strict=True):
        np.testing.assert_allclose(picture, make()[1], atol=1, err_msg=make.__name__)
    assert scores(evaluation)["kid"].measured is not None
    assert evaluation.results[0].samples.pictures.shape[1] == 57


# What is refused


@pytest.mark.usefixtures("stand_ins", "painters")
def test_a_missing_split_is_refused_with_what_the_folder_should_hold(
    blooms: Path, tmp_path: Path
) -> None:
    for data, split in ((blooms, "valid"), (tmp_path / "nowhere", "test")):
        with pytest.raises(DataError, match=rf"--data '.*' has no folder '{split}'; give.*--split"):
            evaluated("good", data=data, split=split)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_a_split_without_metadata_is_refused_with_an_example_line(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    with pytest.raises(DataError, match=r'no readable metadata\.jsonl.*"file_name"'):
        evaluated("good", data=tmp_path)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_a_split_in_which_nothing_is_usable_is_refused_with_the_first_fault(
    tmp_path: Path,
) -> None:
    write_split(tmp_path / "test", 3, seed=0)
    for file in (tmp_path / "test").glob("*.png"):
        file.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"nothing usable.*all 3 lines.*0\.png"):
        evaluated("good", data=tmp_path)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_pictures_without_captions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "test" / "a.png")
    (tmp_path / "test" / "metadata.jsonl").write_text('{"file_name": "a.png"}\n')
    with pytest.raises(DataError, match="no caption"):
        evaluated("good", data=tmp_path)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_one_usable_picture_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path / "test", 2, seed=0)
    (tmp_path / "test" / "0.png").unlink()
    with pytest.raises(DataError, match="has 1 usable picture; it takes 2"):
        evaluated("good", data=tmp_path)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_a_train_split_that_cannot_be_read_is_refused(blooms: Path) -> None:
    (blooms / "train" / "metadata.jsonl").write_text("")
    with pytest.raises(DataError, match="empty metadata"):
        evaluated("good", data=blooms)


@pytest.mark.usefixtures("stand_ins")
def test_models_of_different_sides_are_refused_with_the_side_of_each(
    blooms: Path, tmp_path: Path
) -> None:
    small = write_tiny_bundle(tmp_path / "tiny").folder
    large = tiny_run(tmp_path, 1, scored=False).path
    with pytest.raises(ConfigError, match=r"different sides \(tiny 8, 00000-dcgan 16\)"):
        evaluated(str(small), str(large), data=blooms)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_an_extractor_that_is_none_is_refused_with_those_there_are(blooms: Path) -> None:
    with pytest.raises(ConfigError, match="unknown extractor 'vgg'; choose lite0, lite1"):
        evaluated("good", data=blooms, extractor="vgg")


@pytest.mark.usefixtures("stand_ins")
def test_an_extractor_that_took_part_in_one_models_training_scores_none_of_them(
    blooms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pupil = replace(painter("pupil"), took_part=("lite0",))
    models = {"pupil": pupil, "free": painter("free")}
    monkeypatch.setattr(verb, "open_candidate", lambda name, _: models[name])
    with pytest.raises(ConfigError, match=r"'lite0' took part.*choose another: lite1"):
        evaluated("free", "pupil", data=blooms, extractor="lite0")
    assert left_out(evaluated("free", data=blooms, extractor="lite0")) == {}
    assert left_out(evaluated("free", "pupil", data=blooms, extractor="lite1")) == {}


@pytest.mark.usefixtures("stand_ins")
def test_a_model_that_is_none_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="'nowhere'"):
        evaluated("nowhere", data=tmp_path / "nowhere, too")


@pytest.mark.parametrize("truncation", [0.0, -1.0, 1.5, float("nan")])
def test_a_truncation_that_is_none_is_refused_before_anything_is_opened(
    tmp_path: Path, truncation: float
) -> None:
    with pytest.raises(PromptError, match=r"truncation .* is not a number above 0 and at most 1"):
        evaluated("nowhere", data=tmp_path, truncation=truncation)


@pytest.mark.usefixtures("stand_ins", "painters")
def test_refusals_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(CaptionganError) as refused:
        evaluated("good", data=tmp_path / "nowhere")
    assert "\n" not in str(refused.value)


# With real networks


def toy_painter(captions: dict[str, toy.ToyFlower], side: int) -> Candidate:
    """Return a candidate that knows whose each caption is, and draws that flower anew.

    Captions with exchanged colours are nobody's; it draws the first flower.
    """
    known = list(captions)

    def encode(texts: Sequence[str]) -> Embeddings:
        numbers = [known.index(text) if text in captions else 0 for text in texts]
        return np.array(numbers, dtype=np.float32)[:, None]

    def drawn(noise: npt.NDArray[np.float32], embeddings: Embeddings) -> Pictures:
        flowers = [captions[known[int(row)]] for row in embeddings[:, 0]]
        variations = [int(abs(row[0]) * 2**24) for row in noise]
        return np.stack(
            [
                np.asarray(toy.draw(replace(flower, variation=variation), side))
                for flower, variation in zip(flowers, variations, strict=True)
            ]
        )

    return Candidate("toy painter", {}, (), side, 1, encode, drawn)


def test_on_toy_flowers_lite0_and_minilm_find_the_captions_and_know_a_good_painter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probes have seen 150 other flowers, and one caption of each."""
    side = 32
    for split, size, seed in (("train", 150, 0), ("test", 100, 1)):
        toy.write_toy_folder(tmp_path / split, size, side, seed)
        metadata = tmp_path / split / "metadata.jsonl"
        lines = [json.loads(line) for line in metadata.read_text().splitlines()]
        lines = [line | {"text": line["text"][:1]} for line in lines]
        metadata.write_text("".join(json.dumps(line) + "\n" for line in lines))
    flowers = [toy.toy_flower(1, row) for row in range(100)]
    model = toy_painter({toy.captions(flower)[0]: flower for flower in flowers}, side)
    monkeypatch.setattr(verb, "open_candidate", lambda *_: model)
    monkeypatch.setattr(probe_training, "STEPS", STEPS)
    evaluation = evaluated(
        "toy painter", data=tmp_path, extractor="lite0", per_picture=1, sides=[128]
    )
    found = scores(evaluation)["r_at_1"]
    assert found.measured is not None
    assert found.ceiling is not None
    assert found.floor is not None
    assert found.ceiling.value > 0.2
    assert found.measured.value > 0.2
    assert found.floor.value < 0.08
    kid, floor = scores(evaluation)["kid"].measured, scores(evaluation)["kid"].floor
    assert kid is not None
    assert floor is not None
    assert kid.value < 0.1 < floor.value
    assert str(evaluation.benchmark.extractor.identity).startswith("lite0 (")
    assert evaluation.benchmark.side == 128
    assert evaluation.sentences.name == "minilm"
