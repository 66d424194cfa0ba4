import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.text_training import align as alignment
from captiongan.text_training.align import (
    SMALLEST_BATCH,
    AlignmentData,
    PictureEmbedding,
    align,
    contrastive_loss,
)
from captiongan.text_training.fit import FitOptions

DIM = 16
NOTHING = torch.zeros(0, DIM)
ONE = torch.tensor(10.0)


def unit(rows: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, DIM, generator=generator), dim=1)


def nobody(count: int) -> Tensor:
    return torch.zeros(count, count, dtype=torch.bool)


def test_the_loss_is_the_mean_of_both_cross_entropies() -> None:
    captions, pictures = unit(3), unit(3, seed=1)
    logits = 10 * pictures @ captions.T
    own = torch.arange(3)
    by_hand = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    loss = contrastive_loss(captions, pictures, NOTHING, ONE, nobody(3))
    assert loss.item() == pytest.approx(by_hand.item())


def test_the_loss_is_worked_out_on_the_device_of_its_tensors() -> None:
    meta = torch.device("meta")  # has no numbers, and mixes with no other device
    rows, nothing, scale = (tensor.to(meta) for tensor in (unit(3), NOTHING, ONE))
    assert contrastive_loss(rows, rows, nothing, scale, nobody(3).to(meta)).device == meta


def test_pairs_that_fit_as_well_are_neither_right_nor_wrong() -> None:
    captions = unit(4)
    pictures = captions[[0, 0, 2, 3]]  # the first two captions are of one picture
    alike = nobody(4)
    alike[0, 1] = alike[1, 0] = True
    heedless = contrastive_loss(captions[[0, 0, 2, 3]], pictures, NOTHING, ONE, nobody(4))
    heedful = contrastive_loss(captions[[0, 0, 2, 3]], pictures, NOTHING, ONE, alike)
    assert heedful < heedless - 0.2


def test_a_swapped_caption_that_is_as_near_as_the_right_one_costs() -> None:
    captions = unit(4)
    far, near = -captions[:1], captions[:1]
    cheap = contrastive_loss(captions, captions, far, ONE, nobody(4))
    dear = contrastive_loss(captions, captions, near, ONE, nobody(4))
    assert dear > cheap + 0.05


def test_the_picture_side_gives_unit_vectors_whatever_the_scale_of_features() -> None:
    features = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
    torch.manual_seed(0)
    one = PictureEmbedding(features, DIM)
    torch.manual_seed(0)
    other = PictureEmbedding(1000 * features + 7, DIM)
    answers = one(torch.from_numpy(features))
    torch.testing.assert_close(answers.norm(dim=1), torch.ones(40))
    torch.testing.assert_close(
        answers, other(torch.from_numpy(1000 * features + 7)), atol=1e-3, rtol=0
    )


def test_a_feature_that_never_changes_does_no_harm() -> None:
    features = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
    features[:, 2] = 5
    assert PictureEmbedding(features, DIM)(torch.from_numpy(features)).isfinite().all()


@pytest.fixture(autouse=True)
def quick_to_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "PEAK_LEARNING_RATE", 0.02)


class Words(nn.Module):
    """Adds up a vector for each token at its place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens = nn.Embedding(2 * 9, DIM)

    def forward(self, token_ids: Tensor) -> Tensor:
        return F.normalize(self.tokens(token_ids + 9 * torch.arange(2)).sum(dim=1), dim=1)


def tiny_pairs() -> AlignmentData:
    """Two tokens a caption, petals then centre; a picture shows both, each in its place."""
    captions = [[petals, centre] for petals in range(9) for centre in range(9) if petals != centre]
    features = np.zeros((len(captions), 18), dtype=np.float32)
    for row, (petals, centre) in enumerate(captions):
        features[row, [petals, 9 + centre]] = 1
    pictures = np.arange(len(captions))
    return AlignmentData(
        captions, [ids[::-1] for ids in captions], pictures, torch.from_numpy(features)
    )


def aligned(pairs: AlignmentData, epochs: int) -> tuple[Words, PictureEmbedding, list[str]]:
    words, pictures, said = Words(), PictureEmbedding(pairs.features.numpy(), DIM), list[str]()
    align(words, pictures, pairs, FitOptions(epochs, [0]), lambda _: torch.zeros(()), said.append)
    return words, pictures, said


def test_captions_come_to_lie_with_their_pictures_and_not_with_the_swapped_ones() -> None:
    pairs = tiny_pairs()
    words, pictures, said = aligned(pairs, epochs=40)
    captions, swapped = words(torch.tensor(pairs.token_ids)), words(torch.tensor(pairs.swapped))
    seen = pictures(pairs.features)
    nearest = (seen @ captions.T).argmax(dim=1)
    assert (nearest == torch.arange(len(captions))).float().mean() > 0.6
    assert ((seen * captions).sum(dim=1) > (seen * swapped).sum(dim=1)).float().mean() > 0.9
    assert said[-1].startswith("aligning, epoch 40 of 40: loss ")


def test_what_is_to_be_kept_is_part_of_the_loss() -> None:
    pairs = tiny_pairs()
    words, pictures = Words(), PictureEmbedding(pairs.features.numpy(), DIM)
    asked = list[int]()

    def keeping(step: int) -> Tensor:
        asked.append(step)
        return 1000 * words.tokens.weight.square().sum()

    before = words.tokens.weight.square().sum().item()
    align(words, pictures, pairs, FitOptions(30, [0]), keeping, lambda _: None)
    assert asked == list(range(30))
    assert words.tokens.weight.square().sum().item() < 0.99 * before


def test_lengths_with_few_captions_are_left_out() -> None:
    few = SMALLEST_BATCH - 1
    pairs = AlignmentData(
        [[1, 2]] * 40 + [[1]] * few, [None] * (40 + few), np.arange(40 + few), torch.eye(40 + few)
    )
    assert [len(rows) for rows in pairs.batches(np.random.default_rng(0))] == [40]
