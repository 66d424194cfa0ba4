"""The baseline of the speed figures does the same work as the training step."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from captiongan.training.step import training_step
from exercise import Exercise, decoded
from performance import Figures, in_words, median_seconds
from tiny_run import CONFIG, EMBEDDING_DIM, random_batch, tiny_game


def test_the_straightforward_loop_has_the_losses_of_the_training_step_step_by_step() -> None:
    game, exercise = tiny_game(), Exercise.of(CONFIG, EMBEDDING_DIM)
    for seed in range(4):
        batch = random_batch(seed)
        figures = training_step(game, batch, CONFIG.losses)
        loss_d, loss_g = exercise.step(batch)
        torch.testing.assert_close(loss_d, figures["loss_d"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(loss_g, figures["loss_g"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [0, 255])
def test_its_pictures_are_squeezed_and_scaled(value: int, tmp_path: Path) -> None:
    Image.new("RGB", (90, 40), (value, 0, 255)).save(tmp_path / "a.png")
    (picture,) = decoded([tmp_path / "a.png"], 16)
    assert picture.shape == (3, 16, 16)
    assert picture[:, 3, 5].tolist() == [value / 127.5 - 1, -1, 1]


def test_works_take_turns_and_the_median_of_each_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    now = 0.0

    def work(name: str, *seconds: float) -> Callable[[], None]:
        lengths = iter(seconds)

        def take_a_while() -> None:
            nonlocal now
            now += next(lengths)
            turns.append(name)

        return take_a_while

    monkeypatch.setattr("time.perf_counter", lambda: now)
    works = {"one": work("one", 9, 1, 2, 9), "other": work("other", 9, 4, 5, 6)}
    assert median_seconds(works, rounds=3) == {"one": 2, "other": 5}
    assert turns == ["one", "other"] * 4


def test_the_page_has_the_ratios_of_what_was_measured() -> None:
    step = {"exercise, with decoding": 4.0, "exercise": 3.2, "ours": 1.6}
    drawing = {"one": 0.01, "demo": 0.2, "many": 0.32}
    page = in_words(Figures(step, drawing, 80e9, 100e9, 0.5, 130), "flowers")
    assert "| ours | 40.0 | 2.00 |" in page
    assert "| ours against the exercise with decoding | | 2.50 |" in page
    assert "runs at 50 % of what" in page
    assert "200 ms, 20.0 times ours" in page
    assert "| 64 pictures | 320 ms, 200 a second |" in page
