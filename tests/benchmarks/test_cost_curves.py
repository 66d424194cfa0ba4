"""The cost curves: what is varied, the large data sets, what their page tells."""

from pathlib import Path

import pytest

from benchmarks import cost_curves
from benchmarks.cost_curves_page import Costs, Opening, curves, measured
from benchmarks.performance import PRESET
from captiongan.base.cache import cache_folder
from captiongan.data.folder import LoadedExample, read_captioned_folder
from captiongan.data.toy import captions, toy_flower
from captiongan.runs.load_config import load_config

COSTS = Costs(
    of_batches={8: 30.0, 64: 36.04},
    of_widths={16: 120.0, 64: 36.0},
    megabytes={8: 900, 64: 2345},
    openings={
        1_000: Opening(0.94, 0.0124, 0.004, 0.05),
        10_000: Opening(9.4, 0.12, 0.04, 0.5),
    },
)


@pytest.fixture(autouse=True)
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_curves, "DRAWN", 3)


def test_a_point_of_a_curve_is_the_preset_with_one_thing_changed() -> None:
    config = load_config(PRESET, cost_curves.options(batch=8), "toy")
    assert config.training.batch_size == 8
    assert config.generator.features == config.discriminator.features == 64
    config = load_config(PRESET, cost_curves.options(width=16), "toy")
    assert config.training.batch_size == 32
    assert config.generator.features == config.discriminator.features == 16


def test_a_large_data_set_has_all_pictures_with_captions_of_their_own(tmp_path: Path) -> None:
    cost_curves.write_linked_folder(tmp_path / "data", 8)
    items = list(read_captioned_folder(tmp_path / "data", 64))
    examples = [each.example for each in items if isinstance(each, LoadedExample)]
    assert [each.captions for each in examples] == [captions(toy_flower(0, i)) for i in range(8)]
    files = {path.stat().st_ino for path in (tmp_path / "data").glob("*.png")}
    assert len(files) == 3


def test_what_a_start_does_is_timed_part_by_part(tmp_path: Path) -> None:
    opening = cost_curves.opening(tmp_path / "data", 5, rounds=1)
    assert min(opening.prepared, opening.store, opening.pairs, opening.embeddings) > 0
    assert len(list(cache_folder("pictures").iterdir())) == 1


def test_the_page_has_a_row_for_each_point() -> None:
    page = measured(COSTS)
    assert "| 64 | 36.0 | 2,345 MB |" in page
    assert "| 16 | 120.0 |" in page
    assert "| 10,000 | 9.4 s | 120 ms | 40 ms | 500 ms |" in page
    assert "images/cost-curves.svg" in page


def test_every_curve_is_drawn() -> None:
    lines = [len(axes.get_lines()) for axes in curves(COSTS).get_axes()]
    assert lines == [1, 1, 1, 3]
