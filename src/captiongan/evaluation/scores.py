"""The scores of a report, in its order. To add one, write its function and its row in `SCORES`.

`docs/evaluation.md` says what each means.
"""

from dataclasses import replace

import numpy as np

from captiongan.evaluation.benchmark import SAME_CAPTION, Benchmark, Samples
from captiongan.evaluation.binding import BINDING
from captiongan.evaluation.colours import colour_agreement
from captiongan.evaluation.coverage import manifold_scores, nearest
from captiongan.evaluation.distances import (
    Features,
    frechet_distance,
    kernel_distance,
    pairwise_spread,
)
from captiongan.evaluation.needs import (
    CROWDS,
    DIVERSITY,
    NO_PAIRS,
    RETRIEVAL,
    TOP_1,
    TOP_5,
    Needs,
    guessed,
)
from captiongan.evaluation.retrieval import POOL
from captiongan.evaluation.score_type import (
    FLAT_SHEETS,
    REAL_PICTURES,
    SHUFFLED,
    TRAIN_PICTURES,
    Measured,
    NotMeaningfulError,
    Score,
)


def kid(benchmark: Benchmark, samples: Samples) -> Measured:
    """Kernel distance (KID) between the samples and the real pictures, unbiased."""
    _check(benchmark, CROWDS)
    distance = kernel_distance(
        benchmark.scale * _flat(samples), benchmark.scale * benchmark.real.features
    )
    parts = distance.generated_parts.reshape(len(samples.features), -1).mean(axis=0)
    return Measured.mean_of(parts + distance.real_parts, samples.captions.size)


def fid(benchmark: Benchmark, samples: Samples) -> Measured:
    """Fréchet distance (FID) between as many samples as real pictures, mean over the rounds."""
    _check(benchmark, CROWDS)
    real, dim = benchmark.scale * benchmark.real.features, benchmark.real.features.shape[1]
    distances = [
        frechet_distance(benchmark.scale * features, real) for features in samples.features
    ]
    note = f"biased upwards: {len(real)} pictures each for {dim} dimensions"
    return Measured(float(np.mean(distances)), None, samples.captions.size, note)


def precision(benchmark: Benchmark, samples: Samples) -> Measured:
    """Share of the samples that lie among the real pictures."""
    return _manifold(benchmark, samples, "precision")


def density(benchmark: Benchmark, samples: Samples) -> Measured:
    """How densely real pictures lie around the samples."""
    return _manifold(benchmark, samples, "density")


def recall(benchmark: Benchmark, samples: Samples) -> Measured:
    """Share of the real pictures that lie among the samples."""
    return _manifold(benchmark, samples, "recall")


def coverage(benchmark: Benchmark, samples: Samples) -> Measured:
    """Share of the real pictures with a sample next to them."""
    return _manifold(benchmark, samples, "coverage")


def diversity(benchmark: Benchmark, samples: Samples) -> Measured:
    """Mean distance among samples to one caption, over that among real pictures of one class."""
    same = samples.captions[:SAME_CAPTION]
    if len(same) < SAME_CAPTION or not (same == same[0]).all():
        raise NotMeaningfulError(f"it takes {SAME_CAPTION} pictures of each caption")
    _check(benchmark, DIVERSITY)
    if not benchmark.spread_in_a_class:
        raise NotMeaningfulError(NO_PAIRS)
    spread = pairwise_spread(samples.features[:SAME_CAPTION].swapaxes(0, 1))
    return Measured.mean_of(spread / benchmark.spread_in_a_class, same.size)


def novelty(benchmark: Benchmark, samples: Samples) -> Measured:
    """Distance of a sample to the nearest train picture, over that of a real test picture."""
    if benchmark.train is None:
        raise NotMeaningfulError(benchmark.no_train)
    _, distances = nearest(_flat(samples), benchmark.train.features)
    _, of_real = nearest(benchmark.real.features, benchmark.train.features)
    if not of_real.any():
        raise NotMeaningfulError("each real picture is among those of the train split")
    drawn, unit = distances.reshape(len(samples.features), -1).mean(axis=0), of_real.mean()
    ratio = drawn.mean() / unit  # whose noise is that of both means
    return Measured.mean_of(ratio + (drawn - ratio * of_real) / unit, samples.captions.size)


def r_at_1(benchmark: Benchmark, samples: Samples) -> Measured:
    """Share of the samples that the retrieval probe finds nearest to their own caption, of 100."""
    _check(benchmark, RETRIEVAL)
    if benchmark.probes is None:
        raise NotMeaningfulError(benchmark.no_probes)
    found = [
        benchmark.probes.retrieval.ranks(
            features, benchmark.real, captions, benchmark.seed + number
        )
        == 0
        for number, (features, captions) in enumerate(
            zip(samples.features, samples.captions, strict=True)
        )
    ]
    return Measured.mean_of(np.mean(found, axis=0), samples.captions.size)


def top_1(benchmark: Benchmark, samples: Samples) -> Measured:
    """Share of the samples that the classifier takes for the class of their example."""
    return _class_accuracy(benchmark, samples, TOP_1)


def top_5(benchmark: Benchmark, samples: Samples) -> Measured:
    """Share of the samples whose example's class is among the classifier's five likeliest."""
    return _class_accuracy(benchmark, samples, TOP_5)


