"""Cheap scores of a run while it trains, by which its best checkpoint is known.

A fifth of the training pictures, a thousand at most, is set apart for the exam; the judge learns
from the others. The generator has seen them all, so these scores serve to compare moments of one
run. For all else there is `captiongan evaluate`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from captiongan.config import RunConfig
from captiongan.evaluation import CANDIDATES
from captiongan.evaluation.candidate import of_generator
from captiongan.evaluation.exam import Exam, questions
from captiongan.evaluation.extractors import choose_extractor
from captiongan.evaluation.judges import open_judges
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.scores import kid, r_at_1
from captiongan.networks.layers import PictureGenerator
from captiongan.text.cached import CachedTextEncoder
from captiongan.text.choose import choose_encoder
from captiongan.text.encoder import TextEncoder
from captiongan.training.material import PICTURES, SHARE, set_apart, to_be_scored_by

SCORE_STREAM = 4
"""Keeps the choice of pictures apart from other random numbers of the run."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class RunScores:
    """The exam of a run, the same at every reading."""

    config: RunConfig
    encoder: TextEncoder
    exam: Exam

    @classmethod
    def open(
        cls, config: RunConfig, encoder: TextEncoder, device: torch.device, say: Say
    ) -> "RunScores | None":
        """Set pictures apart and train the judge on the others; None if there are too few.

        Raises:
            ConfigError: the extractor's package is not installed.
            OutputError: the cache cannot be written.
        """
        material = to_be_scored_by(config)
        store = material.open()
        count = set_apart(len(store.examples))
        if not count:
            say(f"no scores: {len(store.examples)} pictures, it takes {CANDIDATES / SHARE:.0f}")
            return None
        say("getting ready to score; the first time on these pictures takes minutes")
        extractor = choose_extractor(config.scores.extractor, device=device)
        sentences = CachedTextEncoder(
            choose_encoder(material.encoder),
            lambda done, total: say(f"encoded {done:,} of {total:,} new captions"),
        )
        everything = RealPictures.describe(store.examples, store.pictures, extractor, sentences)
        random = np.random.default_rng([config.training.seed, SCORE_STREAM])
        apart, others = np.split(random.permutation(len(store.examples)), [count])
        real, train = everything.subset(np.sort(apart)), everything.subset(np.sort(others))
        judges = open_judges(train, extractor.identity, sentences.identity)
        rounds = -(-PICTURES // count)
        exam = Exam(real, train, "", judges, extractor, questions(real, rounds, same=1), seed=0)
        say(f"real pictures in the place of drawn ones: R@1 {r_at_1(exam, exam.of_real).value:.3f}")
        return cls(config, encoder, exam)

    def measure(self, average: PictureGenerator) -> dict[str, float]:
        """Let the generator's running average, settled, draw a thousand pictures; return figures.

        `score_error` is the lower the better: KID times the share of captions not recognised.
        """
        answers = self.exam.answers(of_generator(self.config, average, self.encoder))
        distance, found = kid(self.exam, answers), r_at_1(self.exam, answers)
        return {
            "score_kid": distance.value,
            "score_kid_standard_error": distance.standard_error or 0.0,
            "score_r_at_1": found.value,
            "score_error": max(distance.value, 0.0) * (1 - found.value),
        }
