"""Teaching a bundle to keep the best of several: toy flowers, a stand-in for the large network."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from captiongan.bundle.bundle import Bundle, read_bundle
from captiongan.bundle.manifest import CRITIC_FILE, MODEL_FILES, RANKER_FILE
from captiongan.bundle.model_card import with_ranking_section
from captiongan.bundle.onnx_session import open_session
from captiongan.data.pairs import Indices
from captiongan.data.store import open_store
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BundleError, CaptionganError, ConfigError, DataError, OutputError
from captiongan.evaluation.candidate import open_candidate
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import choose_extractor
from captiongan.networks.ranker import Ranker
from captiongan.training import ranker_data, train_ranker
from captiongan.training.rank_teacher import Teacher, Verdict, fit_teacher, open_extractor
from captiongan.training.ranker_data import RankerData
from captiongan.training.train_ranker import RankerReport, distance, teach_ranking
from captiongan.version import __version__
from support.command_line import captiongan
from support.tiny_bundle import style_encoder, write_tiny_bundle
from support.tiny_exam import BlockMeans

DATA = "toy:300"
EPOCHS = 100
RANKER = {
    "data": "toy",
    "pictures": 1200,
    "held_out": 120,
    "teacher": "lite0",
    "correlation": 0.5,
    "r_at_1": 0.1,
    "teacher_r_at_1": 0.2,
    "captiongan": "9",
}


def silent(_: str) -> None:
    pass


@pytest.fixture(autouse=True)
def small_extractor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at mean colours of blocks in place of the large network's features."""
    monkeypatch.setattr(ranker_data, "open_extractor", BlockMeans)


@pytest.fixture
def plain_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the ranker's weights as they are, as the way to ONNX takes most of the time."""
    monkeypatch.setattr(train_ranker, "_as_onnx", lambda ranker, _: save(dict(ranker.state_dict())))


class Taught:
    """The tiny bundle, taught to rank, and what was told of it."""

    def __init__(self, folder: Path) -> None:
        self.plain = write_tiny_bundle(folder / "plain")
        self.told: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ranker_data, "open_extractor", BlockMeans)
            self.report: RankerReport = teach_ranking(
                self.plain.folder, DATA, folder / "taught", EPOCHS, 1.0, 0, self.told.append
            )
        self.bundle: Bundle = read_bundle(folder / "taught")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return Taught(tmp_path_factory.mktemp("rank"))


def test_right_captions_stand_above_wrong_ones_on_pictures_it_never_saw(taught: Taught) -> None:
    store, pipeline = open_store("toy:600", 8, 8), Pipeline(taught.bundle)
    for right, wrong in (("red", "yellow"), ("yellow", "red")):
        rows = [
            row
            for row, example in enumerate(store.examples)
            if row >= 300
            and str(example.label).startswith(right)
            and wrong not in str(example.label)
        ]
        scores = [
            pipeline.score(
                store.pictures[rows], pipeline.encode([f"a {colour} flower"] * len(rows))
            )
            for colour in (right, wrong)
        ]
        assert len(rows) > 5
        assert np.mean(scores[0] > scores[1]) > 0.8


def test_real_pictures_are_more_whole_than_drawn_ones(taught: Taught) -> None:
    pipeline = Pipeline(taught.bundle)
    real = open_store("toy:600", 8, 8).pictures[500:]
    drawn = np.stack([np.asarray(each.image) for each in pipeline.generate("a red flower", 100)])
    texts = pipeline.encode(["a red flower"] * 100)
    assert np.median(pipeline.score(real, texts)) > pipeline.score(drawn, texts).max()


def test_the_report_tells_how_near_the_ranker_is_to_its_teacher(taught: Taught) -> None:
    report = taught.report
    assert 0.5 < report.correlation <= 1
    assert 0 < report.r_at_1 <= 1 and 0 < report.teacher_r_at_1 <= 1
    assert (report.pictures, report.held_out, report.captions) == (200, 100, 1500)
    epochs = [line for line in taught.told if line.startswith("epoch ")]
    assert epochs[-1].startswith("epoch 100 of 100: loss ") and len(epochs) == EPOCHS
    first, last = (float(line.split()[-1]) for line in (epochs[0], epochs[-1]))
    assert last < 0.5 * first


