"""Cheap scores of a run while it trains, which choose its best checkpoint.

A fifth of the training pictures, a thousand at most, is set apart as a benchmark; the probe learns
from the others. Where that would leave too few, all pictures are the benchmark and there is no
probe. The generator has seen them all, so these scores only compare moments of one run. For all
else there is `captiongan evaluate`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from captiongan.base.streams import Stream
from captiongan.bundle.text_encoder import EncoderIdentity, TextEncoder
from captiongan.evaluation.benchmark import Benchmark, Samples, captions_to_draw
from captiongan.evaluation.candidate import of_generator
from captiongan.evaluation.coverage import nearest
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import Extractor, choose_extractor
from captiongan.evaluation.probe_training import open_probes
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.retrieval import POOL
from captiongan.evaluation.scores import FEWEST, kid, r_at_1
from captiongan.networks.layers import PictureGenerator
from captiongan.runs.config import RunConfig
from captiongan.text.cached import CachedTextEncoder
from captiongan.text.no_text import NoText
from captiongan.text.registry import choose_encoder
from captiongan.training.data_source import PICTURES, SHARE, set_apart, to_be_scored_by
from captiongan.training.equivalent import like_kimg

MOST_NEIGHBOURS = 5000
"""Most training pictures whose nearest neighbour is searched."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class RunScores:
    """The benchmark of a run, the same at every measurement.

    `features` (N, D) are of all training pictures; `spacing` is the mean distance from one of these
    to the nearest other one. `flat` is the KID of sheets of one colour.
    """

    config: RunConfig
    encoder: TextEncoder
    benchmark: Benchmark
    features: Features
    spacing: float
    flat: float

    @classmethod
    def open(
        cls, config: RunConfig, encoder: TextEncoder, device: torch.device, say: Say
    ) -> "RunScores | None":
        """Set pictures apart and train the probe on the others; None if there are too few.

        Where there are too few for a probe, all are the benchmark.

        Raises:
            ConfigError: the extractor's package is not installed.
            OutputError: the cache cannot be written.
        """
        data_source = to_be_scored_by(config)
        store = data_source.open()
        total = len(store.examples)
        if total < FEWEST:
            say(f"no scores: {total} pictures, it takes {FEWEST}")
            return None
        apart = set_apart(total)
        if not apart:
            say(
                f"too few pictures for R@1: {total}, it takes {POOL / SHARE:.0f}; "
                "KID alone, against all of them, will choose the best checkpoint"
            )
        say("getting ready to score; the first time on these pictures takes minutes")
        extractor = choose_extractor(config.scores.extractor, device=device)
        sentences = _sentence_encoder(data_source.encoder, say) if apart else NoText()
        everything = RealPictures.describe(store.examples, store.pictures, extractor, sentences)
        benchmark = _benchmark(
            everything, apart, extractor, sentences.identity, config.training.seed
        )
        if benchmark.probes:
            found = r_at_1(benchmark, benchmark.of_real).value
            say(f"real pictures in the place of drawn ones: R@1 {found:.3f}")
        flat = kid(benchmark, benchmark.of_flat).value
        spacing = _spacing(everything.features)
        return cls(config, encoder, benchmark, everything.features, spacing, flat)

    def measure(self, ema: PictureGenerator) -> dict[str, float]:
        """Let the generator's settled running average draw a thousand pictures; return metrics.

        `score_error` is better the lower it is: KID, times the share of captions not recognised
        where there is a probe. `score_novelty` is the distance of a drawn picture to the nearest
        training picture over that between training pictures: near 1 or above, unless the generator
        repeats these. It is left out where every training picture has a double. `score_like_kimg`
        is explained in `equivalent.py`, and left out below its range.
        """
        samples = self.benchmark.samples_of(of_generator(self.config, ema, self.encoder))
        distance = kid(self.benchmark, samples)
        metrics = {
            "score_kid": distance.value,
            "score_kid_standard_error": distance.standard_error or 0.0,
            "score_error": max(distance.value, 0.0),
        }
        if self.benchmark.probes:
            found = r_at_1(self.benchmark, samples).value
            metrics["score_r_at_1"] = found
            metrics["score_error"] *= 1 - found
        like = like_kimg(distance.value / self.flat) if self.flat > 0 else None
        if like is not None:
            metrics["score_like_kimg"] = like
        if self.spacing:
            metrics["score_novelty"] = self._distance(samples) / self.spacing
        return metrics

    def _distance(self, samples: Samples) -> float:
        """Return the mean distance of samples to the nearest training picture."""
        drawn = samples.features.reshape(-1, self.features.shape[1])
        return float(nearest(drawn, self.features)[1].mean())


def _sentence_encoder(encoder: str, say: Say) -> TextEncoder:
    return CachedTextEncoder(
        choose_encoder(encoder),
        lambda done, total: say(f"encoded {done:,} of {total:,} new captions"),
    )


def _benchmark(
    everything: RealPictures,
    apart: int,
    extractor: Extractor,
    sentences: EncoderIdentity,
    seed: int,
) -> Benchmark:
    """Set `apart` pictures apart and train the probe on the others; 0 takes all, with no probe."""
    real, train, probes = everything, None, None
    if apart:
        order = np.random.default_rng([seed, Stream.SCORES]).permutation(len(everything))
        real, train = (everything.subset(np.sort(rows)) for rows in np.split(order, [apart]))
        probes = open_probes(train, extractor.identity, sentences)
    captions = captions_to_draw(real, rounds=-(-PICTURES // len(real)), same=1)
    no_train = "all pictures are the benchmark"
    return Benchmark(real, train, no_train, probes, extractor, captions, seed=0)


def _spacing(features: Features) -> float:
    """Return the mean distance of pictures, or of some of many, to the nearest other one."""
    rows = np.linspace(0, len(features) - 1, min(len(features), MOST_NEIGHBOURS)).astype(np.int64)
    return float(nearest(features[rows], features, leaving_out=rows)[1].mean())
