import numpy as np
import torch

from captiongan.networks.pixels import to_pictures, to_tensor


def test_every_level_survives_the_way_to_the_network_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    np.testing.assert_array_equal(to_pictures(to_tensor(torch.from_numpy(levels))).numpy(), levels)


def test_black_is_minus_one_and_white_is_one() -> None:
    ends = np.array([0, 255], dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    assert to_tensor(torch.from_numpy(ends))[:, :, 0, 0].tolist() == [[-1.0] * 3, [1.0] * 3]


def test_channels_come_first_for_the_network_and_last_in_a_picture() -> None:
    picture = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    tensor = to_tensor(torch.from_numpy(picture))
    assert tensor.shape == (2, 3, 4, 5)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(to_pictures(tensor).numpy(), picture)


def test_what_lies_outside_the_range_is_clamped_not_wrapped() -> None:
    tensor = torch.tensor([-7.0, 7.0])[:, None, None, None].expand(2, 3, 1, 1)
    assert to_pictures(tensor)[:, 0, 0, 0].tolist() == [0, 255]
