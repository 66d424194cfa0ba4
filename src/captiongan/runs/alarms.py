"""Alarms of a run: failures of a GAN that do not show in its losses.

A generator may ignore the text (if its discriminator does), ignore the noise (Reed et al. 2016,
section 4.4; a pixel-wise loss rewards that), draw only one picture (mode collapse; Goodfellow 2016,
section 5.1.1), or repeat its training pictures. A discriminator may be too strong to learn from
(Arjovsky and Bottou 2017), or give every pair the same answer.

All alarms depend on `metrics.jsonl` alone, so whoever reads that file can raise the same ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

FAIR_CHANCE = 500
"""Steps before the first alarm about a grid, and duration of a trouble of the discriminator before
its alarm."""

LEAST_TEXT_SPREAD = 0.2
LEAST_NOISE_SPREAD = 0.1
"""Fractions of the real pictures' spread; a generator below them ignores its input."""

LEAST_NOVELTY = 0.8
"""Distance of drawn pictures to the nearest training picture, as a fraction of that between
training pictures; a generator below it repeats its training pictures."""

ALWAYS = 0.99
"""Accuracy that counts as perfect."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trouble:
    """A failure, the metrics that show it, and what to try."""

    what: str
    signs: str
    remedy: str


IGNORES_TEXT = Trouble(
    "the generator ignores the text",
    "between captions its pictures differ {health_text_spread:.2f} times as much as real ones "
    f"(health_text_spread under {LEAST_TEXT_SPREAD:g})",
    "check whether the captions fit their pictures, and try --set losses.discriminator=gan-cls, "
    "a higher losses.contrastive or a lower losses.mode_seeking",
)
IGNORES_NOISE = Trouble(
    "the generator ignores the noise",
    "between noises its pictures differ {health_noise_spread:.2f} times as much as real ones "
    f"(health_noise_spread under {LEAST_NOISE_SPREAD:g})",
    "try --set losses.mode_seeking=1, or lower losses.pixel_wise and losses.feature_matching",
)
COLLAPSED = Trouble(
    "the generator has collapsed to one picture",
    "whatever it draws from, its pictures differ {health_noise_spread:.2f} times as much as real "
    f"ones (health_noise_spread under {LEAST_NOISE_SPREAD:g})",
    "start again with a lower optimiser.learning_rate, or try --set losses.mode_seeking=1",
)
TOO_STRONG = Trouble(
    "the discriminator is too strong to learn from",
    f"for {FAIR_CHANCE} steps it was right about more than {ALWAYS:.0%} of the real and of the "
    "generated pairs (now {accuracy_real:.1%} and {accuracy_generated:.1%})",
    "try more pictures, --set losses.augment=[colour,translation,cutout] or a smaller "
    "discriminator.features",
)
BLIND = Trouble(
    "the discriminator says the same of every pair",
    f"for {FAIR_CHANCE} steps it was right about more than {ALWAYS:.0%} of one kind and less than "
    f"{1 - ALWAYS:.0%} of the other "
    "(now {accuracy_real:.1%} of the real, {accuracy_generated:.1%} of the generated)",
    "try a larger discriminator.features or a lower optimiser.learning_rate",
)
REPEATS = Trouble(
    "the generator repeats its training pictures",
    "its pictures are {score_novelty:.2f} times as far from the nearest training picture as "
    f"training pictures are from each other (score_novelty under {LEAST_NOVELTY:g})",
    "give it more pictures, or stop earlier and take the best checkpoint, or try "
    "--set losses.augment=[translation,cutout] or a higher text.conditioning_augmentation",
)


class Alarm:
    """Reports a trouble when it begins and when it ends; in between it is silent."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._trouble: Trouble | None = None

    def update(self, step: int, trouble: Trouble | None, metrics: dict[str, float]) -> None:
        """Note the trouble after `step` steps, if any, and the metrics that show it."""
        before, self._trouble = self._trouble, trouble
        if trouble and trouble != before:
            signs = trouble.signs.format(**metrics)
            self._say(f"alarm at step {step:,}: {trouble.what}: {signs}; {trouble.remedy}")
        elif before and not trouble:
            self._say(f"alarm over at step {step:,}: {before.what} no longer")


class Alarms:
    """All alarms of a run, by its metrics, from the step where it starts or resumes."""

    def __init__(self, step: int, say: Say) -> None:
        self._of_generator, self._of_discriminator = Alarm(say), Alarm(say)
        self._of_scores = Alarm(say)
        self._last = self._since = step
        self._suspicion: Trouble | None = None

    def check_grid(self, step: int, metrics: dict[str, float]) -> None:
        """Raise or end an alarm by the metrics of a sample grid, see `Health.check_grid`."""
        trouble = trouble_of_generator(metrics) if step >= FAIR_CHANCE else None
        self._of_generator.update(step, trouble, metrics)

    def check_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """Raise or end an alarm about a trouble that the discriminator has had for long.

        Args:
            step: steps taken so far.
            metrics: of `Averages.take`, means over the steps since the last call.
        """
        suspicion = trouble_of_discriminator(metrics)
        if suspicion != self._suspicion:
            self._suspicion, self._since = suspicion, self._last
        self._last = step
        lasting = step - self._since >= FAIR_CHANCE
        self._of_discriminator.update(step, suspicion if lasting else None, metrics)

    def check_scores(self, step: int, metrics: dict[str, float]) -> None:
        """Raise or end an alarm by the metrics of `RunScores.measure`, at any step."""
        self._of_scores.update(step, trouble_of_scores(metrics), metrics)


def trouble_of_generator(metrics: dict[str, float]) -> Trouble | None:
    """Return what is wrong with a generator by the metrics of `Health.check_grid`, if anything."""
    ignores_text = metrics.get("health_text_spread", 0) < LEAST_TEXT_SPREAD
    ignores_noise = metrics["health_noise_spread"] < LEAST_NOISE_SPREAD
    if ignores_text and ignores_noise:
        return COLLAPSED
    if ignores_noise:
        return IGNORES_NOISE
    return IGNORES_TEXT if ignores_text and "health_text_spread" in metrics else None


def trouble_of_discriminator(metrics: dict[str, float]) -> Trouble | None:
    """Return what is wrong with a discriminator by its accuracies, if anything."""
    low, high = sorted((metrics["accuracy_real"], metrics["accuracy_generated"]))
    if low > ALWAYS:
        return TOO_STRONG
    return BLIND if high > ALWAYS and low < 1 - ALWAYS else None


def trouble_of_scores(metrics: dict[str, float]) -> Trouble | None:
    """Return whether a generator memorised, by the metrics of `RunScores.measure`."""
    return REPEATS if metrics.get("score_novelty", math.inf) < LEAST_NOVELTY else None
