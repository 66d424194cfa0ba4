"""The scores: each a function of an exam and the answers to it, with a ceiling and a floor.

Ceiling and floor are the same function of other answers: real pictures in the place of the drawn
ones, and answers that know nothing. `docs/evaluation.md` says what each score means. At several
sides of the extractor, a score is measured at each, and the mean over the sides is its headline.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from captiongan.evaluation import CANDIDATES
from captiongan.evaluation.benchmark import SAME_CAPTION, Answers, Exam
from captiongan.evaluation.colours import colour_agreement
from captiongan.evaluation.coverage import manifold_scores, nearest
from captiongan.evaluation.distances import (
    Features,
    Floats,
    frechet_distance,
    kernel_distance,
    pairwise_spread,
)
from captiongan.evaluation.probes import class_obstacle

FEWEST = 50
"""Real pictures that it takes to compare distributions."""


class NotMeaningfulError(Exception):
    """A score that would not mean anything here; the message says why."""


@dataclass(frozen=True)
class Measured:
    """The value of a score, and over how many drawn pictures.

    `parts` (N,) are what each example of the exam adds: their mean is the value, their spread its
    noise. NaN stands for an example that has no say. None where a score is not such a mean.
    """

    value: float
    parts: Floats | None
    pictures: int
    note: str = ""

    @classmethod
    def mean_of(cls, parts: Floats, pictures: int) -> "Measured":
        """Measure a score that is the mean of what each example adds.

        Raises:
            NotMeaningfulError: no example has a say.
        """
        if np.isnan(parts).all():
            raise NotMeaningfulError("no example of this split has a say in it")
        return cls(float(np.nanmean(parts)), parts, pictures)

    @classmethod
    def over_sides(cls, sides: Sequence["Measured"]) -> "Measured":
        """Return the mean of one score over the sides at which it was measured.

        So are the parts: an example adds the mean of what it adds at each side.
        """
        parts = [each.parts for each in sides if each.parts is not None]
        return cls(
            float(np.mean([each.value for each in sides])),
            np.mean(parts, axis=0) if len(parts) == len(sides) else None,
            sides[0].pictures,
            sides[0].note,
        )

    @property
    def standard_error(self) -> float | None:
        """Of the value, with the examples of the exam as the sample; None where it is unknown."""
        if self.parts is None:
            return None
        parts = self.parts[~np.isnan(self.parts)]
        return float(parts.std(ddof=1) / np.sqrt(len(parts))) if len(parts) > 1 else None


Best = Literal["low", "high", "one"]
"""Which values of a score are good."""

Measure = Callable[[Exam, Answers], Measured]

StandIn = Callable[[Exam, Answers], Answers | None]
"""Other answers, instead of those of a candidate."""


@dataclass(frozen=True)
class Score:
    """One kind of score: its names, its best value, its measure, its ceiling and floor.

    `of_features` says whether it depends on the extractor, and so on its side.
    """

    name: str
    title: str
    best: Best
    measure: Measure
    ceiling: StandIn | float
    floor: StandIn | float
    of_features: bool = True


@dataclass(frozen=True)
class Result:
    """A score of one candidate; without `measured` it was left out, for the reason `omitted`.

    If it was measured at several sides, the figures are means over `by_side`, else that is empty.
    """

    score: Score
    measured: Measured | None
    ceiling: Measured | None = None
    floor: Measured | None = None
    omitted: str = ""
    by_side: Mapping[int, "Result"] = field(default_factory=dict)

    @classmethod
    def over_sides(cls, by_side: Mapping[int, "Result"]) -> "Result":
        """Return the mean over the sides; what is left out at one side is left out altogether."""
        results = list(by_side.values())
        if len(results) == 1:
            return results[0]
        for result in results:
            if result.measured is None:
                return result
        return cls(
            results[0].score,
            _mean(result.measured for result in results),
            _mean(result.ceiling for result in results),
            _mean(result.floor for result in results),
            by_side=by_side,
        )


def _mean(sides: Iterable[Measured | None]) -> Measured | None:
    known = list(sides)
    measured = [each for each in known if each is not None]
    return Measured.over_sides(measured) if len(measured) == len(known) else None


def kid(exam: Exam, answers: Answers) -> Measured:
    """Kernel distance (KID) between the answers and the real pictures, unbiased."""
    _check_count(len(exam.real), FEWEST)
    distance = kernel_distance(exam.scale * _flat(answers), exam.scale * exam.real.features)
    parts = distance.generated_parts.reshape(len(answers.features), -1).mean(axis=0)
    return Measured.mean_of(parts + distance.real_parts, answers.captions.size)


def fid(exam: Exam, answers: Answers) -> Measured:
    """Fréchet distance (FID) between as many answers as real pictures, mean over the rounds."""
    _check_count(len(exam.real), FEWEST)
    real, dim = exam.scale * exam.real.features, exam.real.features.shape[1]
    distances = [frechet_distance(exam.scale * features, real) for features in answers.features]
    note = f"biased upwards: {len(real)} pictures each for {dim} dimensions"
    return Measured(float(np.mean(distances)), None, answers.captions.size, note)


def precision(exam: Exam, answers: Answers) -> Measured:
    """Share of the answers that lie among the real pictures."""
    return _manifold(exam, answers, "precision")


def density(exam: Exam, answers: Answers) -> Measured:
    """How densely real pictures lie around the answers."""
    return _manifold(exam, answers, "density")


def recall(exam: Exam, answers: Answers) -> Measured:
    """Share of the real pictures that lie among the answers."""
    return _manifold(exam, answers, "recall")


def coverage(exam: Exam, answers: Answers) -> Measured:
    """Share of the real pictures with an answer next to them."""
    return _manifold(exam, answers, "coverage")


def diversity(exam: Exam, answers: Answers) -> Measured:
    """Mean distance among answers to one caption, over that among real pictures of one class."""
    same = answers.captions[:SAME_CAPTION]
    if len(same) < SAME_CAPTION or not (same == same[0]).all():
        raise NotMeaningfulError(f"it takes {SAME_CAPTION} pictures of each caption")
    if not exam.spread_in_a_class:
        raise NotMeaningfulError("no class of real pictures has two that differ, to compare with")
    spread = pairwise_spread(answers.features[:SAME_CAPTION].swapaxes(0, 1))
    return Measured.mean_of(spread / exam.spread_in_a_class, same.size)


def novelty(exam: Exam, answers: Answers) -> Measured:
    """Distance of an answer to the nearest train picture, over that of a real test picture."""
    if exam.train is None:
        raise NotMeaningfulError(exam.no_train)
    _, distances = nearest(_flat(answers), exam.train.features)
    _, of_real = nearest(exam.real.features, exam.train.features)
    if not of_real.any():
        raise NotMeaningfulError("each real picture is among those of the train split")
    drawn, unit = distances.reshape(len(answers.features), -1).mean(axis=0), of_real.mean()
    ratio = drawn.mean() / unit  # whose noise is that of both means
    return Measured.mean_of(ratio + (drawn - ratio * of_real) / unit, answers.captions.size)


def r_at_1(exam: Exam, answers: Answers) -> Measured:
    """Share of the answers that the retrieval judge finds nearest to their own caption, of 100."""
    if exam.judges is None:
        raise NotMeaningfulError(exam.no_judges)
    _check_count(len(exam.real), CANDIDATES)
    found = [
        exam.judges.retrieval.ranks(features, exam.real, captions, exam.seed + number) == 0
        for number, (features, captions) in enumerate(
            zip(answers.features, answers.captions, strict=True)
        )
    ]
    return Measured.mean_of(np.mean(found, axis=0), answers.captions.size)


def top_1(exam: Exam, answers: Answers) -> Measured:
    """Share of the answers that the classifier takes for the class of their example."""
    return _class_accuracy(exam, answers, 1)


def top_5(exam: Exam, answers: Answers) -> Measured:
    """Share of the answers whose example's class is among the classifier's five likeliest."""
    return _class_accuracy(exam, answers, 5)


def colours(exam: Exam, answers: Answers) -> Measured:
    """How far the colours that a caption names are in the middle of its picture."""
    texts = np.array(exam.real.captions, dtype=object)
    agreement = np.stack(
        [
            colour_agreement(pictures, texts[captions].tolist())
            for pictures, captions in zip(answers.pictures, answers.captions, strict=True)
        ]
    )
    named = ~np.isnan(agreement)
    parts = np.nansum(agreement, axis=0) / np.where(named.any(axis=0), named.sum(axis=0), np.nan)
    return Measured.mean_of(parts, int(named.sum()))


def _manifold(exam: Exam, answers: Answers, name: str) -> Measured:
    """Measure each round by itself, so that there are as many answers as real pictures.

    Without parts for precision and density: which real pictures set the balls matters more to
    these than which answers lie in them.
    """
    _check_count(len(exam.real), FEWEST)
    rounds = [manifold_scores(features, exam.real.features) for features in answers.features]
    parts = np.mean([getattr(each, name) for each in rounds], axis=0)
    measured = Measured.mean_of(parts, answers.captions.size)
    return replace(measured, parts=None) if name in ("precision", "density") else measured


def _class_accuracy(exam: Exam, answers: Answers, places: int) -> Measured:
    if exam.train is None or exam.judges is None:
        raise NotMeaningfulError(exam.no_judges)
    if exam.judges.classifier is None:
        raise NotMeaningfulError(class_obstacle(exam.train.labels) or "there is no classifier")
    classifier, labels = exam.judges.classifier, exam.real.labels
    if len(classifier.classes) <= places:
        raise NotMeaningfulError(
            f"{len(classifier.classes)} classes: one of {places} guesses is always right"
        )
    ranks = np.stack([classifier.ranks(features, labels) for features in answers.features])
    parts = np.where(np.isnan(ranks), np.nan, ranks < places).mean(axis=0)
    return Measured.mean_of(parts, int((~np.isnan(ranks)).sum()))


def _flat(answers: Answers) -> Features:
    return answers.features.reshape(-1, answers.features.shape[-1])


def _check_count(count: int, fewest: int) -> None:
    if count < fewest:
        raise NotMeaningfulError(f"{count} real pictures; it takes {fewest}")


def _real_pictures(exam: Exam, _: Answers) -> Answers:
    return exam.of_real


def _train_pictures(exam: Exam, _: Answers) -> Answers | None:
    return exam.of_train


def _flat_sheets(exam: Exam, _: Answers) -> Answers:
    return exam.of_flat


def _shuffled(exam: Exam, answers: Answers) -> Answers:
    return answers.shuffled(exam.seed)


SCORES = (
    Score("kid", "KID", "low", kid, _train_pictures, _flat_sheets),
    Score("fid", "FID", "low", fid, _train_pictures, _flat_sheets),
    Score("precision", "Precision", "high", precision, _train_pictures, _flat_sheets),
    Score("density", "Density", "high", density, _train_pictures, _flat_sheets),
    Score("recall", "Recall", "high", recall, _train_pictures, _flat_sheets),
    Score("coverage", "Coverage", "high", coverage, _train_pictures, _flat_sheets),
    Score("diversity", "Diversity", "one", diversity, 1.0, 0.0),
    Score("novelty", "Novelty", "one", novelty, 1.0, 0.0),
    Score("r_at_1", "R@1 of 100", "high", r_at_1, _real_pictures, _shuffled),
    Score("top_1", "Class, top 1", "high", top_1, _real_pictures, _shuffled),
    Score("top_5", "Class, top 5", "high", top_5, _real_pictures, _shuffled),
    Score("colours", "Colours", "high", colours, _real_pictures, _shuffled, of_features=False),
)
"""All scores, in the order of reports."""


class Marker:
    """Marks the answers to one exam; what does not depend on them is measured once.

    `exams` are that exam at each side of the extractor.
    """

    def __init__(self, *exams: Exam) -> None:
        self._exams = exams
        self._known: dict[tuple[str, StandIn, int], Measured | None] = {}

    def mark(self, *answers: Answers) -> list[Result]:
        """Measure all scores, with ceilings and floors; leave out what would not mean anything.

        `answers` are those of one candidate, as each exam describes them.
        """
        looks = list(zip(self._exams, answers, strict=True))
        return [
            Result.over_sides(
                {
                    exam.side: self._result(score, exam, seen)
                    for exam, seen in (looks if score.of_features else looks[:1])
                }
            )
            for score in SCORES
        ]

    def _result(self, score: Score, exam: Exam, answers: Answers) -> Result:
        try:
            measured = score.measure(exam, answers)
        except NotMeaningfulError as error:
            return Result(score, None, omitted=str(error))
        return Result(
            score,
            measured,
            self._bound(score, score.ceiling, exam, answers),
            self._bound(score, score.floor, exam, answers),
        )

    def _bound(
        self, score: Score, bound: StandIn | float, exam: Exam, answers: Answers
    ) -> Measured | None:
        if isinstance(bound, float):
            return Measured(bound, None, 0, "by definition")
        key = (score.name, bound, exam.side)
        if bound is _shuffled or key not in self._known:
            others = bound(exam, answers)
            self._known[key] = None if others is None else score.measure(exam, others)
        return self._known[key]
