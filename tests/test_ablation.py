"""The ablation: which presets, what a stopped one does, what its page tells."""

from pathlib import Path

import pytest

import ablation
from ablation_page import BEGIN, END, Row, measured, write_page
from captiongan.data.toy import write_toy_folder
from tiny_evaluation import tiny_evaluation, tiny_model

ROOT = Path(__file__).parent.parent
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
        Row(paper.candidate.name, paper, CURVE, 1_000_000, 2_340_000, 123.4)
        for paper in evaluation.papers
    ]


def test_every_preset_of_the_lecture_is_compared() -> None:
    presets = {path.stem for path in (ROOT / "configs").glob("*.yaml")}
    assert set(ablation.PRESETS) == presets - {"dcgan", "toy"}  # the final system again, and small


def test_a_stopped_preset_goes_on_and_a_finished_one_is_left_alone(tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "data" / "train", 10, 16, 0)
    runs = tmp_path / "runs"
    for kimg in (0.008, 0.016, 0.016):
        ablation.train_preset("gan-cls", tmp_path / "data", runs, kimg, TINY)
    assert [path.name for path in (runs / "gan-cls").iterdir()] == ["00000-gan-cls"]
    run = ablation.newest_run(runs / "gan-cls")
    assert [line["step"] for line in run.metrics()] == [1, 2, 3, 4]
    assert run.config().training.seed == 0
    assert run.config().losses.pixel_wise == 0  # the preset's own


def test_the_table_has_each_preset_with_its_scores_and_floors(rows: list[Row]) -> None:
    header, _, first, second, ceiling, floor = measured(rows).splitlines()
    assert header.startswith("| preset | kimg | KID | Coverage |")
    assert first.startswith("| `gan` | 12 | ") and second.startswith("| `gan-cls` | 12 | ")
    assert "1.0 M + 2.3 M | 123 |" in first
    colours = {each.score.name: each for each in rows[1].paper.marks}["colours"]
    assert colours.measured and colours.floor
    assert f"{colours.measured.value:.3f} ± " in second
    assert f"({colours.floor.value:.3f})" in second
    assert ceiling.startswith("| *ceiling* |") and floor.count("in brackets") == 3
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


def test_speeds_are_measured_for_each_preset(tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "data" / "train", 10, 16, 0)
    ablation.train_preset("gan-cls", tmp_path / "data", tmp_path / "runs", 0.004, TINY)
    run = ablation.newest_run(tmp_path / "runs" / "gan-cls")
    (row,) = ablation.rows_of({"gan-cls": run}, tiny_evaluation())
    assert row.images_per_second > 0
    assert row.generator > row.discriminator > 1000
