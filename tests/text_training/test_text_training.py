import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from captiongan.base.cache import CACHE_VARIABLE
from captiongan.bundle.text_encoder import OnnxTextEncoder
from captiongan.data.store import open_store
from captiongan.errors import ConfigError, DataError, OutputError
from captiongan.text.colour_swap import swap_colours
from captiongan.text_training import stages, train
from captiongan.text_training.align import AlignmentData
from captiongan.text_training.corpus import held_out
from captiongan.text_training.train import TextPlan, TextReport, train_text_encoder
from support.command_line import captiongan
from support.tiny_exam import BlockMeans, WordEncoder

CPU = torch.device("cpu")
SHORT = TextPlan(data=("toy:60",), composed=120, epochs=1, align_epochs=1)


class Training:
    """One short training, what it said and what it left."""

    def __init__(self, plan: TextPlan, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.report: TextReport = train_text_encoder(
            plan, folder, WordEncoder(), BlockMeans(), CPU, self.said.append
        )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def shared_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(cache))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Training]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(cache))
        yield Training(SHORT, tmp_path_factory.mktemp("text") / "short")


def test_the_folder_is_an_encoder_with_its_report(short: Training) -> None:
    names = sorted(path.name for path in short.folder.iterdir())
    assert names == ["report.json", "text_encoder.onnx", "tokenizer.json"]
    encoder = OnnxTextEncoder(short.folder, "short")
    assert encoder.encode(["a red flower", "speckled wings"]).shape == (2, WordEncoder.dim)


def test_the_report_tells_what_was_learned_from_whom(short: Training) -> None:
    report = short.report
    assert (report.network, report.data) == ("small", ("toy:60",))
    assert report.teacher == "words (cdcdcdcdcdcd)"
    assert report.extractor is not None
    assert report.extractor.startswith("blocks")
    assert report.captions > 200
    assert 110 <= report.composed <= 120
    assert report.glosses == 0
    vocabulary = Tokenizer.from_file(str(short.folder / "tokenizer.json")).get_vocab_size()
    assert report.vocabulary == vocabulary
    assert -1 <= report.mean_cosine <= 1
    assert report.r_at_1 is None, "too few pictures are held out to tell"
    written = json.loads((short.folder / "report.json").read_text())
    assert written["mean_cosine"] == report.mean_cosine


def test_both_stages_are_told(short: Training) -> None:
    said = "\n".join(short.said)
    assert "aligning, epoch 1 of 1: loss " in said


