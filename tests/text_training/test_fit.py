"""A training in passes ends as if it had not been killed, whatever happened to its bookmark."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from captiongan.errors import DataError
from captiongan.text_training.fit import Course, Plan, Rows, take

ROWS, PASSES = 10, 4


class Killed(BaseException):
    """Stands for a signal that nothing catches."""


def pupil() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def course(pupil: nn.Module) -> Course:
    asked = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(1))

    def batches(order: np.random.Generator) -> Iterator[Rows]:
        yield from np.split(order.permutation(ROWS), 2)

    def terms(rows: Rows, step: int) -> Sequence[Tensor]:
        return [pupil(asked[rows]).square().mean(), torch.tensor(float(step))]

    return Course(batches, terms)


def taught(bookmark: Path | None, killed_after: int = PASSES) -> tuple[nn.Linear, list[float]]:
    """Return a pupil after all passes, or as it was killed, and what it told of each."""
    learner, told = pupil(), list[float]()

    def tell(number: int, means: Sequence[float]) -> None:
        if number > killed_after:
            raise Killed
        told.extend(means)

    with suppress(Killed):
        take(course(learner), learner, 0.1, Plan(PASSES, [0], bookmark), tell)
    return learner, told


def test_a_killed_training_goes_on_from_its_bookmark_to_the_same_weights(tmp_path: Path) -> None:
    unbroken, told = taught(None)
    bookmark = tmp_path / "bookmark"
    _, first = taught(bookmark, killed_after=2)
    assert bookmark.is_file()
    ended, rest = taught(bookmark)
    assert first + rest == told
    assert torch.equal(ended.weight, unbroken.weight)


def test_a_training_that_ended_is_not_taken_again_until_its_bookmark_is_gone(
    tmp_path: Path,
) -> None:
    ended, _ = taught(tmp_path / "bookmark")
    again, told = taught(tmp_path / "bookmark")
    assert told == []
    assert torch.equal(again.weight, ended.weight)


def test_a_course_without_a_batch_is_refused() -> None:
    learner = pupil()
    nothing = Course(lambda _: iter([]), course(learner).terms)
    with pytest.raises(DataError, match="too few texts of one length"):
        take(nothing, learner, 0.1, Plan(1, [0]), lambda *_: None)


def test_each_pass_has_an_order_of_its_own_and_steps_are_counted_through() -> None:
    _, told = taught(None)
    assert told[1::2] == [0.5, 2.5, 4.5, 6.5]
    assert len(set(told[::2])) == PASSES


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\x08" + bytes(7) + b"{}      "])
def test_a_damaged_bookmark_is_as_none(content: bytes, tmp_path: Path) -> None:
    bookmark = tmp_path / "bookmark"
    bookmark.write_bytes(content)
    ended, _ = taught(bookmark)
    assert torch.equal(ended.weight, taught(None)[0].weight)


def test_a_bookmark_of_another_network_is_as_none(tmp_path: Path) -> None:
    bookmark, heard = tmp_path / "bookmark", list[int]()
    taught(bookmark, killed_after=2)
    torch.manual_seed(0)
    other = nn.Linear(3, 2, bias=False)
    before = other.weight.clone()

    def tell(number: int, _: Sequence[float]) -> None:
        heard.append(number)

    take(course(other), other, 0.0, Plan(PASSES, [0], bookmark), tell)
    assert heard == [1, 2, 3, 4]
    assert torch.equal(other.weight, before)
