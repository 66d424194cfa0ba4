"""Bundles and runs take the same benchmark: they draw alike, and tell what they are."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
from PIL import Image

from captiongan.base.files import sha256_of
from captiongan.bundle.manifest import GENERATOR_FILE, MANIFEST
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.sessions import MAX_BATCH
from captiongan.errors import BundleError, CaptionganError, RunError
from captiongan.evaluation.candidate import Candidate, SampleGrids, of_generator, open_candidate
from captiongan.export.export import export_run
from captiongan.runs.checkpoint import latest_checkpoint, save_checkpoint
from captiongan.runs.load_trained import load_trained
from captiongan.runs.run_folder import RunFolder
from support.tiny_bundle import ranker, write_tiny_bundle
from support.tiny_run import CONFIG, StubEncoder, tiny_run, tiny_state

CAPTIONS = ["a red flower", "yellow petals", "a flower with pointed petals"]
STEPS = (1, 3)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    made = tiny_run(tmp_path_factory.mktemp("candidate"), *STEPS)
    made.add_metrics({"step": 3, "score_kid": 0.5})
    return made


@pytest.fixture(scope="module")
def bundle(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, exported."""
    out = tmp_path_factory.mktemp("candidate") / "exported"
    return export_run(load_trained(run), out, "blooms", "2", CAPTIONS).folder


@pytest.fixture(scope="module")
def both(run: RunFolder, bundle: Path) -> list[Candidate]:
    return [open_candidate(str(run.path)), open_candidate(str(bundle))]


def levels(candidate: Candidate, captions: list[str], seeds: range) -> np.ndarray:
    return candidate.pictures_of(captions, seeds).astype(int)


def test_a_bundle_draws_what_the_run_draws_that_it_was_exported_from(
    both: list[Candidate],
) -> None:
    captions = CAPTIONS * 30
    assert len(captions) > MAX_BATCH
    seeds = range(5, 5 + len(captions))
    one, other = (levels(candidate, captions, seeds) for candidate in both)
    assert one.shape == other.shape == (len(captions), 16, 16, 3)
    assert np.abs(one - other).max() <= 1
    assert one.std() > 1


def test_a_picture_follows_from_its_caption_and_seed_in_any_batch(both: list[Candidate]) -> None:
    captions = [CAPTIONS[number % 3] for number in range(MAX_BATCH + 5)]
    for candidate in both:
        together = levels(candidate, captions, range(100, 100 + len(captions)))
        for place in (0, 2, MAX_BATCH - 1, MAX_BATCH, MAX_BATCH + 4):
            alone = levels(candidate, captions[place : place + 1], range(100 + place, 101 + place))
            assert np.abs(together[place] - alone[0]).max() <= 1
        others = levels(candidate, captions[1:2] * 2, range(100, 102))
        assert (others[0] != together[0]).any()  # another caption
        assert (others[0] != others[1]).any()  # another seed


def test_a_bundle_as_a_candidate_draws_what_its_pipeline_draws(tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path / "tiny").folder
    candidate, pipeline = open_candidate(str(folder)), Pipeline.from_bundle(folder)
    drawn = candidate.pictures_of(["a red flower"] * 4, range(7, 11))
    expected = [np.asarray(each.image) for each in pipeline.generate("a red flower", 4, seed=7)]
    np.testing.assert_array_equal(drawn, expected)
    assert candidate.resolution == 8


def test_truncation_multiplies_the_noise_of_a_candidate_as_of_a_pipeline(tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path / "tiny").folder
    candidate, pipeline = open_candidate(str(folder)), Pipeline.from_bundle(folder)
    for truncation in (1.0, 0.6):
        truncated = replace(candidate, truncation=truncation)
        drawn = truncated.pictures_of(["a red flower"] * 4, range(7, 11))
        pictures = pipeline.generate("a red flower", 4, 7, truncation)
        np.testing.assert_array_equal(drawn, [np.asarray(each.image) for each in pictures])


