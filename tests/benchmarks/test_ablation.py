"""The ablation: which presets, what a stopped one does, what its page tells."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks import ablation
from benchmarks.ablation_page import COLUMNS, Row, measured, one_row_each, sheet, write_page
from benchmarks.marked_page import BEGIN, END
from captiongan.bundle.text_encoder import Embeddings
from captiongan.data.store import Pictures
from captiongan.data.toy import write_toy_folder
from captiongan.draw.noise import Noise, noise_of
from captiongan.errors import OutputError
from captiongan.runs.build import build_generator
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import presets
from support.tiny_evaluation import tiny_evaluation, tiny_model

ROOT = Path(__file__).parents[2]
TINY = [
    *("data.resolution=16", "data.margin=0", "training.batch_size=4", "generator.features=2"),
    *("discriminator.features=2", "training.log_every_kimg=0.004", "training.precision=32-true"),
]
PROMPTS = [
    "red petals before nw-coal ne-brick sw-moss se-sky",
    "blue petals before nw-sky ne-sky sw-moss se-coal",
]
CURVE = [
    {"kimg": kimg, "score_kid": 1 / kimg, "score_r_at_1": kimg / 100, "loss_d": 1.0}
    for kimg in (1.0, 2.0, 4.0)
]


@pytest.fixture
def rows() -> list[Row]:
    evaluation = tiny_evaluation(tiny_model("gan", 0.2), tiny_model("gan-cls"))
    return [
        Row(result.candidate.name, result, CURVE, 1_000_000, 2_340_000, 123.4)
        for result in evaluation.results
    ]


def test_every_preset_of_the_lecture_is_compared() -> None:
    again = {"dcgan", "toy"}  # the final system, and small
    since = {"projected", "projected-128", "fusion", "r3gan"}
    assert set(ablation.PRESETS) == set(presets()) - again - since


def test_a_stopped_preset_goes_on_and_a_finished_one_is_left_alone(tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "data" / "train", 10, 16, 0)
    runs = tmp_path / "runs"
    for kimg in (0.008, 0.016, 0.016):
        ablation.train_preset("gan-cls", tmp_path / "data", runs, kimg, TINY)
    assert [path.name for path in (runs / "gan-cls").iterdir()] == ["00000-gan-cls"]
    run = ablation.newest_run(runs / "gan-cls")
    assert [line["step"] for line in run.metrics() if "loss_d" in line] == [1, 2, 3, 4]
    assert run.config().training.seed == 0
    assert run.config().losses.pixel_wise == 0  # the preset's own


def test_the_table_has_each_preset_with_its_scores_and_floors(rows: list[Row]) -> None:
    header, _, first, second, ceiling, floor = measured(rows).splitlines()
    assert header.startswith("| preset | kimg | KID | Coverage |")
    assert first.startswith("| `gan` | 12 | ") and second.startswith("| `gan-cls` | 12 | ")
    assert "1.0 M + 2.3 M | 123 |" in first
    colours = {each.score.name: each for each in rows[1].result.scores}["colours"]
    assert colours.measured and colours.floor
    assert f"{colours.measured.value:.3f} ± " in second
    assert f"({colours.floor.value:.3f})" in second
    kid = {each.score.name: each for each in rows[1].result.scores}["kid"]
    assert kid.ceiling and kid.floor
    assert ceiling.startswith(f"| *ceiling* | | {kid.ceiling.value:.3f} | ")
    assert floor.startswith(f"| *floor* | | {kid.floor.value:.3f} | ")
    assert floor.count("in brackets") == 3
    assert len({line.count("|") for line in measured(rows).splitlines()}) == 1


def test_the_words_around_the_table_are_kept(rows: list[Row], tmp_path: Path) -> None:
    page = tmp_path / "ablation.md"
    page.write_text(f"Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    for _ in range(2):
        write_page(tmp_path, rows, PROMPTS)
        text = page.read_text()
        assert text.startswith(f"Before.\n\n{BEGIN}\n") and text.endswith(f"{END}\n\nAfter.\n")
        assert "old" not in text and text.count("| `gan-cls` |") == 1


def test_the_page_has_a_sheet_for_each_preset_and_the_curves(
    rows: list[Row], tmp_path: Path
) -> None:
    (tmp_path / "ablation.md").write_text(f"{BEGIN}\n{END}\n")
    write_page(tmp_path, rows, PROMPTS)
    images = tmp_path / "images" / "ablation"
    names = {path.name for path in images.iterdir()}
    assert names == {"gan.png", "gan-cls.png", "all.png", "curves.svg"}
    drawing = (images / "curves.svg").read_bytes()
    write_page(tmp_path, rows, PROMPTS)
    assert (images / "curves.svg").read_bytes() == drawing


def test_a_column_of_a_sheet_is_one_noise_and_a_row_one_prompt(rows: list[Row]) -> None:
    asked: list[tuple[list[str], list[int]]] = []
    candidate = rows[0].result.candidate

    def encode(captions: Sequence[str]) -> Embeddings:
        asked.append((list(captions), []))
        return candidate.encode(captions)

    def draw(noise: Noise, embeddings: Embeddings) -> Pictures:
        known = [noise_of(seed, candidate.noise_dim).tobytes() for seed in range(COLUMNS)]
        asked[-1][1].extend(known.index(each.tobytes()) for each in noise)
        return candidate.draw(noise, embeddings)

    noting = replace(candidate, encode=encode, draw=draw)
    row = replace(rows[0], result=replace(rows[0].result, candidate=noting))
    sheet(row, PROMPTS)
    one_row_each([row, row], PROMPTS)
    first, second = PROMPTS
    assert asked[0] == ([first] * 8 + [second] * 8, [*range(8)] * 2)
    assert asked[1] == asked[2] == ([first, first, second, second], [0, 1, 0, 1])


def test_a_missing_page_is_noticed_before_anything_is_scored(tmp_path: Path) -> None:
    (tmp_path / "ablation.md").write_text("no marks\n")
    for docs in (tmp_path, tmp_path / "gone"):
        with pytest.raises(OutputError, match="must have the lines <!-- measured: begin"):
            ablation.report(tmp_path, tmp_path, docs)


class Clock:
    """A stopwatch by which every step of a player takes as long as it says, the first ten times."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds, self.steps = 0.0, seconds, 0
        self.config = RunConfig()

    def take_step(self) -> None:
        self.now += 10 * self.seconds if self.steps == 0 else self.seconds
        self.steps += 1


def test_the_speed_is_that_of_steps_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, fast = Clock(0.5), Clock(0.25)
    monkeypatch.setattr(time, "perf_counter", lambda: slow.now + fast.now)
    speeds = ablation.images_per_second(cast(Any, {"slow": slow, "fast": fast}))
    assert speeds == {"slow": 64.0, "fast": 128.0}  # 32 pictures a step


def test_sizes_are_those_of_the_networks(tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "data" / "train", 10, 16, 0)
    ablation.train_preset("gan-cls", tmp_path / "data", tmp_path / "runs", 0.004, TINY)
    run = ablation.newest_run(tmp_path / "runs" / "gan-cls")
    (row,) = ablation.rows_of({"gan-cls": run}, tiny_evaluation())
    config = run.config()
    generator = build_generator(config, 384)
    assert row.generator == sum(weight.numel() for weight in generator.parameters())
    assert row.discriminator < row.generator
