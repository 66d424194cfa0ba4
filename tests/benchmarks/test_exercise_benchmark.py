"""The baseline of the speed figures does the same work as the training step."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from benchmarks.exercise import Exercise, decoded
from benchmarks.onnx_flops import flops_of
from benchmarks.performance import flops_as_trained, median_seconds
from benchmarks.performance_page import Figures, in_words
from benchmarks.step_profile import Part, parts_of
from captiongan.bundle.manifest import GENERATOR_FILE
from captiongan.loading import load
from captiongan.training.step import training_step
from support.tiny_run import CONFIG, EMBEDDING_DIM, random_batch, tiny_state


def test_the_straightforward_loop_has_the_losses_of_the_training_step_step_by_step() -> None:
    state, exercise = tiny_state(), Exercise.of(CONFIG, EMBEDDING_DIM)
    for seed in range(4):
        batch = random_batch(seed)
        figures = training_step(state, batch, CONFIG.losses)
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
    figures = Figures(
        step={"exercise, with decoding": 4.0, "exercise": 3.2, "ours": 1.6},
        parts={
            "exercise": [Part("convolutions, forward", 1.0, 160e9)],
            "ours": [Part("convolutions, forward", 0.75, 80e9), Part("copies", 0.25, 0)],
        },
        drawing={
            **{"one": 0.01, "text": 0.002, "demo": 0.2, "many": 0.32},
            **{"one drawn": 0.008, "many drawn": 0.32},
        },
        flops_of_picture={"trained": 400_000_000, "drawn": 240_000_000},
        flops_a_second=100e9,
        process_seconds=0.5,
        process_megabytes=130,
    )
    page = in_words(figures, "flowers")
    assert "| ours | 40.0 | 2.00 |" in page
    assert "| ours against the exercise with decoding | | 2.50 |" in page
    assert "2.00 times as many. Ours runs at 50 % of the ceiling, the exercise at 50 %" in page
    assert "products are 1.00 times as quick. At the ceiling itself ours would be 4.0 times" in page
    assert "| convolutions, forward | 75 % | 80 | 67 % |" in page
    assert "| copies | 25 % | | |" in page
    assert "200 ms, 20.0 times ours" in page
    assert "| 64 pictures | 320 ms, 200 a second |" in page
    assert "| one picture at a time | 8.0 ms | 30 | 30 % | 50 % |" in page
    assert "| 64 at a time | 5.0 ms | 48 | 48 % | 80 % |" in page
    assert "| training, times the exercise | at least 2.5 | 2 | no |" in page
    assert "| the same, times the exercise's demo | at least 15 | 20 | yes |" in page
    assert "| or the generator, % of the ceiling | at least 60 | 48 | no |" in page
    assert "| `captiongan generate`, seconds | at most 0.6 | 0.5 | yes |" in page


def test_the_parts_of_a_step_are_told_apart_and_their_flops_counted() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LeakyReLU(), nn.Flatten())
    pictures = torch.zeros(2, 3, 6, 6)
    parts = {part.kind: part for part in parts_of(lambda: network(pictures).sum().backward(), 2)}
    assert {"convolutions, forward", "convolutions, backward", "batch normalisation"} <= set(parts)
    assert parts["convolutions, forward"].flops == 2 * (2 * 4 * 4 * 4) * (3 * 3 * 3)
    assert parts["batch normalisation"].flops == 0
    assert sum(part.share for part in parts.values()) == pytest.approx(1)


@pytest.mark.parametrize("bundle", ["flowers", "flowers-lecture"])
def test_a_bundle_counts_as_many_flops_as_its_network_or_fewer(bundle: str) -> None:
    pipeline = load(bundle)
    drawn = flops_of(pipeline.bundle.folder / GENERATOR_FILE)
    trained = flops_as_trained(pipeline)
    assert 0.5 * trained < drawn <= trained