def test_a_candidate_keeps_the_best_of_several_as_its_pipeline_does(tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path / "tiny", ranker=ranker()).folder
    pipeline = Pipeline.from_bundle(folder)
    for best_of, count in ((4, 4), (3, 50)):
        candidate = replace(open_candidate(str(folder)), best_of=best_of, truncation=0.6)
        seeds = range(7, 7 + count * best_of)
        drawn = candidate.pictures_of(["a red flower"] * count, seeds)
        pictures = pipeline.generate("a red flower", count, 7, 0.6, best_of=best_of)
        np.testing.assert_array_equal(drawn, [np.asarray(each.image) for each in pictures])


def test_only_a_bundle_with_a_ranker_can_score_its_pictures(tmp_path: Path) -> None:
    plain, ranked = tmp_path / "plain", tmp_path / "ranked"
    assert open_candidate(str(write_tiny_bundle(plain).folder)).score is None
    assert open_candidate(str(write_tiny_bundle(ranked, ranker=ranker()).folder)).score


def test_captions_that_a_user_could_not_ask_are_drawn_all_the_same(tmp_path: Path) -> None:
    """Real captions have words that nobody knows, and the benchmark asks them as they are."""
    candidate = open_candidate(str(write_tiny_bundle(tmp_path / "tiny").folder))
    assert candidate.pictures_of(["xyzzy", "1,000 zzz; ???"], range(2)).shape == (2, 8, 8, 3)


def test_a_run_tells_its_checkpoint_and_its_curve(run: RunFolder, both: list[Candidate]) -> None:
    newest = latest_checkpoint(run.checkpoints).path
    assert both[0].name == run.path.name == "00000-dcgan"
    assert both[0].facts == {
        "kind": "run",
        "name": "00000-dcgan",
        "checkpoint": "step-000000003",
        "sha256": sha256_of(newest / "average.safetensors"),
        "kimg": 0.0,
    }
    assert both[0].curve == [{"step": 3, "score_kid": 0.5}]


def test_a_run_shows_its_first_grid_and_its_newest_once_there_are_two(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1)
    run.write_data_facts({"sample_captions": CAPTIONS})
    run.write_grid(40, Image.new("RGB", (9, 8), "red"))
    assert open_candidate(str(run.path)).sample_grids is None
    for step, color in ((0, "green"), (20, "blue")):
        run.write_grid(step, Image.new("RGB", (9, 8), color))
    grids = {step: run.grid(step).read_bytes() for step in (0, 40)}
    assert open_candidate(str(run.path)).sample_grids == SampleGrids(tuple(CAPTIONS), grids)
    (run.path / "data.json").unlink()
    assert open_candidate(str(run.path)).sample_grids == SampleGrids((), grids)


def test_a_grid_that_leads_out_of_the_run_is_shown_to_nobody(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1)
    (tmp_path / "private").write_text("my diary")
    for step in (0, 40):
        run.grid(step).unlink(missing_ok=True)
        run.grid(step).symlink_to(tmp_path / "private")
    with pytest.raises(RunError, match="it is a link"):
        open_candidate(str(run.path))


def test_a_bundle_tells_its_name_version_and_hash(bundle: Path, both: list[Candidate]) -> None:
    assert both[1].name == "blooms"
    assert both[1].facts == {
        "kind": "bundle",
        "name": "blooms",
        "version": "2",
        "sha256": sha256_of(bundle / MANIFEST),
        "kimg": 0.0,
    }
    assert both[1].curve == ()


def test_the_extractor_that_chose_the_checkpoint_took_part(
    both: list[Candidate], tmp_path: Path
) -> None:
    assert [candidate.took_part for candidate in both] == [("lite0",), ("lite0",)]
    alone = tiny_run(tmp_path, 1, scored=False)
    assert open_candidate(str(alone.path)).took_part == ()


def test_the_manifest_says_which_extractors_took_part_and_an_older_one_that_none_did(
    tmp_path: Path,
) -> None:
    folder = write_tiny_bundle(tmp_path / "tiny").folder
    facts = json.loads((folder / MANIFEST).read_text())
    del facts["training"]["extractors"]
    (folder / MANIFEST).write_text(json.dumps(facts))
    assert open_candidate(str(folder)).took_part == ()
    facts["training"]["extractors"] = ["lite1", "inception"]
    (folder / MANIFEST).write_text(json.dumps(facts))
    assert open_candidate(str(folder)).took_part == ("lite1", "inception")


