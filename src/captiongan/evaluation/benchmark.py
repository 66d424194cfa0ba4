"""The benchmark: captions that every candidate draws, and what its samples are held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from captiongan.data.pairs import Indices, class_numbers
from captiongan.data.store import Pictures
from captiongan.evaluation.candidate import Candidate
from captiongan.evaluation.distances import Features, pairwise_spread
from captiongan.evaluation.extractors import Extractor
from captiongan.evaluation.minimal_pairs import MinimalPairs
from captiongan.evaluation.needs import FEWEST_PICTURES
from captiongan.evaluation.probes import Probes
from captiongan.evaluation.real import RealPictures

SAME_CAPTION = 4
"""Pictures of each first caption, for diversity; further ones are of the other captions."""


@dataclass(frozen=True)
class Samples:
    """R pictures for each of the N examples of a benchmark.

    `pictures` is (R, N, H, W, 3) uint8, `features` (R, N, D), and `captions` (R, N) holds the
    numbers of the captions that they should show.

    `of_pairs` (2, P, H, W, 3) are pictures of the benchmark's minimal pairs, of the captions and of
    the exchanged ones, and `pair_features` (2, P, D) theirs. Real pictures show no exchanged
    caption, so they are (1, P). Without them, binding is not measured.
    """

    pictures: Pictures
    features: Features
    captions: Indices
    of_pairs: Pictures | None = None
    pair_features: Features | None = None

    def shuffled(self, seed: int) -> "Samples":
        """Return the same pictures, each in the place of another one of its round.

        These are samples of someone who did not read the captions.
        """
        random = np.random.default_rng(seed)
        rounds, count = self.captions.shape
        moved = np.empty((rounds, count), dtype=np.int64)
        for row in moved:  # one cycle through all of them, so that none stays
            order = random.permutation(count)
            row[order] = np.roll(order, 1)
        here = np.arange(rounds)[:, None]
        return Samples(self.pictures[here, moved], self.features[here, moved], self.captions)


@dataclass(frozen=True)
class Benchmark:
    """N real examples, the probes, and the captions to draw.

    `train` are the real pictures that candidates and probes learned from; where there are none,
    `no_train` says why. `captions` (R, N) are the numbers of the captions to draw. `pairs` are
    drawn as well, if there are any.
    """

    real: RealPictures
    train: RealPictures | None
    no_train: str
    probes: Probes | None
    extractor: Extractor
    captions: Indices
    seed: int
    pairs: MinimalPairs | None = None
    scale: float = 1.0
    """KID and FID multiply features by it, so that the features of all sides are of one size."""

    @property
    def rounds(self) -> int:
        """How many pictures are drawn for each example, R."""
        return len(self.captions)

    @property
    def side(self) -> int:
        """The side in pixels at which its extractor looks at pictures."""
        return self.extractor.identity.input_side

    @property
    def no_probes(self) -> str:
        """Why there are no probes, if so."""
        if self.train is None:
            return self.no_train
        return f"{len(self.train)} training pictures; probes take {FEWEST_PICTURES}"

    def samples_of(self, candidate: Candidate) -> Samples:
        """Let a candidate draw: picture r of example n has the seed `seed` + r * N + n.

        A candidate that keeps the best of k draws k for each, with the seeds from `seed` +
        (r * N + n) * k on.

        Raises:
            RunError: a feature of the pictures is not finite.
        """
        count = len(self.real) * candidate.best_of
        rounds = []
        for number, captions in enumerate(self.captions):
            first = self.seed + number * count
            texts = [self.real.captions[caption] for caption in captions]
            rounds.append(candidate.pictures_of(texts, range(first, first + count)))
        return self._described(np.stack(rounds), self._pictures_of_pairs(candidate))

    def described(self, samples: Samples) -> Samples:
        """Return samples of the same benchmark as this one's own extractor describes them."""
        return self._described(samples.pictures, samples.of_pairs)

    @cached_property
    def of_real(self) -> Samples:
        """The real pictures themselves, in every round."""
        shape = (self.rounds, len(self.real))
        pictures = np.broadcast_to(self.real.pictures, (*shape, *self.real.pictures.shape[1:]))
        features = np.broadcast_to(self.real.features, (*shape, self.real.features.shape[1]))
        if self.pairs is None:
            return Samples(pictures, features, self.captions)
        rows = self.pairs.rows
        return Samples(
            pictures,
            features,
            self.captions,
            self.real.pictures[rows][None],
            self.real.features[rows][None],
        )

    @property
    def of_train(self) -> Samples | None:
        """Real pictures of the train split drawn at random, none twice if they suffice for a round.

        There are as many rounds as suffice, R at most. They are not kept, as the benchmarks at
        several sides would each hold a copy.
        """
        if self.train is None:
            return None
        random = np.random.default_rng([self.seed, len(self.train)])
        count = len(self.real)
        rounds = max(1, min(self.rounds, len(self.train) // count))
        rows = random.choice(len(self.train), (rounds, count), replace=len(self.train) < count)
        return Samples(self.train.pictures[rows], self.train.features[rows], self.captions[:rounds])

    @cached_property
    def of_flat(self) -> Samples:
        """Sheets of one colour, the mean colour of each real picture: one round of them."""
        means = self.real.pictures.mean(axis=(1, 2), keepdims=True).round().astype(np.uint8)
        sheets = np.broadcast_to(means, self.real.pictures.shape)
        return self._described(sheets[None])

    @cached_property
    def spread_in_a_class(self) -> float | None:
        """Mean distance between real pictures of one class; None if no class has two.

        Of each class, the first 100 pictures count.
        """
        real = self.real if self.train is None else self.train
        numbers = class_numbers(real.examples)
        groups = [np.flatnonzero(numbers == number)[:100] for number in np.unique(numbers)]
        spreads = [
            pairwise_spread(real.features[rows][None])[0] for rows in groups if len(rows) > 1
        ]
        return float(np.mean(spreads)) if spreads else None

    def _pictures_of_pairs(self, candidate: Candidate) -> Pictures | None:
        """Let a candidate draw both captions of each pair with the same noise."""
        if self.pairs is None:
            return None
        seeds = range(self.seed, self.seed + len(self.pairs) * candidate.best_of)
        return np.stack([candidate.pictures_of(texts, seeds) for texts in self.pairs.texts])

    def _described(self, pictures: Pictures, of_pairs: Pictures | None = None) -> Samples:
        features, pair_features = (
            None if rounds is None else np.stack([self.extractor.features(each) for each in rounds])
            for rounds in (pictures, of_pairs)
        )
        assert features is not None
        return Samples(pictures, features, self.captions[: len(pictures)], of_pairs, pair_features)


def samples_at_all_sides(benchmarks: Sequence[Benchmark], candidate: Candidate) -> list[Samples]:
    """Let a candidate draw once; return its samples as the benchmark at each side describes them.

    `benchmarks` differ in nothing but their extractor and what follows from it.

    Raises:
        RunError: a feature of the pictures is not finite.
    """
    first, *others = benchmarks
    samples = first.samples_of(candidate)
    return [samples, *(benchmark.described(samples) for benchmark in others)]


def captions_to_draw(real: RealPictures, rounds: int, same: int) -> Indices:
    """Return the numbers of the captions to draw, (R, N).

    Each first caption comes `same` times, then each other one once. After its last caption an
    example begins again with its first.
    """
    rows = np.arange(len(real))
    turns = np.maximum(0, np.arange(rounds) - (same - 1))
    return np.stack([real.captions_of(rows, np.full(len(real), turn)) for turn in turns])
