"""Training from Python: `captiongan.train` and what it returns."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import captiongan
from captiongan.errors import CaptionganError, ConfigError
from support import command_line

TINY = {
    "data.resolution": 16,
    "data.margin": 2,
    "generator.features": 2,
    "discriminator.features": 2,
    "training.batch_size": 4,
    "training.precision": "32-true",
    "scores.every_kimg": 0,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[captiongan.Run]:
    work = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPTIONGAN_CACHE", str(work / "cache"))
        yield captiongan.train("toy:24", work / "runs" / "mine", kimg=0.02, options=TINY)


def test_a_run_is_trained_into_its_folder_with_the_options_given(trained: captiongan.Run) -> None:
    assert trained.complete
    config = (trained.path / "config.yaml").read_text()
    assert "kimg: 0.02" in config
    assert "resolution: 16" in config


def test_the_same_call_goes_on_with_the_run_and_another_one_is_refused(
    trained: captiongan.Run,
) -> None:
    again = captiongan.train("toy:24", trained.path, kimg=0.02, options=TINY)
    assert again == trained
    with pytest.raises(ConfigError, match="the run there has training kimg"):
        captiongan.train("toy:24", trained.path, kimg=0.04, options=TINY)


def test_a_run_draws_what_the_bundle_of_it_draws(trained: captiongan.Run, tmp_path: Path) -> None:
    trained.export(tmp_path / "bundle")
    of_bundle = captiongan.load(tmp_path / "bundle").generate("a red flower", seed=3)[0]
    for pipeline in (captiongan.load(trained.path), trained.load()):
        drawn = pipeline.generate("a red flower", seed=3)[0]
        assert np.array_equal(np.asarray(drawn.image), np.asarray(of_bundle.image))
        assert pipeline.manifest.name == "mine"


def test_a_run_is_opened_again_without_another_export(
    trained: captiongan.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.load()
    monkeypatch.setattr("captiongan.export.export.export_run", None)
    trained.load()


def test_a_file_of_prompts_is_drawn_by_a_run_as_by_the_bundle_of_it(
    trained: captiongan.Run, tmp_path: Path
) -> None:
    (tmp_path / "prompts.txt").write_text("a red flower\na blue flower\n")
    out = tmp_path / "pictures"
    many = ("bulk", tmp_path / "prompts.txt", "--format", "imagefolder")
    for _ in range(2):  # the second time it is the same job
        assert command_line.captiongan(*many, "--out", out, "--bundle", trained.path) == 0
    drawn = trained.load().generate("a blue flower", seed=1)[0]
    with Image.open(out / "000000" / "0000000001.png") as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(drawn.image))


def test_training_works_in_a_thread_where_no_signal_arrives(tmp_path: Path) -> None:
    runs: list[captiongan.Run] = []
    thread = threading.Thread(
        target=lambda: runs.append(
            captiongan.train("toy:24", tmp_path / "run", kimg=0.008, options=TINY)
        )
    )
    thread.start()
    thread.join()
    assert runs[0].complete


def test_what_is_missing_for_training_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> object:
        raise ModuleNotFoundError(f"No module named '{name}'", name="torch")

    monkeypatch.delitem(vars(captiongan), "train", raising=False)
    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(CaptionganError, match=r"captiongan\.train needs the package 'torch'.*pip"):
        _ = captiongan.train
