import io

import pytest
import torch
from rich.console import Console

from captiongan.training.console import Averages, LiveReport, metrics_in_words, scores_in_words

FIGURES = {
    "images_per_second": 250.4,
    "loss_d": 1.234,
    "loss_g": 17.5,
    "accuracy_real": 0.9,
    "accuracy_mismatching": 0.625,
    "accuracy_generated": 1.0,
}


def test_a_reading_in_words_has_speed_time_left_losses_and_accuracies() -> None:
    assert metrics_in_words(FIGURES, "1:02:05 left") == (
        "250 images/s, 1:02:05 left, loss D 1.23 G 17.50, D right 90/62/100 %"
    )


def test_a_reading_without_mismatching_pairs_has_the_other_two() -> None:
    metrics = {name: value for name, value in FIGURES.items() if "mismatching" not in name}
    assert metrics_in_words(metrics, "").endswith("D right 90/100 %")


def test_a_reading_is_the_mean_since_the_last_one() -> None:
    averages = Averages()
    for value in (1.0, 2.0, 6.0):
        averages.add({"loss_d": torch.tensor(value), "loss_g": torch.tensor(-value)})
    metrics = averages.take(batch_size=4)
    assert (metrics["loss_d"], metrics["loss_g"]) == (3.0, -3.0)
    averages.add({"loss_d": torch.tensor(8.0)})
    assert averages.take(batch_size=4)["loss_d"] == 8.0


def test_the_speed_is_in_pictures_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 102.0, 103.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    averages = Averages()
    for _ in range(3):
        averages.add({"loss_d": torch.tensor(1.0)})
    assert averages.take(batch_size=8)["images_per_second"] == 12
    averages.add({"loss_d": torch.tensor(1.0)})
    assert averages.take(batch_size=8)["images_per_second"] == 8


def test_what_is_not_training_does_not_count_for_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 101.0, 151.0, 152.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    averages = Averages()
    averages.add({"loss_d": torch.tensor(1.0)})
    with averages.paused():
        pass  # for fifty seconds
    assert averages.take(batch_size=8)["images_per_second"] == 4


def test_scores_in_words_have_the_distance_its_error_and_the_share_of_captions_found() -> None:
    scores = {"score_kid": 0.03125, "score_kid_standard_error": 0.002, "score_r_at_1": 0.25}
    assert scores_in_words(scores) == "KID 0.0312 +- 0.0020, R@1 0.250"


def test_scores_without_a_judge_are_told_without_the_share_and_novelty_where_there_is_one() -> None:
    scores = {"score_kid": 0.5, "score_kid_standard_error": 0.01, "score_novelty": 0.876}
    assert scores_in_words(scores) == "KID 0.5000 +- 0.0100, novelty 0.88"


def test_scores_in_words_say_which_training_from_scratch_is_about_as_good() -> None:
    scores = {"score_kid": 0.1, "score_kid_standard_error": 0.01, "score_like_kimg": 123.4}
    assert scores_in_words(scores).endswith(", about as good as 123 kimg from scratch")


def test_adding_leaves_the_steps_own_figures_alone() -> None:
    averages, first = Averages(), torch.tensor(1.0)
    averages.add({"loss_d": first})
    averages.add({"loss_d": torch.tensor(2.0)})
    assert first.item() == 1.0


def test_away_from_a_terminal_each_reading_is_a_plain_line() -> None:
    out = io.StringIO()
    with LiveReport(Console(file=out), total=400, done=0) as report:
        report.show_metrics(20.0, FIGURES)
        report.say("saved [bold]all[/bold]")
    first, second = out.getvalue().splitlines()
    assert first.startswith("20.0/400 kimg  250 images/s")
    assert second == "saved [bold]all[/bold]"


def test_at_a_terminal_a_bar_shows_the_same_words() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200)
    with LiveReport(console, total=400, done=10) as report:
        report.show_metrics(20.0, FIGURES)
    assert "20.0/400 kimg" in out.getvalue()
    assert "loss D 1.23 G 17.50" in out.getvalue()