def test_the_first_stage_is_remembered_and_gives_the_same_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(SHORT, align_epochs=0, seed=3)
    one = Training(plan, tmp_path / "one")
    assert "distilling, epoch 1 of 1: loss " in one.said[-1]
    monkeypatch.setattr(stages, "distill", None)  # as it is not called again
    other = Training(plan, tmp_path / "other")
    for name in ("text_encoder.onnx", "tokenizer.json"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_a_damaged_memory_is_learned_again(tmp_path: Path, cache: Path) -> None:
    plan = replace(SHORT, align_epochs=0, seed=4)
    Training(plan, tmp_path / "one")
    newest = max((cache / "encoders").iterdir(), key=lambda file: file.stat().st_mtime)
    newest.write_bytes(newest.read_bytes()[:1000])
    assert "distilling" in Training(plan, tmp_path / "other").said[-1]


def test_another_seed_or_length_is_another_first_stage(tmp_path: Path) -> None:
    for number, (seed, epochs) in enumerate(((5, 1), (5, 2), (6, 1))):
        plan = replace(SHORT, align_epochs=0, seed=seed, epochs=epochs)
        assert "distilling" in Training(plan, tmp_path / str(number)).said[-1]


def test_alignment_changes_the_encoder(tmp_path: Path, short: Training) -> None:
    distilled = Training(replace(SHORT, align_epochs=0), tmp_path / "distilled")
    assert distilled.report.extractor is None
    encoders = [OnnxTextEncoder(each.folder, "x") for each in (short, distilled)]
    one, other = (encoder.encode(["a red flower"]) for encoder in encoders)
    assert 1e-4 < np.abs(one - other).max() < 0.5


def test_the_char_cnn_rnn_learns_from_pictures_alone(tmp_path: Path) -> None:
    plan = TextPlan(data=("toy:20",), network="char-cnn-rnn", align_epochs=1)
    training = Training(plan, tmp_path / "characters")
    report = training.report
    assert (report.teacher, report.composed, report.epochs) == (None, 0, 0)
    assert training.said[-1].startswith("aligning")
    encoder = OnnxTextEncoder(training.folder, "characters")
    assert encoder.encode(["a red flower"]).shape == (1, WordEncoder.dim)


def test_what_is_held_out_is_kept_from_the_pictures_lessons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def look(_network: object, _pictures: object, pairs: AlignmentData, *_: object) -> None:
        seen.extend(pairs.pictures.tolist())

    monkeypatch.setattr(stages, "align", look)
    Training(SHORT, tmp_path / "out")
    apart = {number for number in range(60) if held_out(f"toy_{number:06}.png")}
    assert apart
    assert set(seen) == set(range(60)) - apart


def test_swapped_captions_are_those_of_the_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lessons: list[AlignmentData] = []
    monkeypatch.setattr(
        stages, "align", lambda _network, _pictures, pairs, *_: lessons.append(pairs)
    )
    training = Training(SHORT, tmp_path / "out")
    tokenizer = Tokenizer.from_file(str(training.folder / "tokenizer.json"))
    examples = [
        each for each in open_store("toy:60", 64, 64).examples if not held_out(each.file_name)
    ]
    swapped = [swap_colours(caption) for each in examples for caption in each.captions]
    expected = [tokenizer.encode(caption).ids if caption else None for caption in swapped]
    assert sum(1 for ids in expected if ids) > 50
    assert lessons[0].swapped == expected


def test_a_folder_that_exists_is_not_written_to(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="exists already"):
        Training(SHORT, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_refused_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said: list[str] = []
    with pytest.raises(OutputError, match="cannot be written"):
        train_text_encoder(
            SHORT, tmp_path / "file" / "out", WordEncoder(), BlockMeans(), CPU, said.append
        )
    assert said == []


def test_too_few_captions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few"):
        Training(replace(SHORT, data=("toy:2",)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_network_that_does_not_exist_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="--network 'bert': must be one of small, char-cnn-rnn"):
        replace(SHORT, network="bert")


def test_letters_cannot_be_learned_without_pictures() -> None:
    with pytest.raises(ConfigError, match="--align-epochs 0"):
        replace(SHORT, network="char-cnn-rnn", align_epochs=0)


# The command line


def test_the_command_trains_as_asked_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[TextPlan] = []

    def learn(plan: TextPlan, out: Path, *rest: Any) -> TextReport:
        asked.append(plan)
        return train_text_encoder(
            replace(plan, epochs=1), out, WordEncoder(), BlockMeans(), *rest[2:]
        )

    monkeypatch.setattr(train, "train_text_encoder", learn)
    out = tmp_path / "mine"
    arguments = ("--composed", 60, "--epochs", 2, "--align-epochs", 0, "--seed", 7)
    assert captiongan("text", "train", "toy:20", "toy:30", "--out", out, *arguments) == 0
    assert asked == [TextPlan(("toy:20", "toy:30"), "small", None, 60, 2, 0, 7)]
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{out}: mean cosine ")
    assert OnnxTextEncoder(out, "mine").encode(["red"]).shape == (1, WordEncoder.dim)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--network", "bert"), "--network 'bert': must be one of small, char-cnn-rnn"),
        (("--network", "char-cnn-rnn", "--align-epochs", 0), "give 1 or more"),
        (("--wordnet", "nowhere"), "WordNet folder 'nowhere' has no data.noun"),
    ],
)
def test_the_command_says_what_is_wrong_and_writes_nothing(
    arguments: tuple[object, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert captiongan("text", "train", "toy:20", "--out", out, *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not out.exists()
