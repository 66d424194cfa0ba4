"""Training on the most typical pictures: which they are, and that a run says so."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from captiongan.base.cache import cache_folder
from captiongan.data.folder import Example
from captiongan.data.store import Pictures, PictureStore, open_store
from captiongan.errors import ConfigError, DataError
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import choose_extractor
from captiongan.runs.run_folder import RunFolder
from captiongan.training import instance_selection
from captiongan.training.instance_selection import log_densities, most_typical
from captiongan.training.start import start

CPU = torch.device("cpu")
TINY = [
    *("network=fusion", "data.resolution=16", "data.margin=2", "training.precision=32-true"),
    *("generator.features=4", "generator.noise_dim=8", "discriminator.features=4"),
    *("losses.pixel_wise=0", "losses.feature_matching=0", "scores.every_kimg=0"),
    *("training.batch_size=4", "training.kimg=0.012"),
]


@pytest.mark.parametrize(("count", "dim"), [(2000, 8), (300, 1280), (25, 1280)])
def test_pictures_that_lie_apart_from_the_others_are_the_least_typical(
    count: int, dim: int
) -> None:
    random = np.random.default_rng(0)
    features = random.standard_normal((count, dim), dtype=np.float32)
    features *= np.linspace(0.1, 3, dim)  # some directions vary more
    features[:3] *= 8
    order = np.argsort(log_densities(features))
    assert set(order[:3].tolist()) == {0, 1, 2}


def test_densities_are_those_of_a_gaussian_with_wider_variances() -> None:
    random = np.random.default_rng(0)
    features = random.standard_normal((5000, 3)) @ random.standard_normal((3, 3)) + 7
    centred = features - features.mean(axis=0)
    covariance = np.cov(features.T, bias=True)
    added = (1 + 3 / 5000) * covariance.trace() / 3
    inverse = np.linalg.inv(covariance + added * np.eye(3))
    expected = -np.einsum("nd,de,ne->n", centred, inverse, centred)
    np.testing.assert_allclose(log_densities(features), expected)


def test_equal_pictures_are_equally_typical() -> None:
    densities = log_densities(np.full((20, 8), 0.7, dtype=np.float32))
    assert np.isfinite(densities).all()
    np.testing.assert_allclose(densities, 0, atol=1e-6)


def flowers_and_others() -> PictureStore:
    """Forty drawn flowers, and two odd sheets among them: noise, and stripes."""
    flowers = open_store("toy:40", 32, 32)
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    stripes = np.full((32, 32, 3), 255, dtype=np.uint8)
    stripes[::8] = stripes[1::8] = 0
    pictures, examples = list(flowers.pictures), list(flowers.examples)
    for place, sheet in ((0, noise), (23, stripes)):
        pictures.insert(place, sheet)
        examples.insert(place, Example("odd.png", ("a sheet",), None))
    return PictureStore(np.array(pictures), tuple(examples), ("a line",))


def test_odd_pictures_among_flowers_are_left_out_and_the_rest_stays_in_order() -> None:
    store = flowers_and_others()
    chosen = most_typical(store, 40 / 42, CPU)
    assert len(chosen.pictures) == len(chosen.examples) == 40
    assert not any(example.file_name == "odd.png" for example in chosen.examples)
    kept = [store.examples.index(example) for example in chosen.examples]
    assert kept == sorted(kept)
    assert np.array_equal(chosen.pictures, store.pictures[kept])
    assert chosen.rejects == store.rejects


def test_features_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store, extractor = open_store("toy:12", 32, 32), choose_extractor("lite0")
    measure, asked = extractor.features, []

    def counted(pictures: Pictures) -> Features:
        asked.append(len(pictures))
        return measure(pictures)

    monkeypatch.setattr(extractor, "features", counted)
    monkeypatch.setattr(instance_selection, "choose_extractor", lambda *_, **__: extractor)
    shutil.rmtree(cache_folder("features"), ignore_errors=True)
    halves = [most_typical(store, 0.5, CPU).examples for _ in range(2)]
    assert asked == [12]
    assert halves[0] == halves[1]


def test_a_share_that_leaves_no_two_pictures_is_refused_with_one_that_does() -> None:
    with pytest.raises(DataError, match=r"typical_share = 0.05: leaves 1 of 20 .*=0.5 or more"):
        most_typical(open_store("toy:20", 16, 16), 0.05, CPU)


def test_a_run_says_how_many_pictures_it_left_out_and_goes_on_with_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = [*TINY, "data.typical_share=0.75"]
    start(None, "toy:24", tmp_path, None, overrides, dry_run=False)
    run = RunFolder.open(tmp_path / "00000-dcgan")
    facts = json.loads((run.path / "data.json").read_text())
    assert (facts["pictures"], facts["left_out"]) == (18, 6)
    assert "6 less typical pictures left out" in capsys.readouterr().out
    start(None, None, tmp_path, run.path, ["training.kimg=0.024"], dry_run=False)
    assert run.metrics()[-1]["step"] == 6
    with pytest.raises(ConfigError, match=r"data\.typical_share=0\.5: the run began with 0.75"):
        start(None, None, tmp_path, run.path, ["data.typical_share=0.5"], dry_run=False)


def test_without_a_share_all_pictures_are_used_and_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        instance_selection, "choose_extractor", lambda *_, **__: pytest.fail("measured")
    )
    start(None, "toy:24", tmp_path, None, TINY, dry_run=False)
    facts = json.loads((tmp_path / "00000-dcgan" / "data.json").read_text())
    assert (facts["pictures"], facts["left_out"]) == (24, 0)
