"""Cheap scores of a run while it trains, which choose its best checkpoint.

A fifth of the training pictures, at most a thousand, is the benchmark; the probe learns from the
others. If there are too few for that, all pictures are the benchmark and there is no probe. The
generator has seen all of them, so these scores only compare checkpoints of one run; for anything
else use `captiongan evaluate`.
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
from captiongan.evaluation.needs import FEWEST
from captiongan.evaluation.probe_training import open_probes
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.retrieval import POOL
from captiongan.evaluation.scores import kid, r_at_1
from captiongan.networks.layers import PictureGenerator
from captiongan.runs.config import RunConfig
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.text.no_text import NoText
from captiongan.text.registry import choose_encoder
from captiongan.training.data_source import PICTURES, SHARE, pictures_held_out, scoring_source
from captiongan.training.progress_in_kimg import like_kimg

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
        """Choose the pictures of the benchmark and train the probe on the others.

        Returns:
            The scores; None if there are too few pictures.

        Raises:
            ConfigError: the extractor's package is not installed.
            OutputError: the cache cannot be written.
        """
        data_source = scoring_source(config)
        store = data_source.open()
        total = len(store.examples)
        if total < FEWEST:
            say(f"no scores: {total} pictures, at least {FEWEST} are needed")
            return None
        held_out = pictures_held_out(total)
        if not held_out:
            say(
                f"too few pictures for R@1: {total}, at least {POOL / SHARE:.0f} are needed; "
                "KID alone, against all of them, will choose the best checkpoint"
            )
        say("preparing the scores; the first time on these pictures takes minutes")
        extractor = choose_extractor(config.scores.extractor, device=device)
        sentences = _sentence_encoder(data_source.encoder, say) if held_out else NoText()
        everything = RealPictures.describe(store.examples, store.pictures, extractor, sentences)
        benchmark = _benchmark(
            everything, held_out, extractor, sentences.identity, config.training.seed
        )
        if benchmark.probes:
            ceiling = r_at_1(benchmark, benchmark.of_real).value
            say(f"R@1 of real pictures, the ceiling: {ceiling:.3f}")
        flat = kid(benchmark, benchmark.of_flat).value
        spacing = _spacing(everything.features)
        return cls(config, encoder, benchmark, everything.features, spacing, flat)

    def measure(self, ema: PictureGenerator) -> dict[str, float]:
        """Score a thousand pictures that the generator's EMA draws.

        Returns:
            Metrics. `score_error` is better the lower it is: KID, multiplied by the share of
            captions that the probe does not recognise if there is a probe. `score_novelty` is the
            distance of a drawn picture to the nearest training picture divided by that between
            training pictures: about 1 or more, unless the generator repeats its training pictures.
            It is absent if every training picture has a duplicate. `score_like_kimg` is explained
            in `equivalent.py`, and absent for a run below its range.
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
    held_out: int,
    extractor: Extractor,
    sentences: EncoderIdentity,
    seed: int,
) -> Benchmark:
    """Return a benchmark of `held_out` pictures and a probe of the others; of all, if it is 0."""
    real, train, probes = everything, None, None
    if held_out:
        order = np.random.default_rng([seed, Stream.SCORES]).permutation(len(everything))
        real, train = (everything.subset(np.sort(rows)) for rows in np.split(order, [held_out]))
        probes = open_probes(train, extractor.identity, sentences)
    captions = captions_to_draw(real, rounds=-(-PICTURES // len(real)), same=1)
    no_train = "all pictures are the benchmark"
    return Benchmark(real, train, no_train, probes, extractor, captions, seed=0)


def _spacing(features: Features) -> float:
    """Return the mean distance of pictures, or of some of many, to the nearest other one."""
    rows = np.linspace(0, len(features) - 1, min(len(features), MOST_NEIGHBOURS)).astype(np.int64)
    return float(nearest(features[rows], features, leaving_out=rows)[1].mean())
