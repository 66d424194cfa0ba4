"""A training in epochs ends as if it had not been killed, whatever happened to its checkpoint."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from captiongan.errors import DataError
from captiongan.text_training.fit import FitOptions, Objective, Rows, fit

ROWS, EPOCHS = 10, 4


class Killed(BaseException):
    """Stands for a signal that nothing catches."""


def student() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def objective(student: nn.Module) -> Objective:
    asked = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(1))

    def batches(order: np.random.Generator) -> Iterator[Rows]:
        yield from np.split(order.permutation(ROWS), 2)

    def terms(rows: Rows, step: int) -> Sequence[Tensor]:
        return [student(asked[rows]).square().mean(), torch.tensor(float(step))]

    return Objective(batches, terms)


def trained(checkpoint: Path | None, killed_after: int = EPOCHS) -> tuple[nn.Linear, list[float]]:
    """Return a student after all epochs, or as it was killed, and the mean terms of each."""
    learner, told = student(), list[float]()

    def on_epoch(number: int, means: Sequence[float]) -> None:
        if number > killed_after:
            raise Killed
        told.extend(means)

    with suppress(Killed):
        fit(objective(learner), learner, 0.1, FitOptions(EPOCHS, [0], checkpoint), on_epoch)
    return learner, told


def test_a_killed_training_goes_on_from_its_checkpoint_to_the_same_weights(tmp_path: Path) -> None:
    unbroken, told = trained(None)
    checkpoint = tmp_path / "checkpoint"
    _, first = trained(checkpoint, killed_after=2)
    assert checkpoint.is_file()
    ended, rest = trained(checkpoint)
    assert first + rest == told
    assert torch.equal(ended.weight, unbroken.weight)


def test_a_training_that_ended_is_not_run_again_until_its_checkpoint_is_gone(
    tmp_path: Path,
) -> None:
    ended, _ = trained(tmp_path / "checkpoint")
    again, told = trained(tmp_path / "checkpoint")
    assert told == []
    assert torch.equal(again.weight, ended.weight)


def test_an_objective_without_a_batch_is_refused() -> None:
    learner = student()
    nothing = Objective(lambda _: iter([]), objective(learner).terms)
    with pytest.raises(DataError, match="too few texts of one length"):
        fit(nothing, learner, 0.1, FitOptions(1, [0]), lambda *_: None)


def test_each_epoch_has_an_order_of_its_own_and_steps_are_counted_through() -> None:
    _, told = trained(None)
    assert told[1::2] == [0.5, 2.5, 4.5, 6.5]
    assert len(set(told[::2])) == EPOCHS


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\x08" + bytes(7) + b"{}      "])
def test_a_damaged_checkpoint_is_as_none(content: bytes, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(content)
    ended, _ = trained(checkpoint)
    assert torch.equal(ended.weight, trained(None)[0].weight)


def test_a_checkpoint_of_another_network_is_as_none(tmp_path: Path) -> None:
    checkpoint, heard = tmp_path / "checkpoint", list[int]()
    trained(checkpoint, killed_after=2)
    torch.manual_seed(0)
    other = nn.Linear(3, 2, bias=False)
    before = other.weight.clone()

    def on_epoch(number: int, _: Sequence[float]) -> None:
        heard.append(number)

    fit(objective(other), other, 0.0, FitOptions(EPOCHS, [0], checkpoint), on_epoch)
    assert heard == [1, 2, 3, 4]
    assert torch.equal(other.weight, before)
