"""An evaluation in miniature: painters sit the exam of `tiny_exam`."""

from collections.abc import Sequence
from dataclasses import replace

from captiongan.evaluation.benchmark import Exam, answers_at_all_sides
from captiongan.evaluation.candidate import Candidate
from captiongan.evaluation.comparison import differences
from captiongan.evaluation.evaluate import Evaluation, Paper
from captiongan.evaluation.scores import Marker
from support.tiny_exam import SIDE, WordEncoder, at_side, painter, tiny_exam

SHA256 = "1a2b3c4d" * 8


def tiny_model(
    name: str = "painter", strength: float = 1.0, curve: Sequence[dict[str, float]] = ()
) -> Candidate:
    """Return a painter with the facts that a bundle has."""
    facts = {"kind": "bundle", "name": name, "version": "1", "sha256": SHA256, "kimg": 12.5}
    return replace(painter(name, strength), facts=facts, curve=curve)


def tiny_evaluation(
    *models: Candidate, exam: Exam | None = None, sides: Sequence[int] = (SIDE,)
) -> Evaluation:
    """Score models, one painter if none is given."""
    exam = exam or tiny_exam()
    exams = [exam if side == exam.side else at_side(exam, side) for side in sides]
    marker, papers = Marker(*exams), []
    for model in models or [tiny_model()]:
        answers = answers_at_all_sides(exams, model)
        papers.append(Paper(model, answers[-1], marker.mark(*answers)))
    return Evaluation(
        data="garden",
        split="test",
        rejects=3,
        also_in_train=0,
        sentences=WordEncoder().identity,
        exams=exams,
        papers=papers,
        differences=differences([paper.marks for paper in papers]),
    )


def without_train() -> Exam:
    """Return an exam with nothing to learn from."""
    return replace(tiny_exam(), train=None, judges=None, no_train="nothing to learn from")