def colours(benchmark: Benchmark, samples: Samples) -> Measured:
    """How far the colours that a caption names are in the middle of its picture."""
    texts = np.array(benchmark.real.captions, dtype=object)
    agreement = np.stack(
        [
            colour_agreement(pictures, texts[captions].tolist())
            for pictures, captions in zip(samples.pictures, samples.captions, strict=True)
        ]
    )
    named = ~np.isnan(agreement)
    parts = np.nansum(agreement, axis=0) / np.where(named.any(axis=0), named.sum(axis=0), np.nan)
    return Measured.mean_of(parts, int(named.sum()))


def _manifold(benchmark: Benchmark, samples: Samples, name: str) -> Measured:
    """Measure each round by itself, so that there are as many samples as real pictures.

    Without parts for precision and density: which real pictures set the balls matters more to
    these than which samples lie in them.
    """
    _check(benchmark, CROWDS)
    rounds = [manifold_scores(features, benchmark.real.features) for features in samples.features]
    parts = np.mean([getattr(each, name) for each in rounds], axis=0)
    measured = Measured.mean_of(parts, samples.captions.size)
    return replace(measured, parts=None) if name in ("precision", "density") else measured


def _class_accuracy(benchmark: Benchmark, samples: Samples, needs: Needs) -> Measured:
    _check(benchmark, needs)
    if benchmark.probes is None:
        raise NotMeaningfulError(benchmark.no_probes)
    if benchmark.probes.classifier is None:
        raise NotMeaningfulError("there is no classifier")
    classifier, labels = benchmark.probes.classifier, benchmark.real.labels
    # It learned from most of the training pictures, perhaps not from those of a rare class.
    if reason := guessed(len(classifier.classes), needs.guesses):
        raise NotMeaningfulError(reason)
    ranks = np.stack([classifier.ranks(features, labels) for features in samples.features])
    parts = np.where(np.isnan(ranks), np.nan, ranks < needs.guesses).mean(axis=0)
    return Measured.mean_of(parts, int((~np.isnan(ranks)).sum()))


def _flat(samples: Samples) -> Features:
    return samples.features.reshape(-1, samples.features.shape[-1])


def _check(benchmark: Benchmark, needs: Needs) -> None:
    """Raise NotMeaningfulError if the parts of a data set lack what scores need."""
    if needs.probes and benchmark.train is None:
        raise NotMeaningfulError(benchmark.no_train)
    train = benchmark.real if benchmark.train is None else benchmark.train
    if reason := needs.obstacle(benchmark.real.labels.tolist(), train.labels.tolist()):
        raise NotMeaningfulError(reason)


SCORES = (
    Score(
        "kid",
        "KID",
        "how far drawn pictures, as a crowd, are from real ones",
        "low",
        kid,
        ceiling=TRAIN_PICTURES,
        floor=FLAT_SHEETS,
    ),
    Score(
        "fid",
        "FID",
        "the same by another formula, biased by the number of pictures",
        "low",
        fid,
        ceiling=TRAIN_PICTURES,
        floor=FLAT_SHEETS,
    ),
    Score(
        "precision",
        "Precision",
        "share of drawn pictures that lie among real ones",
        "high",
        precision,
        ceiling=TRAIN_PICTURES,
        floor=FLAT_SHEETS,
    ),
    Score(
        "density",
        "Density",
        "how densely real pictures lie around drawn ones",
        "high",
        density,
        ceiling=TRAIN_PICTURES,
        floor=FLAT_SHEETS,
    ),
    Score(
        "recall",
        "Recall",
        "share of real pictures that lie among drawn ones",
        "high",
        recall,
        ceiling=TRAIN_PICTURES,
        floor=FLAT_SHEETS,
    ),
    Score(
        "coverage",
        "Coverage",
        "share of real pictures with a drawn one next to them",
        "high",
        coverage,
        ceiling=TRAIN_PICTURES,
        floor=FLAT_SHEETS,
    ),
    Score(
        "diversity",
        "Diversity",
        "how unlike pictures of one caption are, over real pictures of one class",
        "one",
        diversity,
        ceiling=1.0,
        floor=0.0,
    ),
    Score(
        "novelty",
        "Novelty",
        "distance to the nearest train picture, over that of real pictures",
        "one",
        novelty,
        ceiling=1.0,
        floor=0.0,
    ),
    Score(
        "r_at_1",
        f"R@1 of {POOL}",
        f"share of drawn pictures whose own caption is the nearest of {POOL}",
        "high",
        r_at_1,
        ceiling=REAL_PICTURES,
        floor=SHUFFLED,
    ),
    Score(
        "top_1",
        "Class, top 1",
        "share of drawn pictures taken for the class they should show",
        "high",
        top_1,
        ceiling=REAL_PICTURES,
        floor=SHUFFLED,
    ),
    Score(
        "top_5",
        "Class, top 5",
        "share whose class is among the five likeliest",
        "high",
        top_5,
        ceiling=REAL_PICTURES,
        floor=SHUFFLED,
    ),
    Score(
        "colours",
        "Colours",
        "how far the colours that a caption names are there",
        "high",
        colours,
        ceiling=REAL_PICTURES,
        floor=SHUFFLED,
        of_features=False,
    ),
    BINDING,
)
"""All scores, in the order of reports."""
