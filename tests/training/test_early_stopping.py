"""A run whose scores no longer improve stops, says why, and keeps its best checkpoint."""

import pytest

from captiongan.runs.options import ScoresConfig
from captiongan.training.early_stopping import reason_to_stop

PATIENT = ScoresConfig(patience=2)


def lines(*errors: float) -> list[dict[str, float]]:
    """Return a run's figures, a scoring every 2 kimg with readings in between."""
    scored = [{"kimg": 2.0 * number, "score_error": error} for number, error in enumerate(errors)]
    return [line for score in scored for line in (score, {"kimg": score["kimg"] + 1, "loss_d": 1})]


def test_so_many_scorings_without_a_better_one_end_a_run_in_words() -> None:
    words = reason_to_stop(lines(5, 3, 4, 3.5), PATIENT)
    assert "stopped early at 6 kimg" in words
    assert "the last 2 scores were no better than the one at 2 kimg" in words
    assert "--set scores.patience=4" in words


@pytest.mark.parametrize("errors", [(), (5,), (5, 3, 4), (5, 6, 4, 6), (5, 3, 4, 3)])
def test_a_run_that_improved_not_long_ago_goes_on(errors: tuple[float, ...]) -> None:
    assert reason_to_stop(lines(*errors), PATIENT) == ""


def test_without_patience_a_run_never_stops_early() -> None:
    assert reason_to_stop(lines(1, 2, 3, 4, 5), ScoresConfig(patience=0)) == ""
