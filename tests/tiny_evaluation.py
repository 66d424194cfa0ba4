"""An evaluation in miniature: painters sit the exam of `tiny_exam`."""

from collections.abc import Sequence
from dataclasses import replace

from captiongan.evaluation.candidate import Candidate
from captiongan.evaluation.comparison import differences
from captiongan.evaluation.evaluate import Evaluation, Paper
from captiongan.evaluation.exam import Exam
from captiongan.evaluation.scores import Marker
from tiny_exam import WordEncoder, painter, tiny_exam

SHA256 = "1a2b3c4d" * 8


def tiny_model(
    name: str = "painter", strength: float = 1.0, curve: Sequence[dict[str, float]] = ()
) -> Candidate:
    """Return a painter with the facts that a bundle has."""
    facts = {"kind": "bundle", "name": name, "version": "1", "sha256": SHA256, "kimg": 12.5}
    return replace(painter(name, strength), facts=facts, curve=curve)


def tiny_evaluation(*models: Candidate, exam: Exam | None = None) -> Evaluation:
    """Score models, one painter if none is given."""
    exam = exam or tiny_exam()
    marker, papers = Marker(exam), []
    for model in models or [tiny_model()]:
        answers = exam.answers(model)
        papers.append(Paper(model, answers, marker.mark(answers)))
    return Evaluation(
        data="garden",
        split="test",
        rejects=3,
        also_in_train=0,
        sentences=WordEncoder().identity,
        exam=exam,
        papers=papers,
        differences=differences([paper.marks for paper in papers]),
    )


def without_train() -> Exam:
    """Return an exam with nothing to learn from."""
    return replace(tiny_exam(), train=None, judges=None, no_train="nothing to learn from")
