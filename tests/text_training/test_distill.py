import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.text.vocabulary import COLOURS
from captiongan.text_training import distill as distillation
from captiongan.text_training.colour_binding import KINDS, ColourReadOut, bindings
from captiongan.text_training.distill import DistillationData, Texts, distill, distillation_loss
from captiongan.text_training.fit import FitOptions

PETALS, CENTRE = KINDS[1:3]
RED, BLUE = list(COLOURS)[:2]
DIM = 32


def unit(rows: int, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return F.normalize(torch.randn(rows, DIM), dim=1)


class Student(nn.Module):
    """Adds up a vector for each token at its place, so order can be learned."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(8 * 5, DIM)

    def forward(self, token_ids: Tensor) -> Tensor:
        places = torch.arange(token_ids.shape[1]) * 8
        return F.normalize(self.tokens(token_ids + places).sum(dim=1), dim=1)


def data() -> DistillationData:
    """Pairs of texts that the teacher takes for the same, and that bind the other way round."""
    swapped = [{PETALS: RED, CENTRE: BLUE}, {PETALS: BLUE, CENTRE: RED}]
    token_ids = [[1, 2, 3, 4], [3, 2, 1, 4], [5, 6], [6, 7, 0]]
    targets = unit(3)[[0, 0, 1, 2]]
    return DistillationData(token_ids, targets, bindings([*swapped, {}, {}]))


@pytest.fixture(autouse=True)
def quick_to_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distillation, "PEAK_LEARNING_RATE", 0.02)


def trained(epochs: int) -> tuple[Student, list[str]]:
    torch.manual_seed(0)
    student, said = Student(), list[str]()
    distill(student, ColourReadOut(DIM), data(), FitOptions(epochs, [0]), said.append)
    return student, said


def test_a_student_that_answers_as_its_teacher_has_no_loss() -> None:
    teacher = unit(8)
    assert distillation_loss(teacher, teacher).item() == pytest.approx(0, abs=1e-6)
    assert distillation_loss(-teacher, teacher).item() == pytest.approx(2, abs=1e-6)
    assert distillation_loss(teacher.flip(0), teacher) > 0.5


def test_the_relational_term_sees_what_the_cosines_do_not() -> None:
    teacher = torch.eye(3)
    apart = torch.eye(3)[[1, 2, 0]]
    together = torch.tensor([[0.0, 1, 0], [0, 0, 1], [0, 1, 0]])
    difference = distillation_loss(together, teacher) - distillation_loss(apart, teacher)
    assert difference.item() == pytest.approx(10 * 2 / 9)


def test_each_pass_deals_every_text_once_in_batches_of_one_length() -> None:
    batches = list(data().batches(np.random.default_rng(0)))
    assert sorted(row for rows in batches for row in rows) == [0, 1, 2, 3]
    assert sorted(map(len, batches)) == [1, 1, 2]


def test_token_ids_come_in_the_order_asked_for_on_the_device_where_they_are() -> None:
    token_ids, rows = [[1, 2], [3], [4, 5]], np.array([2, 0, 2])
    batch = Texts(token_ids, torch.device("cpu")).batch(rows)
    assert batch.dtype == torch.int64
    assert batch.tolist() == [[4, 5], [1, 2], [4, 5]]
    meta = torch.device("meta")
    assert Texts(token_ids, meta).batch(rows).device == meta


def test_the_student_comes_to_answer_as_its_teacher() -> None:
    torch.manual_seed(0)
    before, (after, said) = Student(), trained(240)
    learned = data()

    def cosine(student: Student) -> float:
        embeddings = [student(torch.tensor([ids]))[0] for ids in learned.token_ids]
        return (torch.stack(embeddings) * learned.targets).sum(dim=1).mean().item()

    assert cosine(after) > cosine(before) + 0.5
    assert len(said) == 240
    assert said[0].startswith("distilling, epoch 1 of 240: loss ")


def test_what_order_binds_is_told_apart_though_the_teacher_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cosine_of_the_pair(binding_weight: float) -> float:
        monkeypatch.setattr(distillation, "BINDING_WEIGHT", binding_weight)
        student, _ = trained(240)
        one, other = student(torch.tensor(data().token_ids[:2]))
        return float((one @ other).item())

    assert cosine_of_the_pair(1.0) < cosine_of_the_pair(0.0) - 0.02