@pytest.mark.usefixtures("plain_file")
def test_nothing_is_learned_from_what_is_held_out(
    taught: Taught, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []
    learned: list[set[int]] = []
    batch = RankerData.batch

    def noted(real: Features, drawn: Features, texts: torch.Tensor) -> Teacher:
        fitted.extend([len(real), len(drawn), len(texts)])
        return fit_teacher(real, drawn, texts)

    def seen(
        data: RankerData, rows: Indices, random: np.random.Generator
    ) -> tuple[torch.Tensor, Verdict]:
        learned.append(set(rows.tolist()))
        return batch(data, rows, random)

    monkeypatch.setattr(ranker_data, "fit_teacher", noted)
    monkeypatch.setattr(RankerData, "batch", seen)
    teach_ranking(taught.plain.folder, DATA, tmp_path / "out", 2, 1.0, 0, silent)
    assert fitted == [200, 200, 200]
    assert len(set.union(*learned)) == 200 == sum(map(len, learned)) / 2


def test_only_the_ranker_is_added(taught: Taught) -> None:
    plain, bundle = taught.plain, taught.bundle
    assert bundle.has_ranker and not plain.has_ranker
    for file in MODEL_FILES:
        assert bundle.manifest.files[file] == plain.manifest.files[file]


@pytest.mark.usefixtures("plain_file")
def test_what_is_taught_keeps_its_other_files_and_can_be_taught_anew(tmp_path: Path) -> None:
    plain = write_tiny_bundle(tmp_path / "plain", style_encoder=style_encoder(), critic=b"weights")
    for source, out in ((plain.folder, tmp_path / "one"), (tmp_path / "one", tmp_path / "two")):
        teach_ranking(source, DATA, out, 1, 1.0, 0, silent)
    taught = read_bundle(tmp_path / "two")
    assert taught.can_restyle and taught.has_critic and taught.has_ranker
    assert (taught.folder / CRITIC_FILE).read_bytes() == b"weights"
    assert taught.manifest.training.extractors == ("lite0",)
    assert (taught.folder / "README.md").read_text().count("## Ranking") == 1


def test_manifest_and_card_tell_how_the_ranker_was_trained(taught: Taught) -> None:
    facts = json.loads((taught.bundle.folder / "bundle.json").read_text())["training"]
    ranker = facts["ranker"]
    assert (ranker["data"], ranker["epochs"], ranker["wholeness"]) == (DATA, EPOCHS, 1.0)
    assert (ranker["seed"], ranker["captiongan"]) == (0, __version__)
    assert facts["kimg"] == 1.5  # what was there before is still there
    card = (taught.bundle.folder / "README.md").read_text()
    assert card.startswith("# tiny\n") and "--best-of 4" in card
    assert f"correlate by\n{taught.report.correlation:.2f} with its teacher's" in card


def test_the_teachers_network_no_longer_scores_the_bundle(taught: Taught) -> None:
    candidate = open_candidate(str(taught.bundle.folder))
    assert candidate.took_part == ("lite0",)
    with pytest.raises(ConfigError, match="'lite0' took part in the training"):
        choose_extractor("lite0", candidate.took_part)


def test_the_teacher_looks_through_lite0_at_160_pixels() -> None:
    identity = open_extractor().identity
    assert (identity.name, identity.input_side) == ("lite0", 160)


@pytest.mark.usefixtures("plain_file")
def test_the_seed_decides_all(taught: Taught, tmp_path: Path) -> None:
    def ranker(name: str, seed: int) -> bytes:
        teach_ranking(taught.plain.folder, DATA, tmp_path / name, 1, 1.0, seed, silent)
        return (tmp_path / name / RANKER_FILE).read_bytes()

    three = ranker("three", 3)
    assert ranker("three again", 3) == three != ranker("four", 4)


def test_without_wholeness_only_the_words_count(taught: Taught, tmp_path: Path) -> None:
    report = teach_ranking(taught.plain.folder, DATA, tmp_path / "out", 1, 0.0, 0, silent)
    assert report.weight == 0 < taught.report.weight
    pipeline = Pipeline(read_bundle(tmp_path / "out"))
    pictures = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    assert np.abs(pipeline.score(pictures, pipeline.encode(["a red flower"] * 50))).max() <= 1.001


@pytest.mark.parametrize("side", [8, 48, 64])
def test_the_file_scores_as_the_network_does_and_is_small(tmp_path: Path, side: int) -> None:
    torch.manual_seed(0)
    ranker = Ranker(side, torch.randn(384) / 20, weight=0.1)
    ranker(torch.rand(8, 3, side, side), torch.randn(8, 384))  # moments unlike the first ones
    (tmp_path / RANKER_FILE).write_bytes(train_ranker._as_onnx(ranker, side))
    assert (tmp_path / RANKER_FILE).stat().st_size < 3e6
    session = open_session((tmp_path / RANKER_FILE).read_bytes(), "model")
    for count in (1, 5):
        pictures = 2 * torch.rand(count, 3, side, side) - 1
        texts = torch.nn.functional.normalize(torch.randn(count, 384))
        given = {"pictures": pictures.numpy(), "embedding": texts.numpy()}
        (scores,) = session.run(None, given)
        np.testing.assert_allclose(scores, ranker(pictures, texts).detach(), atol=2e-3)


def test_the_teacher_finds_what_features_say() -> None:
    random = np.random.default_rng(0)
    real = random.standard_normal((500, 20)).astype(np.float32)
    drawn = random.standard_normal((500, 20)).astype(np.float32)
    drawn[:, 3] -= 2  # what makes a picture whole
    texts = torch.nn.functional.normalize(torch.from_numpy(real[:, 5:9]), dim=1)
    teacher = fit_teacher(real, drawn, texts)
    assert torch.linalg.vecdot(teacher(real).shown, texts).mean() > 0.95
    whole = teacher(drawn).whole
    assert abs(whole.mean()) < 1e-4 and whole.std() == pytest.approx(1, abs=1e-4)
    assert (teacher(real).whole > 0).double().mean() > 0.9
    assert np.corrcoef(whole, drawn[:, 3])[0, 1] > 0.9


def test_verdicts_that_agree_are_no_distance_apart() -> None:
    shown = torch.nn.functional.normalize(torch.randn(6, 4, generator=torch.manual_seed(0)), dim=1)
    one, other = (Verdict(sign * shown, torch.full((6,), float(sign))) for sign in (1, -1))
    assert distance(one, one) == pytest.approx(0, abs=1e-6)
    assert distance(one, other) == pytest.approx(2 + 1.5)  # 1 - cos, and Huber's loss of 2


def test_pictures_are_cropped_and_mirrored_as_the_bundle_learned() -> None:
    real = np.zeros((1, 6, 6, 3), np.uint8)
    real[0, :, :, 0], real[0, :, :, 1] = np.arange(6), np.arange(6)[:, None]
    verdict = Verdict(torch.zeros(1, 2), torch.zeros(1))
    random = np.random.default_rng(0)
    for flip in (False, True):
        drawn, none = real[:, :4, :4], torch.zeros(1, 2)
        data = RankerData(real, drawn, none, none, verdict, verdict, flip)
        corners, mirrored = set(), set()
        for _ in range(100):
            pictures, _ = data.batch(np.array([0]), random)
            levels = torch.round((pictures + 1) * 127.5).int()
            columns = levels[0, 0, 0].tolist()
            mirrored.add(columns[0] > columns[-1])
            corners.add((min(columns), int(levels[0, 1].min())))
        assert corners == {(x, y) for x in range(3) for y in range(3)}
        assert mirrored == ({False, True} if flip else {False})


def test_a_section_of_the_card_is_replaced_and_the_others_are_kept() -> None:
    once = with_ranking_section("# tiny\n\nText.\n", {**RANKER, "pictures": 7})
    again = with_ranking_section(f"{once}\n## Limits\n\nNone.\n", RANKER)
    assert again.count("## Ranking") == 1
    assert "1,200 real pictures" in again and "7 real pictures" not in again
    assert again.startswith("# tiny\n\nText.\n") and "## Limits\n\nNone." in again


@pytest.mark.parametrize(
    ("asked", "error", "rule"),
    [
        ({"epochs": 0}, ConfigError, "--epochs 0: must be from 1 to 1000"),
        ({"wholeness": -1.0}, ConfigError, "--wholeness -1: must be from 0 to 100"),
        ({"wholeness": float("nan")}, ConfigError, "--wholeness nan: must be from 0 to 100"),
        (
            {"data": "toy:199"},
            DataError,
            "'toy:199' has 199 usable pictures, a ranker needs at least 200",
        ),
        ({"bundle": "nowhere"}, BundleError, "neither a folder nor a bundle"),
    ],
)
def test_what_breaks_a_rule_is_refused_before_anything_is_drawn(
    tiny: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, object],
    error: type[CaptionganError],
    rule: str,
) -> None:
    monkeypatch.setattr(Pipeline, "draw", None)
    usual = {"bundle": tiny.folder, "data": DATA, "out": tmp_path / "out"}
    usual |= {"epochs": 1, "wholeness": 1.0, "seed": 0, "say": silent}
    with pytest.raises(error, match=rule):
        teach_ranking(**usual | asked)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_taken_is_refused_before_the_training(tiny: Bundle, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    told: list[str] = []
    with pytest.raises(OutputError, match="exists already"):
        teach_ranking(tiny.folder, DATA, tmp_path / "out", 1, 1.0, 0, told.append)
    assert not told


def test_the_command_writes_a_bundle_that_keeps_the_best(
    tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ["--out", out, "--epochs", 1, "--seed", 7]
    assert captiongan("rank", "train", tiny.folder, DATA, *options) == 0
    assert f"{out}: scores correlate by" in capsys.readouterr().out
    picture = tmp_path / "picture.png"
    drawing = ["a red flower", "--best-of", 4, "--bundle", out, "-o", picture]
    assert captiongan("generate", *drawing) == 0
    assert picture.exists()
