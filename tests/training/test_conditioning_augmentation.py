"""What captions of one picture differ by, read off embeddings."""

import pytest
import torch
from torch import Tensor

from captiongan.training.conditioning_augmentation import caption_directions

DIM, PICTURES, CAPTIONS = 6, 40, 50
LENGTHS = torch.tensor([0.5, 0.3, 0.1])


def made(lengths: Tensor, apart: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return embeddings, the pictures they belong to, and orthogonal directions (D, D).

    Captions of a picture differ along the first directions, by `lengths`; pictures along the last,
    by `apart`.
    """
    random = torch.Generator().manual_seed(0)
    directions, _ = torch.linalg.qr(torch.randn(DIM, DIM, generator=random))
    pictures = torch.arange(PICTURES).repeat_interleave(CAPTIONS)
    within = torch.randn(len(pictures), len(lengths), generator=random) * lengths
    between = apart * torch.randn(PICTURES, generator=random)[pictures]
    embeddings = within @ directions[:, : len(lengths)].T + between[:, None] * directions[:, -1]
    return embeddings, pictures, directions


def test_directions_and_lengths_of_what_captions_differ_by_are_found_longest_first() -> None:
    embeddings, pictures, directions = made(LENGTHS, apart=0)
    found = caption_directions(embeddings, pictures, 3)
    assert found.shape == (DIM, 3) and found.dtype == embeddings.dtype
    torch.testing.assert_close(found.norm(dim=0), LENGTHS, rtol=0.05, atol=0)
    along = (found * directions[:, :3]).sum(dim=0).abs() / found.norm(dim=0)
    assert along.min() > 0.99


def test_what_captions_of_different_pictures_differ_by_does_not_count() -> None:
    apart, together = (made(LENGTHS, apart=length)[0] for length in (100.0, 0.0))
    _, pictures, directions = made(LENGTHS, apart=100.0)
    found = caption_directions(apart.double(), pictures, DIM)
    expected = caption_directions(together.double(), pictures, DIM)
    torch.testing.assert_close(found @ found.T, expected @ expected.T, atol=1e-5, rtol=0)
    assert (directions[:, -1] @ found.float()).abs().max() < 0.01


def test_texts_moved_along_all_directions_spread_as_captions_of_a_picture_do() -> None:
    embeddings, pictures, _ = made(LENGTHS, apart=1.0)
    found = caption_directions(embeddings, pictures, DIM)
    own = torch.stack([embeddings[pictures == row].mean(dim=0) for row in range(PICTURES)])
    within = embeddings - own[pictures]
    torch.testing.assert_close(found @ found.T, within.T @ within / len(within))


def test_the_order_of_the_captions_does_not_matter() -> None:
    embeddings, pictures, _ = made(LENGTHS, apart=1.0)
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(1))
    found = caption_directions(embeddings, pictures, 2)
    again = caption_directions(embeddings[order], pictures[order], 2)
    torch.testing.assert_close(found @ found.T, again @ again.T)


def test_pictures_with_one_caption_each_have_no_directions() -> None:
    embeddings, _, _ = made(LENGTHS, apart=1.0)
    found = caption_directions(embeddings[:PICTURES], torch.arange(PICTURES), 3)
    assert torch.equal(found, torch.zeros(DIM, 3))


@pytest.mark.parametrize("count", [0, 1, DIM, DIM + 3])
def test_there_are_as_many_directions_as_asked_for_and_no_longer_one_beyond_all(count: int) -> None:
    embeddings, pictures, _ = made(LENGTHS, apart=1.0)
    found = caption_directions(embeddings, pictures, count)
    assert found.shape == (DIM, count)
    assert not found[:, DIM:].any()
