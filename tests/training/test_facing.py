"""Pictures of two facings are turned one way, and sets without two facings are refused."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from captiongan.base.cache import cache_folder
from captiongan.data.store import Pictures
from captiongan.draw.noise import mirror_of
from captiongan.draw.picture import mirrored
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import ConfigError, DataError
from captiongan.evaluation.candidate import of_generator, open_candidate
from captiongan.export.export import export_run
from captiongan.runs.load_trained import TrainedRun, load_trained
from captiongan.runs.run_folder import RunFolder
from captiongan.training import facing
from captiongan.training.facing import differences, other_way, to_be_turned
from captiongan.training.start import start
from captiongan.training.starting_config import starting_config
from support.tiny_run import equal

SIDE = 32


def arrows(count: int, seed: int = 0) -> Pictures:
    """Draw arrows that point right, of all colours, sizes and places, on grounds with grain."""
    random = np.random.default_rng(seed)
    pictures = random.normal(random.uniform(60, 190, (count, 1, 1, 1)), 12, (count, SIDE, SIDE, 3))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for picture in pictures:
        length, middle = random.integers(9, 13), random.integers(13, 19)
        tip = random.integers(22, 27)
        back, up = tip - columns, abs(rows - middle)
        head = (back >= 0) & (back < 9) & (up <= back)
        shaft = (back >= 0) & (back < 9 + length) & (up < 2)
        picture[head | shaft] = random.integers(0, 256, 3)
    return pictures.clip(0, 255).astype(np.uint8)


def coins(count: int, seed: int) -> npt.NDArray[np.bool_]:
    return np.random.default_rng(seed).random(count) < 0.5


def coarse(pictures: Tensor) -> list[Tensor]:
    """Tell on two scales where a picture differs from its mean, in place of a network's maps."""
    levels = pictures.float()
    contrast = (levels - levels.mean(dim=(2, 3), keepdim=True)).abs()
    return [avg_pool2d(contrast, size) for size in (4, 8)]


def test_pictures_are_turned_the_way_that_the_network_sees_them_face() -> None:
    upright, which = arrows(60), coins(60, seed=1)
    turned = to_be_turned(mirrored(upright, which))
    right = (turned == which).mean()
    assert max(right, 1 - right) > 0.95


def test_the_answer_is_read_from_the_cache_the_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = mirrored(arrows(40), coins(40, seed=1))
    first = to_be_turned(pictures)

    def fail() -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(facing, "_lite0", fail)
    np.testing.assert_array_equal(to_be_turned(pictures), first)
    with pytest.raises(AssertionError, match="computed again"):
        to_be_turned(pictures[:, :, ::-1])


def test_whichever_mirror_images_a_set_has_at_first_it_comes_out_the_same() -> None:
    pictures = mirrored(arrows(50), coins(50, seed=1))
    first = other_way(differences(pictures, coarse))
    for seed in (2, 3):
        which = coins(50, seed)
        again = other_way(differences(mirrored(pictures, which), coarse))
        np.testing.assert_array_equal(again, first ^ which)


def test_the_mirror_image_of_a_picture_has_the_opposite_vector() -> None:
    pictures = arrows(20)
    vectors = differences(pictures, coarse)
    np.testing.assert_allclose(differences(pictures[:, :, ::-1], coarse), -vectors, atol=2e-3)
    assert np.abs(vectors).max() > 0.5


def test_vectors_are_in_deviations_so_that_the_scale_of_a_channel_does_not_count() -> None:
    pictures = arrows(20)

    def scaled(batch: Tensor) -> list[Tensor]:
        fine, rough = coarse(batch)
        return [fine * Tensor([1.0, 100.0, 0.01])[:, None, None] + 7, rough]

    vectors = differences(pictures, coarse)
    np.testing.assert_allclose(differences(pictures, scaled), vectors, atol=5e-3)
    assert vectors.shape == (20, 3 * 4 + 3 * 2)


