"""Pictures of two facings are turned one way, and sets without two facings are refused."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from captiongan.cache import cache_folder
from captiongan.data.store import Pictures
from captiongan.errors import DataError
from captiongan.pictures import mirrored
from captiongan.training import facing
from captiongan.training.facing import differences, other_way, to_be_turned

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
        return [fine * torch.tensor([1.0, 100.0, 0.01])[:, None, None] + 7, rough]

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
