"""Whether colours are where the words say: the score of minimal pairs."""

import numpy as np

from captiongan.evaluation.benchmark import Benchmark, Samples
from captiongan.evaluation.needs import FEWEST_PAIRS
from captiongan.evaluation.score_type import REAL_PICTURES, Measured, NotMeaningfulError, Score


def binding(benchmark: Benchmark, samples: Samples) -> Measured:
    """Share of pictures of minimal pairs that the retrieval probe finds nearer to their caption.

    The other caption has the two colours exchanged. Whoever draws both captions alike is right in
    one of two cases.
    """
    if benchmark.probes is None:
        raise NotMeaningfulError(benchmark.no_probes)
    count = len(benchmark.pairs) if benchmark.pairs else 0
    if count < FEWEST_PAIRS:
        raise NotMeaningfulError(
            f"{count} real pictures have a caption with two colours to exchange; it takes "
            f"{FEWEST_PAIRS}"
        )
    assert benchmark.pairs is not None and samples.pair_features is not None
    cosine, (own, exchanged) = benchmark.probes.retrieval.cosine, benchmark.pairs.sentences
    nearer = [cosine(each, own) - cosine(each, exchanged) for each in samples.pair_features]
    right = [np.heaviside(sign * each, 0.5) for sign, each in zip((1, -1), nearer, strict=False)]
    return Measured.mean_of(np.mean(right, axis=0, dtype=np.float64), len(right) * len(own))


BINDING = Score(
    "binding",
    "Binding",
    "share of pictures nearer to their caption than to it with two colours exchanged",
    "high",
    binding,
    ceiling=REAL_PICTURES,
    floor=0.5,
)