def line(count: int, share: float, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return vectors on both sides of one line, with grain."""
    random = np.random.default_rng(seed)
    sides = random.choice([-1.0, 1.0], count)[:, None] * random.uniform(0.5, 1.5, (count, 1))
    direction = random.standard_normal(30)
    return (share * sides * direction + random.standard_normal((count, 30))).astype(np.float32)


def test_a_set_that_faces_one_way_is_turned_whole_or_not_at_all() -> None:
    vectors = line(200, share=3)
    alike = vectors * np.sign(vectors @ vectors[0])[:, None]
    assert len(set(other_way(alike).tolist())) == 1
    assert len(set(other_way(vectors).tolist())) == 2


def test_the_sign_does_not_depend_on_the_order_of_the_pictures() -> None:
    vectors = line(200, share=1)
    order = np.random.default_rng(1).permutation(200)
    np.testing.assert_array_equal(other_way(vectors[order]), other_way(vectors)[order])


def test_the_largest_number_of_the_direction_is_positive() -> None:
    direction = np.array([0.5, -2.0, 1.0], np.float32)
    vectors = np.outer([1, -1, 2], direction).astype(np.float32)
    assert other_way(vectors).tolist() == [True, False, True]
    assert other_way(-vectors).tolist() == [False, True, False]


def test_a_picture_that_faces_neither_way_stays_as_it_is() -> None:
    vectors = np.array([[3, 0], [0, 0], [0, 1], [-3, 0]], np.float32)
    assert other_way(vectors).tolist() == [False, False, False, True]


def test_noise_is_refused_with_both_shares_and_what_to_do() -> None:
    with pytest.raises(DataError, match=r"facing = True: .*; set data.facing=false$") as caught:
        other_way(line(200, share=0))
    assert "0.0" in str(caught.value) and "at least 2 times" in str(caught.value)


def test_the_rule_is_twice_the_energy_of_the_next_direction() -> None:
    def two(first: float) -> npt.NDArray[np.float32]:
        return np.diag([first**0.5, 1.0]).astype(np.float32)

    assert other_way(two(2.01)).shape == (2,)
    with pytest.raises(DataError, match=r"holds 0\.655 of the difference and the next one 0\.345"):
        other_way(two(1.9))


def test_symmetric_pictures_are_refused() -> None:
    halves = arrows(30)[:, :, : SIDE // 2]
    symmetric = np.concatenate([halves, halves[:, :, ::-1]], axis=2)
    with pytest.raises(DataError, match=r"0\.000 .* 0\.000.*data.facing=false"):
        to_be_turned(symmetric)
    assert not any(cache_folder("facing").iterdir())


TINY = [
    *("network=fusion", "data.resolution=16", "data.margin=2", "data.flip=true"),
    *(
        "data.facing=true",
        "text.conditioning_augmentation=0.5",
        "losses.pixel_wise=0",
        "losses.feature_matching=0",
    ),
    *("generator.features=4", "generator.noise_dim=8", "discriminator.features=4"),
    *("training.batch_size=4", "training.precision=32-true", "scores.every_kimg=0"),
]
LENGTH = "training.kimg=0.04"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of ten steps, `unbroken`, and the same stopped after five and resumed, `resumed`."""
    work = tmp_path_factory.mktemp("facing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPTIONGAN_CACHE", str(work / "cache"))
        patch.setattr(facing, "STANDS_OUT", 0)  # whether toy flowers face two ways or not
        start(None, "toy:24", work, None, [*TINY, LENGTH], False, into=work / "unbroken")
        resumed = work / "resumed"
        start(None, "toy:24", work, None, [*TINY, "training.kimg=0.02"], False, into=resumed)
        shutil.rmtree(work / "cache" / "facing")
        start(None, None, work, resumed, [LENGTH], False)
        yield work


def trained(runs: Path, name: str = "unbroken") -> TrainedRun:
    return load_trained(RunFolder.open(runs / name))


def test_a_resumed_run_takes_the_steps_of_the_unbroken_one(runs: Path) -> None:
    one, other = (trained(runs, name) for name in ("unbroken", "resumed"))
    assert one.checkpoint.step == other.checkpoint.step == 10
    assert equal(one.generator.state_dict(), other.generator.state_dict())
    assert equal(one.checkpoint.tensors("discriminator"), other.checkpoint.tensors("discriminator"))


def test_a_resumed_run_cannot_change_facing(runs: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.facing=False: the run began with True"):
        start(None, None, runs, runs / "unbroken", ["data.facing=false"], dry_run=True)


def test_a_run_its_bundle_and_its_own_scores_mirror_by_the_same_bit(
    runs: Path, tmp_path: Path
) -> None:
    run = trained(runs)
    bundle = export_run(run, tmp_path / "bundle", "toy", "1", ["a red flower"])
    assert bundle.manifest.mirror_by_seed
    assert "turned one way" in (bundle.folder / "README.md").read_text()
    asked = (["a red flower"] * 20, range(20))
    by_run, by_bundle = (
        open_candidate(str(each)).pictures_of(*asked).astype(int)
        for each in (run.folder.path, bundle.folder)
    )
    by_scores = of_generator(run.config, run.generator, run.encoder)
    unmirrored = replace(by_scores, mirror_by_seed=False).pictures_of(*asked)
    expected = mirrored(unmirrored, [mirror_of(seed, 8) for seed in range(20)])
    np.testing.assert_array_equal(by_scores.pictures_of(*asked), expected)
    np.testing.assert_array_equal(by_run, expected)
    assert np.abs(by_bundle - expected).max() <= 1
    sheet = np.asarray(Image.open(bundle.folder / "sample.png"), dtype=int)
    for seed, drawn in enumerate(Pipeline(bundle).generate("a red flower", 4)):
        shown = sheet[2:18, 2 + 18 * seed : 18 + 18 * seed]
        assert np.abs(shown - np.asarray(drawn.image, int)).max() <= 1


@pytest.mark.parametrize("way", [True, False])
def test_a_run_that_starts_from_a_bundle_may_turn_its_pictures_or_not(
    way: bool, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facing, "STANDS_OUT", 0)
    bundle = export_run(trained(runs), tmp_path / "bundle", "toy", "1", ["a red flower"]).folder
    inherited, chosen = (
        starting_config(str(bundle), None, overrides, "toy:12", print)
        for overrides in ([], [f"data.facing={way}"])
    )
    assert (inherited.data.facing, chosen.data.facing) == (True, way)


def test_a_run_on_pictures_without_two_facings_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facing, "STANDS_OUT", 1000)
    with pytest.raises(DataError, match="do not have two facings"):
        start(None, "toy:24", tmp_path / "runs", None, [*TINY, LENGTH], dry_run=False)
    assert not (tmp_path / "runs").exists()