@pytest.mark.parametrize("extractors", ["lite0", {"lite0": 1}, [0], None])
def test_a_manifest_that_lists_no_names_of_extractors_is_refused(
    extractors: object, tmp_path: Path
) -> None:
    folder = write_tiny_bundle(tmp_path / "tiny").folder
    facts = json.loads((folder / MANIFEST).read_text())
    facts["training"]["extractors"] = extractors
    (folder / MANIFEST).write_text(json.dumps(facts))
    with pytest.raises(BundleError, match="'training > extractors'"):
        open_candidate(str(folder))


def test_a_bundle_whose_weights_are_not_finite_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path / "tiny").folder
    model = onnx.load(folder / GENERATOR_FILE)
    (weight,) = (each for each in model.graph.initializer if each.name == "weight")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0, 0] = np.nan
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "weight"))
    onnx.save(model, folder / GENERATOR_FILE)
    facts = json.loads((folder / MANIFEST).read_text())
    facts["files"][GENERATOR_FILE]["sha256"] = sha256_of(folder / GENERATOR_FILE)
    (folder / MANIFEST).write_text(json.dumps(facts))
    with pytest.raises(BundleError, match=r"the weight weight in generator\.onnx is not finite"):
        open_candidate(str(folder))


def test_a_generator_that_draws_what_is_not_finite_is_refused(tmp_path: Path) -> None:
    trained = load_trained(tiny_run(tmp_path, 1))
    for weights in trained.generator.parameters():
        weights.fill_(1e38)  # finite, unlike what comes of it
    candidate = of_generator(trained.config, trained.generator, trained.encoder)
    with pytest.raises(RunError, match="draws what is not finite"):
        candidate.pictures_of(["a red flower"], [0])


def test_the_shipped_bundle_is_opened_by_its_name() -> None:
    candidate = open_candidate("flowers")
    assert (candidate.name, candidate.resolution) == ("flowers", 64)


def test_the_best_checkpoint_is_taken_unless_the_newest_is_asked_for(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 2, 4)
    encoder = load_trained(run).checkpoint.encoder
    state = tiny_state()
    state.step = 3
    save_checkpoint(state, encoder, run.best, 1, run.identity)
    found = {which: open_candidate(str(run.path), which) for which in ("best", "newest")}
    names = {which: candidate.facts["checkpoint"] for which, candidate in found.items()}
    assert names == {"best": "step-000000003", "newest": "step-000000004"}
    best, newest = (levels(each, CAPTIONS, range(3)) for each in found.values())
    assert (best != newest).any()


def test_a_generator_in_memory_draws_as_it_does_from_its_checkpoint(run: RunFolder) -> None:
    trained = load_trained(run)
    alive = of_generator(trained.config, trained.generator, trained.encoder)
    reopened = open_candidate(str(run.path))
    np.testing.assert_array_equal(
        alive.pictures_of(CAPTIONS, range(3)), reopened.pictures_of(CAPTIONS, range(3))
    )


def test_drawing_changes_nothing_in_the_generator() -> None:
    ema = tiny_state().ema
    before = {name: values.clone() for name, values in ema.state_dict().items()}
    of_generator(CONFIG, ema, StubEncoder()).pictures_of(CAPTIONS, range(3))
    assert all(values.equal(before[name]) for name, values in ema.state_dict().items())


@pytest.mark.parametrize("name", ["nowhere", "no/such/folder"])
def test_what_is_neither_run_nor_bundle_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(BundleError, match=rf"'{name}'.*flowers"):
        open_candidate(name)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has no bundle"):
        open_candidate(str(tmp_path))


def test_a_run_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no complete checkpoint"):
        open_candidate(str(tiny_run(tmp_path).path))


@pytest.mark.parametrize("file", ["generator.onnx", "tokenizer.json", MANIFEST])
def test_a_damaged_bundle_is_refused(file: str, tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path / "tiny").folder
    (folder / file).write_bytes((folder / file).read_bytes()[:-9])
    with pytest.raises(CaptionganError, match=r"tiny|JSON"):
        open_candidate(str(folder))
