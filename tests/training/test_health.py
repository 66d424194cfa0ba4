import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn
from torch.optim import Adam

from captiongan.data.folder import Example
from captiongan.data.pairs import PairSampler
from captiongan.data.store import Pictures, PictureStore
from captiongan.runs import alarms
from captiongan.runs.alarms import (
    ALWAYS,
    BLIND,
    COLLAPSED,
    FAIR_CHANCE,
    IGNORES_NOISE,
    IGNORES_TEXT,
    LEAST_NOISE_SPREAD,
    LEAST_NOVELTY,
    LEAST_TEXT_SPREAD,
    REPEATS,
    TOO_STRONG,
    Trouble,
)
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.training.batches import TrainingData
from captiongan.training.health import Health, spread
from captiongan.training.loop import train
from captiongan.training.state import new_state
from captiongan.training.trainer import Trainer
from support.tiny_exam import WordEncoder
from support.tiny_run import tiny_data

TROUBLES = (IGNORES_TEXT, IGNORES_NOISE, COLLAPSED, TOO_STRONG, BLIND, REPEATS)
CAPTIONS = ["red", "green", "blue", "white"]
SIDE = 16


def plain(levels: object) -> Pictures:
    """Pictures of one level each, in the shape of the levels."""
    whole = np.ones((SIDE, SIDE, 3))
    return (np.asarray(levels)[..., None, None, None] * whole).astype(np.uint8)


def sheet(text: float, noise: float) -> Pictures:
    """Pictures whose levels go up by so much from caption to caption, and from noise to noise."""
    steps = np.arange(4)
    return plain(text * steps[:, None] + noise * steps)


HEALTHY, DEAF, STILL, EQUAL = sheet(40, 20), sheet(0, 20), sheet(40, 0), sheet(0, 0)


