"""`captiongan evaluate` as a person uses it: toy flowers, the tiny bundle, stand-in networks."""

import json
from pathlib import Path

import pytest

from captiongan.bundle.bundle import Bundle
from captiongan.data.toy import write_toy_folder
from captiongan.evaluation import evaluate, extractors, probe_training
from support.command_line import captiongan
from support.tiny_bundle import ranker, write_tiny_bundle
from support.tiny_exam import STEPS, WordEncoder, blocks

PROMPT = "a yellow flower with pointed petals"


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set with both splits; networks are stood in for by small ones."""
    for split, size, seed in (("train", 120, 0), ("test", 110, 1)):
        write_toy_folder(tmp_path / "flowers" / split, size, 16, seed)
    monkeypatch.setattr(evaluate, "MiniLM", WordEncoder)
    monkeypatch.setattr(probe_training, "STEPS", STEPS)
    stand_ins = {name: blocks(name) for name in ("lite0", "lite1")}
    monkeypatch.setattr(extractors, "EXTRACTORS", stand_ins)
    return tmp_path / "flowers"


def test_a_bundle_is_scored_and_a_report_is_left(
    tiny: Bundle, flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reports" / "tiny"
    code = captiongan("evaluate", tiny.folder, "--data", flowers, "--out", out, "--per-picture", 4)
    shown = capsys.readouterr()
    assert code == 0
    assert "KID" in shown.out and str(out / "report.html") in shown.out
    facts = json.loads((out / "report.json").read_text())
    (model,) = facts["models"]
    assert facts["data"]["pictures"] == 110
    assert model["scores"]["kid"]["n"] == 440
    assert facts["extractor"]["input_sides"] == [96, 128, 160, 224]
    assert "by side" in shown.out and "128 px" in shown.out
    assert "10 pictures" in model["scores"]["top_1"]["omitted"]
    assert "<html" in (out / "report.html").read_text()


def test_pictures_that_the_train_split_has_as_well_are_counted(
    tiny: Bundle, flowers: Path, tmp_path: Path
) -> None:
    write_toy_folder(tmp_path / "copy" / "test", 110, 16, 0)  # the first 110 of the train split
    (tmp_path / "copy" / "train").symlink_to(flowers / "train")
    out = ("--out", tmp_path / "report", "--per-picture", 1)
    assert captiongan("evaluate", tiny.folder, "--data", tmp_path / "copy", *out) == 0
    facts = json.loads((tmp_path / "report" / "report.json").read_text())
    assert facts["data"]["also_in_train"] == 110


def test_two_bundles_of_one_name_are_told_apart_and_compared(
    tiny: Bundle, flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data", flowers, "--out", tmp_path / "report", "--per-picture", 1)
    assert captiongan("evaluate", tiny.folder, tiny.folder, *arguments) == 0
    shown = capsys.readouterr().out
    assert "kid: tiny #2 - tiny #1 = +0.0000 (+0.0000 to +0.0000), within the noise" in shown


def test_one_side_alone_may_be_asked_for(tiny: Bundle, flowers: Path, tmp_path: Path) -> None:
    arguments = ("--data", flowers, "--out", tmp_path / "report", "--per-picture", 1)
    assert captiongan("evaluate", tiny.folder, *arguments, "--sides", "128") == 0
    facts = json.loads((tmp_path / "report" / "report.json").read_text())
    assert facts["extractor"]["input_sides"] == [128]
    assert facts["models"][0]["scores"]["kid"]["by_side"] == {}


def test_a_report_of_truncated_noise_says_so(tiny: Bundle, flowers: Path, tmp_path: Path) -> None:
    arguments = ("--data", flowers, "--out", tmp_path / "report", "--per-picture", 1)
    assert captiongan("evaluate", tiny.folder, *arguments, "--truncation", 0.5) == 0
    (model,) = json.loads((tmp_path / "report" / "report.json").read_text())["models"]
    assert model["truncation"] == model["scores"]["kid"]["truncation"] == 0.5
    assert ", truncation 0.5</p>" in (tmp_path / "report" / "report.html").read_text()


def test_the_best_of_several_are_scored_and_the_report_says_so(
    flowers: Path, tmp_path: Path
) -> None:
    ranked = write_tiny_bundle(tmp_path / "ranked", ranker=ranker()).folder
    (tmp_path / "prompts.txt").write_text(f"{PROMPT}\n")
    arguments = ("--data", flowers, "--per-picture", 1, "--public", tmp_path / "prompts.txt")
    scores = []
    for best_of in (1, 3):
        out = tmp_path / f"best-of-{best_of}"
        assert captiongan("evaluate", ranked, *arguments, "--out", out, "--best-of", best_of) == 0
        (model,) = json.loads((out / "report.json").read_text())["models"]
        assert model["best_of"] == model["scores"]["kid"]["best_of"] == best_of
        assert (", best of 3</p>" in (out / "report.html").read_text()) == (best_of == 3)
        scores.append(model["scores"]["kid"]["value"])
    assert scores[0] != scores[1]


def test_a_public_report_shows_the_given_prompts_and_no_caption(
    tiny: Bundle, flowers: Path, tmp_path: Path
) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(f"{PROMPT}\n")
    arguments = ("--data", flowers, "--out", tmp_path / "report", "--public", prompts)
    assert captiongan("evaluate", tiny.folder, *arguments, "--per-picture", 1) == 0
    page = (tmp_path / "report" / "report.html").read_text()
    examples = map(json.loads, (flowers / "test" / "metadata.jsonl").read_text().splitlines())
    captions = [caption for example in examples for caption in example["text"]]
    assert PROMPT in page
    assert not any(caption in page for caption in captions)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--split", "valid"), "has no folder 'valid'"),
        (("--extractor", "vgg"), "choose lite0, lite1"),
        (("--sides", "96,96"), "give one or more sides, each of them once"),
        (("--sides", "96;128"), "whole numbers separated by commas"),
        (("--per-picture", "1000"), "at most 50,000 can be scored; take 454"),
        (("--truncation", "nan"), "truncation nan is not a number above 0"),
        (("--best-of", "65"), "best_of 65 is not a whole number from 1 to 64"),
        (("--best-of", "4"), "--best-of 4: 'tiny' has no ranker.onnx; teach a copy"),
        (("--public", "absent.txt"), "--public 'absent.txt' cannot be read"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line_that_says_why(
    tiny: Bundle,
    flowers: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    out = ("--out", tmp_path / "report")
    assert captiongan("evaluate", tiny.folder, "--data", flowers, *out, *arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and says in error


def test_a_prompt_that_cannot_be_drawn_is_refused_before_anything_is_scored(
    tiny: Bundle, flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a red\x07 flower\n")
    assert captiongan("evaluate", tiny.folder, "--data", flowers, "--public", prompts) == 2
    error = capsys.readouterr().err
    assert "control character" in error
    assert "drawing" not in error


def test_a_place_for_the_report_is_looked_at_before_anything_is_scored(
    tiny: Bundle, flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "report"
    assert captiongan("evaluate", tiny.folder, "--data", flowers, "--out", out) == 2
    error = capsys.readouterr().err
    assert "error: --out" in error
    assert "drawing" not in error
