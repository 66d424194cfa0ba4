"""Differentiable augmentation of the pictures that the discriminator sees.

DiffAugment (Zhao et al. 2020, arXiv 2006.10738) changes all pictures at random, real and generated,
in the updates of D and of G. So the discriminator cannot memorise a small data set, and the
generator does not learn to draw the changes.
"""

from collections.abc import Callable, Collection

import torch
from torch import Tensor
from torch.nn import functional as F

from captiongan.compute import distributed

TRANSLATION = 1 / 8
"""The largest shift of a picture, as a fraction of its side."""

CUTOUT = 1 / 2
"""Side of the square that is cut out, as a fraction of the picture's side."""


def diff_augment(pictures: Tensor, policy: Collection[str], probability: float = 1.0) -> Tensor:
    """Change every picture (B, 3, H, W) at random, using PyTorch's global random generator.

    Args:
        pictures: in [-1, 1]; the result is in [-1, 1] too, except after `colour`.
        policy: which of `AUGMENTATIONS` to apply, in the order of that table.

            `colour` is a risk if captions mention colours. It keeps the hue, because it treats red,
            green and blue alike, but changes saturation and lightness: a red flower may become
            grey, pink or almost black, and no longer match its text. The result is not clipped to
            [-1, 1], because that would change hues and stop gradients.
        probability: of changing a picture, from 0 to 1; the others stay as they are. The smaller it
            is, the less the generator learns to draw the changes (Karras et al. 2020, section 2.2,
            arXiv 2006.06676).

    Raises:
        ValueError: `policy` has an unknown name.
    """
    if unknown := set(policy) - set(AUGMENTATIONS):
        raise ValueError(
            f"policy = {sorted(policy)}: unknown augmentations {sorted(unknown)}; "
            f"choose from {', '.join(AUGMENTATIONS)}"
        )
    changed = pictures
    for name, augment in AUGMENTATIONS.items():
        if name in policy:
            changed = augment(changed)
    if probability == 1:
        return changed
    return torch.where(_uniform(pictures, 0.0, 1.0) < probability, changed, pictures)


def blurred(pictures: Tensor, sigma: Tensor) -> Tensor:
    """Blur pictures (B, 3, H, W) by a Gaussian of standard deviation `sigma` in pixels (a scalar).

    Early in training, the discriminator recognises generated pictures by their fine detail, which
    teaches the generator nothing about shapes (Karras et al. 2021, arXiv 2106.12423; Sauer et al.
    2022, arXiv 2202.00273). A deviation of 0 leaves pictures as they are. At the edge, the weights
    of the pixels inside the picture add up to 1.
    """
    with torch.autocast(pictures.device.type, enabled=False):  # bfloat16 would round the levels
        down, right = (_gaussian(pictures.shape[dim], sigma) for dim in (2, 3))
        return down @ pictures.float() @ right.mT


def _gaussian(side: int, sigma: Tensor) -> Tensor:
    """Return the weight of each pixel of a line (columns) in each blurred pixel (rows)."""
    place = torch.arange(side, device=sigma.device)
    distance = (place[:, None] - place).float() / sigma.clamp(min=0.01)  # finite at sigma 0, too
    return torch.softmax(-distance.square() / 2, dim=1)


def change_colours(pictures: Tensor) -> Tensor:
    """Change brightness by up to 0.5, saturation 0 to 2 times, contrast 0.5 to 1.5 times."""
    pictures = pictures + _uniform(pictures, -0.5, 0.5)
    grey = pictures.mean(dim=1, keepdim=True)
    pictures = grey + (pictures - grey) * _uniform(pictures, 0.0, 2.0)
    middle = pictures.mean(dim=(1, 2, 3), keepdim=True)
    return middle + (pictures - middle) * _uniform(pictures, 0.5, 1.5)


def translate(pictures: Tensor) -> Tensor:
    """Shift each picture by up to `TRANSLATION` in both directions; fill with 0."""
    count, channels, height, width = pictures.shape
    furthest_down, furthest_right = int(height * TRANSLATION), int(width * TRANSLATION)
    padded = F.pad(pictures, 2 * (furthest_right,) + 2 * (furthest_down,)).permute(0, 2, 3, 1)
    rows = _places(pictures, 2) + _whole(pictures, 0, 2 * furthest_down + 1)
    columns = _places(pictures, 3) + _whole(pictures, 0, 2 * furthest_right + 1)
    picture = torch.arange(count, device=pictures.device).view(-1, 1, 1, 1)
    # One flat index is several times faster than grid_sample or an index for each dimension.
    pixels = (picture * padded.shape[1] + rows) * padded.shape[2] + columns
    moved = padded.reshape(-1, channels).index_select(0, pixels.flatten())
    return moved.view(count, height, width, channels).permute(0, 3, 1, 2)


def cut_out(pictures: Tensor) -> Tensor:
    """Set a square to 0; its centre lies anywhere in the picture."""
    inside = torch.ones((), dtype=torch.bool, device=pictures.device)
    for dim in (2, 3):
        side = pictures.shape[dim]
        length = int(side * CUTOUT)
        first = _whole(pictures, 0, side + 1 - length % 2) - length // 2
        place = _places(pictures, dim)
        inside = inside & (place >= first) & (place < first + length)
    return pictures * ~inside


AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "colour": change_colours,
    "translation": translate,
    "cutout": cut_out,
}
"""The augmentations by the names that a policy uses."""


def _uniform(pictures: Tensor, low: float, high: float) -> Tensor:
    """Draw a number from `low` to `high` for each picture: (B, 1, 1, 1)."""
    shape = (distributed.world_size() * len(pictures), 1, 1, 1)
    drawn = torch.rand(shape, dtype=pictures.dtype, device=pictures.device)
    return low + (high - low) * distributed.own_rows(drawn)


def _whole(pictures: Tensor, low: int, high: int) -> Tensor:
    """Draw a whole number from `low` to below `high` for each picture: (B, 1, 1, 1)."""
    shape = (distributed.world_size() * len(pictures), 1, 1, 1)
    return distributed.own_rows(torch.randint(low, high, shape, device=pictures.device))


def _places(pictures: Tensor, dim: int) -> Tensor:
    """Return the coordinates 0, 1, 2, ... along one dimension."""
    shape = [1, 1, 1, 1]
    shape[dim] = -1
    return torch.arange(pictures.shape[dim], device=pictures.device).view(shape)
