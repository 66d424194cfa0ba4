import pytest
import torch

from captiongan.text.vocabulary import COLOURS
from captiongan.text_training.colour_binding import (
    KINDS,
    SCALE,
    UNSAID,
    WHOLE,
    ColourReadOut,
    binding_loss,
    bindings,
)
from captiongan.text_training.grammar import compose

PART = list(KINDS)
COLOUR = list(COLOURS)


def test_each_part_has_the_number_of_its_colour_and_others_are_unsaid() -> None:
    rows = bindings([{PART[2]: COLOUR[5], PART[0]: COLOUR[1]}, {}])
    assert rows.shape == (2, len(KINDS))
    assert rows[0, [0, 2]].tolist() == [1, 5]
    assert (rows[0] != UNSAID).sum() == 2
    assert (rows[1] == UNSAID).all()


def test_a_thing_as_a_whole_is_one_more_kind_whatever_it_is() -> None:
    (row,) = bindings([{"bicycle": COLOUR[2]}])
    assert row[KINDS.index(WHOLE)] == 2


def test_every_colour_of_a_composed_sentence_has_its_place() -> None:
    said = [look.colours for look in compose(500, seed=0)]
    rows = bindings(said)
    assert (rows != UNSAID).sum(dim=1).tolist() == list(map(len, said))


def test_nothing_said_is_no_loss_and_has_no_gradient_that_is_not_finite() -> None:
    logits = torch.randn(3, len(KINDS), len(COLOUR), requires_grad=True)
    loss = binding_loss(logits, bindings([{}] * 3))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_the_loss_is_the_mean_cross_entropy_of_what_is_said() -> None:
    logits = torch.zeros(2, len(KINDS), len(COLOUR))
    logits[0, 1, 3] = 2.0
    said = bindings([{PART[1]: COLOUR[3], PART[4]: COLOUR[0]}, {}])
    sure = -torch.log_softmax(logits[0, 1], dim=0)[3]
    guess = torch.tensor(float(len(COLOUR))).log()
    assert binding_loss(logits, said).item() == pytest.approx(((sure + guess) / 2).item())


def test_the_read_out_cannot_make_up_for_embeddings_that_hardly_differ() -> None:
    torch.manual_seed(0)
    read_out = ColourReadOut(16)
    with torch.no_grad():
        read_out.directions.mul_(1e6)
    embedding = torch.nn.functional.normalize(torch.randn(1, 16), dim=1)
    near = torch.nn.functional.normalize(embedding + 1e-3 * torch.randn(1, 16), dim=1)
    assert read_out(embedding).abs().max() <= SCALE * 1.0001
    assert (read_out(embedding) - read_out(near)).abs().max() < SCALE * 0.01