class Watch:
    """The health of a run on tiny data, and what it said; a step is as long as a fair chance."""

    def __init__(self, data: TrainingData | None = None, captions: list[str] = CAPTIONS) -> None:
        self.lines: list[str] = []
        self.health = Health(data or tiny_data(), captions, 0, self.lines.append)

    def see(self, *sheets: Pictures) -> list[str]:
        for number, drawn in enumerate(sheets, 1):
            self.health.check_grid(number * FAIR_CHANCE, drawn)
        return self.lines

    def hear(self, *accuracies: tuple[float, float], every: int = FAIR_CHANCE // 5) -> list[str]:
        for number, (real, generated) in enumerate(accuracies, 1):
            metrics = {"accuracy_real": real, "accuracy_generated": generated}
            self.health.check_metrics(number * every, metrics)
        return self.lines

    def score(self, *novelties: float) -> list[str]:
        for number, novelty in enumerate(novelties, 1):
            self.health.check_scores(number, {"score_error": 0.1, "score_novelty": novelty})
        return self.lines


def without_text() -> TrainingData:
    data = tiny_data()
    text = data.config.text.model_copy(update={"encoder": "none"})
    return replace(data, config=data.config.model_copy(update={"text": text}))


def told(*troubles: Trouble) -> list[str]:
    return [trouble.what for trouble in troubles]


def begun(lines: list[str]) -> list[str]:
    """What was told to be wrong, in order, without what was told to be over."""
    return [
        found[1] for line in lines if (found := re.match(r"alarm at step [\d,]+: (.*?):", line))
    ]


# Spread


def test_the_spread_is_the_root_mean_square_distance_of_two_pictures() -> None:
    levels = np.array([10.0, 40.0, 100.0])
    distances = [levels[i] - levels[j] for i in range(3) for j in range(3) if i != j]
    expected = np.sqrt(np.mean(np.square(distances)))
    assert spread(plain(levels), axis=0) == pytest.approx(expected)


def test_grain_hardly_counts_as_spread() -> None:
    grain = np.random.default_rng(0).integers(0, 256, (8, 128, 128, 3), dtype=np.uint8)
    grown = grain[:, ::8, ::8].repeat(8, axis=1).repeat(8, axis=2)
    assert spread(grain, axis=0) < 0.15 * spread(grown, axis=0)


def test_the_figures_are_the_spreads_along_texts_and_noises_as_shares_of_the_real_one() -> None:
    data = tiny_data()
    real = spread(data.centre(list(range(len(data.store.examples)))), axis=0)
    metrics = Watch(data).health.check_grid(1, sheet(40, 20))
    step = np.sqrt(np.mean([1, 1, 1, 4, 4, 9]))
    assert metrics == {
        "health_text_spread": pytest.approx(40 * step / real),
        "health_noise_spread": pytest.approx(20 * step / real),
    }


def test_captions_that_are_equal_do_not_count_as_a_text_ignored() -> None:
    pictures = sheet(40, 20)[[0, 0, 0, 1]]
    metrics = Watch(captions=["red", "red", "red", "blue"]).health.check_grid(1, pictures)
    expected = Watch(captions=["red", "blue"]).health.check_grid(1, pictures[2:])
    assert metrics["health_text_spread"] == pytest.approx(expected["health_text_spread"])
    same = Watch(captions=["red"] * 4)
    assert same.see(DEAF) == []
    assert "health_text_spread" not in same.health.check_grid(1, DEAF)


# Alarms of the generator


@pytest.mark.parametrize(
    ("pictures", "trouble"), [(DEAF, IGNORES_TEXT), (STILL, IGNORES_NOISE), (EQUAL, COLLAPSED)]
)
def test_what_is_wrong_with_the_pictures_is_told(pictures: Pictures, trouble: Trouble) -> None:
    assert begun(Watch().see(HEALTHY, pictures)) == told(trouble)


def test_pictures_that_follow_text_and_noise_raise_no_alarm() -> None:
    assert Watch().see(HEALTHY, HEALTHY) == []


def test_an_alarm_names_step_figure_threshold_and_remedy_in_one_line() -> None:
    (line,) = Watch().see(HEALTHY, DEAF)
    assert line == (
        "alarm at step 1,000: the generator ignores the text: between captions its pictures differ "
        "0.00 times as much as real ones (health_text_spread under 0.2); check whether the "
        "captions fit their pictures, and try --set losses.discriminator=gan-cls, a higher "
        "losses.contrastive or a lower losses.mode_seeking"
    )


def test_an_alarm_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    lines = Watch().see(DEAF, DEAF, HEALTHY, HEALTHY, DEAF)
    assert begun(lines) == told(IGNORES_TEXT, IGNORES_TEXT)
    assert lines[1:-1] == ["alarm over at step 1,500: the generator ignores the text no longer"]


def test_another_trouble_is_told_as_it_takes_the_place_of_the_first() -> None:
    lines = Watch().see(DEAF, EQUAL, STILL)
    assert begun(lines) == told(IGNORES_TEXT, COLLAPSED, IGNORES_NOISE)
    assert len(lines) == 3


def test_no_alarm_is_raised_before_the_generator_has_had_a_fair_chance() -> None:
    watch = Watch()
    watch.health.check_grid(FAIR_CHANCE - 1, EQUAL)
    assert watch.lines == []
    watch.health.check_grid(FAIR_CHANCE, EQUAL)
    assert begun(watch.lines) == told(COLLAPSED)


def test_a_run_without_text_has_no_text_to_ignore_but_can_collapse() -> None:
    assert Watch(without_text()).see(DEAF) == []
    assert Watch(without_text()).health.check_grid(1, DEAF).keys() == {"health_noise_spread"}
    assert begun(Watch(without_text()).see(EQUAL)) == told(COLLAPSED)


# Alarms of the discriminator


SURE, FAIR, SAYS_REAL, SAYS_DRAWN = (0.995, 1.0), (0.9, 1.0), (1.0, 0.0), (0.005, 0.995)


@pytest.mark.parametrize(
    ("accuracies", "trouble"), [(SURE, TOO_STRONG), (SAYS_REAL, BLIND), (SAYS_DRAWN, BLIND)]
)
def test_a_discriminator_in_trouble_for_long_is_told(
    accuracies: tuple[float, float], trouble: Trouble
) -> None:
    assert Watch().hear(*[accuracies] * 4) == []
    assert begun(Watch().hear(*[accuracies] * 12)) == told(trouble)


def test_one_reading_that_is_not_sure_puts_the_alarm_off() -> None:
    assert Watch().hear(*[SURE] * 4, FAIR, *[SURE] * 4, FAIR) == []
    assert Watch().hear(*[SURE] * 4, SAYS_REAL, *[SURE] * 4) == []


def test_the_discriminator_recovered_is_told_once() -> None:
    lines = Watch().hear(*[SURE] * 6, FAIR, FAIR)
    assert lines[1:] == [f"alarm over at step 700: {TOO_STRONG.what} no longer"]


def test_how_often_a_run_is_read_makes_no_difference_to_its_alarm() -> None:
    often = Watch().hear(*[SURE] * 20, every=FAIR_CHANCE // 20)
    assert often == Watch().hear(SURE, every=FAIR_CHANCE)
    assert begun(often) == told(TOO_STRONG)


def test_alarms_of_generator_and_discriminator_do_not_mix() -> None:
    watch = Watch()
    watch.see(DEAF)
    watch.hear(*[FAIR] * 6)
    assert begun(watch.lines) == told(IGNORES_TEXT)
    assert len(watch.lines) == 1


# Alarms of the scores


def test_a_generator_that_repeats_its_training_pictures_is_told_at_any_step() -> None:
    lines = Watch().score(LEAST_NOVELTY, 0.33, 0.2, 0.9)
    assert lines == [
        "alarm at step 2: the generator repeats its training pictures: its pictures are 0.33 times "
        "as far from the nearest training picture as training pictures are from each other "
        "(score_novelty under 0.8); give it more pictures, or stop earlier and take the best "
        "checkpoint, or try --set losses.augment=[translation,cutout] or a higher "
        "text.conditioning_augmentation",
        "alarm over at step 4: the generator repeats its training pictures no longer",
    ]


def test_scores_without_novelty_raise_no_alarm() -> None:
    watch = Watch()
    watch.health.check_scores(1, {"score_error": 0.1, "score_kid": 0.1, "score_r_at_1": 0.2})
    assert watch.lines == []


def test_alarms_of_grids_and_of_scores_do_not_mix() -> None:
    watch = Watch()
    watch.see(DEAF)
    watch.score(0.1)
    watch.see(DEAF)
    assert begun(watch.lines) == told(IGNORES_TEXT, REPEATS)


# Documentation


def test_a_remedy_names_options_that_exist() -> None:
    for trouble in TROUBLES:
        options = re.findall(r"\b([a-z]+)\.([a-z_]+)", trouble.remedy)
        assert options
        for section, name in options:
            assert hasattr(getattr(RunConfig(), section), name), (section, name)


def test_the_documentation_gives_the_thresholds_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    section = page.split("## Alarms")[1].split("\n## ")[0]
    for trouble in TROUBLES:
        assert f"`{trouble.what}`" in section
    for threshold in (LEAST_TEXT_SPREAD, LEAST_NOISE_SPREAD, LEAST_NOVELTY, ALWAYS, FAIR_CHANCE):
        assert f"{threshold:g}" in section


# Runs


def flowerbed(config: RunConfig, encoder: WordEncoder) -> TrainingData:
    """Pictures of four quarters: the caption tells their colour, and nothing how bright each is."""
    random = np.random.default_rng(0)
    colours = np.array([[1, 0.1, 0.1], [0.1, 1, 0.1], [0.1, 0.1, 1], [1, 1, 1]])
    kinds = np.arange(32) % len(colours)
    quarters = random.uniform(40, 255, (len(kinds), 2, 2, 1)) * colours[kinds][:, None, None]
    pictures = np.kron(quarters, np.ones((1, SIDE // 2, SIDE // 2, 1))).astype(np.uint8)
    examples = tuple(
        Example(f"{row}.png", (CAPTIONS[kind],), CAPTIONS[kind]) for row, kind in enumerate(kinds)
    )
    return TrainingData(
        config,
        PictureStore(pictures, examples, ()),
        torch.from_numpy(encoder.encode([example.captions[0] for example in examples])),
        PairSampler(examples, config.training.batch_size, config.training.seed),
    )


def tiny(noise_dim: int = 32, **losses: float | str) -> RunConfig:
    """A hundred steps at ten times the usual pace."""
    step = 0.016
    return RunConfig.model_validate(
        {
            "data": {"resolution": SIDE, "margin": 0},
            "generator": {"features": 4, "noise_dim": noise_dim, "projected_dim": 4},
            "discriminator": {"features": 4, "projected_dim": 4},
            "losses": {"pixel_wise": 0, "feature_matching": 0} | losses,
            "optimiser": {"learning_rate": 0.002},
            "training": {
                "kimg": 100 * step,
                "batch_size": 16,
                "precision": "32-true",
                "log_every_kimg": 10 * step,
                "grid_every_kimg": 100 * step,
                "checkpoint_every_kimg": 100 * step,
            },
            "scores": {"every_kimg": 0},
        }
    )


def as_it_is(trainer: Trainer) -> Trainer:
    return trainer


def with_one_text_for_all(trainer: Trainer) -> Trainer:
    embeddings = torch.ones_like(trainer.data.embeddings)
    return replace(trainer, data=replace(trainer.data, embeddings=embeddings))


def with_a_generator_that_never_learns(trainer: Trainer) -> Trainer:
    nothing = Adam([nn.Parameter(torch.zeros(1))])
    return replace(trainer, state=replace(trainer.state, generator_optimiser=nothing))


Harm = Callable[[Trainer], Trainer]


@pytest.mark.parametrize(
    ("config", "harm", "troubles"),
    [
        pytest.param(tiny(mode_seeking=0.1), as_it_is, [], id="healthy"),
        pytest.param(tiny(), with_one_text_for_all, [IGNORES_TEXT], id="one text"),
        pytest.param(tiny(1, pixel_wise=1000), as_it_is, [IGNORES_NOISE], id="one noise"),
        pytest.param(
            tiny(discriminator="gan"),
            with_a_generator_that_never_learns,
            [TOO_STRONG, COLLAPSED],
            id="never learns",
        ),
    ],
)
def test_a_run_raises_the_alarms_that_it_should(
    config: RunConfig,
    harm: Harm,
    troubles: list[Trouble],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alarms, "FAIR_CHANCE", 60)
    encoder = WordEncoder()
    state = new_state(config, encoder.dim, torch.device("cpu"))
    trainer = harm(Trainer(config, encoder, flowerbed(config, encoder), state))
    run, out = RunFolder.create(tmp_path, config), io.StringIO()
    assert train(trainer, run, Console(file=out))
    assert begun(out.getvalue().splitlines()) == told(*troubles)
    (noted,) = (line for line in run.metrics() if "health_text_spread" in line)
    assert noted.keys() == {"step", "kimg", "time", "health_text_spread", "health_noise_spread"}
    assert noted["step"] == 100
