"""From a run to a bundle: what is drawn without PyTorch is what PyTorch would draw."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from captiongan.bundle.bundle import read_bundle
from captiongan.bundle.manifest import CRITIC_FILE, MODEL_FILES, DataFacts
from captiongan.draw.noise import noise_of
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import ConfigError, OutputError, RunError
from captiongan.export.export import export_run
from captiongan.loading import load
from captiongan.networks.pixels import to_pictures
from captiongan.page.page import page_file
from captiongan.runs.load_trained import TrainedRun, load_trained
from captiongan.runs.run_folder import RunFolder
from captiongan.training.start import start
from support.command_line import captiongan

pytestmark = pytest.mark.filterwarnings("ignore::captiongan.PromptWarning")

PROMPTS = [
    "a red flower with pointed petals and a yellow centre",
    "round blue petals around a white centre",
    "a white flower",
    "The flower has petals that are bright pinkish purple with white stigma",
    "this flower is orange and yellow with petals that are spiky",
    "many narrow purple petals, and a brown centre, against a dark background",
    "a large pink flower with ruffled petals",
    "a yellow flower",
    "the petals are green and the stamen is black",
    "a small violet blossom with four sharp petals on a light background",
]

SHORT = ["training.kimg=0.064"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainedRun]:
    """A short run of the full-size networks on the toy set."""
    work = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPTIONGAN_CACHE", str(work / "cache"))
        start(None, "toy:40", work / "runs", None, SHORT, dry_run=False)
        yield load_trained(RunFolder.open(work / "runs" / "00000-dcgan"))


def test_the_bundle_draws_what_pytorch_draws_within_one_step_of_255(
    run: TrainedRun, tmp_path: Path
) -> None:
    export_run(run, tmp_path / "bundle", "toy", "1", PROMPTS[:2])
    pipeline = Pipeline.from_bundle(tmp_path / "bundle")
    generator, encoder = run.generator, run.encoder
    for seed, prompt in enumerate(PROMPTS):
        drawn = np.asarray(pipeline.generate(prompt, seed=seed)[0].image, dtype=int)
        with torch.no_grad():
            noise = torch.from_numpy(noise_of(seed, 100))[None]
            expected = to_pictures(generator(noise, torch.from_numpy(encoder.encode([prompt]))))
        assert np.abs(drawn - expected[0].numpy().astype(int)).max() <= 1


@pytest.fixture(scope="module")
def fusion_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainedRun]:
    """A short run of the fusion preset, made small."""
    work = tmp_path_factory.mktemp("fusion")
    small = ["generator.features=8", "discriminator.features=4", "training.batch_size=8"]
    small += ["training.kimg=0.04", "training.precision=32-true", "scores.every_kimg=0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPTIONGAN_CACHE", str(work / "cache"))
        start("fusion", "toy:64", work / "runs", None, small, dry_run=False)
        yield load_trained(RunFolder.open(work / "runs" / "00000-fusion"))


def test_a_bundle_of_fusion_draws_what_pytorch_draws_with_the_wording_of_its_data(
    fusion_run: TrainedRun, tmp_path: Path
) -> None:
    assert fusion_run.generator.get_buffer("wording").any()
    folder = export_run(fusion_run, tmp_path / "bundle", "toy", "1", PROMPTS[:2]).folder
    pipeline = Pipeline.from_bundle(folder)
    for seed, prompt in enumerate(PROMPTS):
        drawn = np.asarray(pipeline.generate(prompt, seed=seed)[0].image, dtype=int)
        noise = torch.from_numpy(noise_of(seed, 128))[None]
        expected = to_pictures(
            fusion_run.generator(noise, torch.from_numpy(fusion_run.encoder.encode([prompt])))
        )
        assert np.abs(drawn - expected[0].numpy().astype(int)).max() <= 1
    card = (folder / "README.md").read_text()
    (losses,) = re.findall(r"^\| losses \| (.*) \|$", card, flags=re.MULTILINE)
    assert losses == "`hinge-cls`, contrastive x 1, DiffAugment (translation, cutout)"


def test_a_resumed_run_cannot_change_how_z_moves_texts(fusion_run: TrainedRun) -> None:
    with pytest.raises(
        ConfigError, match=r"text\.conditioning_augmentation=1\.0: the run began with 0\.5"
    ):
        start(
            None,
            None,
            Path(),
            fusion_run.folder.path,
            ["text.conditioning_augmentation=1"],
            dry_run=True,
        )


def test_a_bundle_is_small_tells_its_training_and_names_no_place_of_the_machine(
    run: TrainedRun, tmp_path: Path
) -> None:
    folder = export_run(run, tmp_path / "bundle", "toy", "1", PROMPTS[:2]).folder
    assert sum(file.stat().st_size for file in folder.iterdir()) < 25e6
    suffixes = {file.suffix for file in folder.iterdir()}
    assert suffixes == {".onnx", ".safetensors", ".json", ".md", ".png"}
    manifest = read_bundle(folder).manifest
    training = manifest.training
    assert (training.kimg, training.steps) == (0.1, run.checkpoint.step)
    assert training.data == DataFacts("toy:40", pictures=40, captions=200, classes=39, skipped=0)
    assert training.extractors == ("lite0",)
    assert manifest.sample_prompts == tuple(PROMPTS[:2])
    card = (folder / "README.md").read_text()
    assert PROMPTS[1] in card
    assert CRITIC_FILE in card and "train --from" not in card  # its BatchNorm is folded
    places = [sys.prefix.encode(), str(Path(__file__).parents[2]).encode(), bytes(tmp_path)]
    for file in folder.iterdir():
        assert not any(place in file.read_bytes() for place in places)


def test_a_page_is_written_beside_the_bundle_if_asked_for(
    fusion_run: TrainedRun, tmp_path: Path
) -> None:
    export = ("export", fusion_run.folder.path, "--out", tmp_path / "mine")
    assert captiongan(*export, "--page") == 0
    assert (tmp_path / "mine.html").read_bytes() == page_file([load(tmp_path / "mine")])


def test_the_discriminator_travels_in_half_precision_unless_told_to_stay(
    fusion_run: TrainedRun, tmp_path: Path
) -> None:
    export = ("export", fusion_run.folder.path, "--out")
    assert captiongan(*export, tmp_path / "with") == 0
    assert captiongan(*export, tmp_path / "without", "--without-critic") == 0
    bundle, without = (read_bundle(tmp_path / name) for name in ("with", "without"))
    carried = load_file(bundle.folder / CRITIC_FILE)
    trained = fusion_run.checkpoint.tensors("discriminator")
    assert carried.keys() == trained.keys()
    assert all(values.equal(trained[name].half()) for name, values in carried.items())
    whole = (fusion_run.checkpoint.path / CRITIC_FILE).stat().st_size
    assert bundle.manifest.files[CRITIC_FILE].size < 0.6 * whole
    assert (
        "captiongan train --from PATH_OF_THIS_FOLDER --data FOLDER"
        in (bundle.folder / "README.md").read_text()
    )
    assert bundle.has_critic and not without.has_critic
    assert not (without.folder / CRITIC_FILE).exists()
    card = (without.folder / "README.md").read_text()
    assert "| discriminator | left out |" in card and "train --from" not in card
    for file in MODEL_FILES:
        assert without.manifest.files[file] == bundle.manifest.files[file]


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_a_discriminator_that_does_not_fit_half_precision_is_named_and_may_stay_behind(
    value: float, run: TrainedRun, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    weights = run.checkpoint.tensors("discriminator")
    name, values = next((n, each) for n, each in weights.items() if each.is_floating_point())
    values.view(-1)[0] = value
    save_file(weights, checkpoint / CRITIC_FILE)
    broken = replace(run, checkpoint=replace(run.checkpoint, path=checkpoint))
    with pytest.raises(RunError, match=rf"{name} is not finite in half .* --without-critic"):
        export_run(broken, tmp_path / "bundle", "toy", "1", PROMPTS[:2])
    assert not (tmp_path / "bundle").exists()
    export_run(broken, tmp_path / "bundle", "toy", "1", PROMPTS[:2], with_critic=False)


def test_an_encoder_that_cannot_travel_is_refused_at_export(
    run: TrainedRun, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"encoder 'minilm': it is too big for a bundle"):
        export_run(
            replace(run, config=run.config.with_encoder("minilm")),
            tmp_path / "bundle",
            "toy",
            "1",
            PROMPTS[:2],
        )
    assert not (tmp_path / "bundle").exists()


def test_an_existing_folder_is_not_written_over(run: TrainedRun, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="bundle"):
        export_run(run, tmp_path / "bundle", "toy", "1", PROMPTS[:2])
    assert (tmp_path / "bundle" / "mine.txt").read_text() == "mine"
