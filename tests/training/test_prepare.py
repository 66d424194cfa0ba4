"""What is prepared is what training opens: nothing is decoded or encoded after it."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from captiongan.bundle.text_encoder import Embeddings, TextEncoder
from captiongan.data import store
from captiongan.data.toy import write_toy_folder
from captiongan.evaluation import extractors, probe_training
from captiongan.runs.config import RunConfig
from captiongan.runs.options import ScoresConfig, TextConfig
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.text.no_text import NoText
from captiongan.training import facing, self_scoring
from captiongan.training import prepare as preparing
from captiongan.training.batches import TrainingData
from captiongan.training.prepare import prepare
from captiongan.training.self_scoring import RunScores
from support.command_line import captiongan
from support.tiny_bundle import write_parts
from support.tiny_exam import BlockMeans, WordEncoder
from support.tiny_run import CONFIG, StubEncoder

Told = pytest.CaptureFixture[str]

ENCODERS: dict[str, TextEncoder] = {
    "small": StubEncoder(),
    "minilm": WordEncoder(),
    "none": NoText(),
}


class Counting:
    """Another encoder, and the texts that it was asked for."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.identity, self.dim = encoder.identity, encoder.dim
        self.texts: list[str] = []
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> Embeddings:
        self.texts += texts
        return self._encoder.encode(texts)


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> dict[str, Counting]:
    """The encoders by name; they note what they encode."""
    counting = {name: Counting(encoder) for name, encoder in ENCODERS.items()}
    for module in (preparing, self_scoring):
        monkeypatch.setattr(module, "choose_encoder", counting.__getitem__)
    return counting


def refuse_to_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(store, "_build", fail)


def open_training(config: RunConfig, encoders: dict[str, Counting]) -> None:
    """Open all that a training opens before its first step."""
    TrainingData.open(config, CachedTextEncoder(encoders[config.text.encoder]))
    if config.scores.every_kimg:
        RunScores.open(config, StubEncoder(), torch.device("cpu"), print)


def prepared(config: RunConfig) -> list[str]:
    return list(prepare(config, print))


def changed(section: str, **values: object) -> RunConfig:
    part = getattr(CONFIG, section).model_copy(update=values)
    return CONFIG.model_copy(update={section: part})


def test_a_prepared_training_with_scores_decodes_and_encodes_nothing(
    encoders: dict[str, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = changed("data", source="toy:500")
    monkeypatch.setattr(probe_training, "STEPS", 2)
    monkeypatch.setitem(extractors.EXTRACTORS, "lite0", lambda *_: BlockMeans("lite0"))
    prepared(config)
    asked = {name: list(encoder.texts) for name, encoder in encoders.items()}
    assert asked["small"] and asked["minilm"]
    refuse_to_decode(monkeypatch)
    open_training(config, encoders)
    assert {name: encoder.texts for name, encoder in encoders.items()} == asked


def test_which_pictures_face_the_other_way_is_found_before_the_training(
    encoders: dict[str, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = changed("data", facing=True)
    monkeypatch.setattr(facing, "STANDS_OUT", 0)  # whether these face two ways or not
    first = [line for line in prepared(config) if "turned to face one way" in line]
    assert re.fullmatch(r"turned to face one way: \d+ of them: 10 analysed in .*", first[0])

    def fail() -> None:
        raise AssertionError("looked at again")

    monkeypatch.setattr(facing, "_lite0", fail)
    open_training(config, encoders)
    assert prepared(config)[-1] == "all was there already"


def test_what_is_scored_without_a_judge_is_prepared_without_its_encoder(
    encoders: dict[str, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = changed("data", source="toy:60")
    monkeypatch.setitem(extractors.EXTRACTORS, "lite0", lambda *_: BlockMeans("lite0"))
    prepared(config)
    refuse_to_decode(monkeypatch)
    open_training(config, encoders)
    assert not encoders["minilm"].texts


@pytest.mark.parametrize(
    "config",
    [
        changed("data", margin=0),
        changed("data", squash=True),
        changed("data", resolution=32),
        changed("text", captions="first"),
        changed("scores", every_kimg=0),
    ],
    ids=["margin", "squash", "resolution", "captions", "scores"],
)
def test_whatever_the_configuration_what_is_prepared_is_what_training_opens(
    config: RunConfig, encoders: dict[str, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(config)
    asked = list(encoders["small"].texts)
    refuse_to_decode(monkeypatch)
    open_training(config, encoders)
    assert encoders["small"].texts == asked
    assert not encoders["minilm"].texts  # ten pictures are too few to be scored by


def test_only_captions_that_a_training_reads_are_encoded(encoders: dict[str, Counting]) -> None:
    prepared(changed("text", captions="first"))
    first = len(encoders["small"].texts)
    assert 0 < first <= 10
    prepared(CONFIG)
    assert first < len(encoders["small"].texts) <= 50


@pytest.mark.usefixtures("encoders")
def test_without_text_nothing_is_encoded() -> None:
    config = CONFIG.model_copy(
        update={"text": TextConfig(encoder="none"), "scores": ScoresConfig(every_kimg=0)}
    )
    pictures, ready = prepared(config)
    assert (pictures.startswith("to learn from: 10 pictures"), ready) == (True, "ready to train")


def options(words: Path) -> list[object]:
    settings = ["data.resolution=16", "data.margin=3", f"text.encoder={words}"]
    return [part for setting in settings for part in ("--set", setting)]


def test_the_command_tells_what_it_did_and_the_second_time_that_all_is_there(
    tmp_path: Path, capsys: Told
) -> None:
    data, words = tmp_path / "flowers", tmp_path / "words"
    write_toy_folder(data, 12, 20)
    (data / "toy_000003.png").write_bytes(b"no picture")
    write_parts(words)
    assert captiongan("data", "prepare", data, *options(words)) == 0
    learned, captions, scored, ready = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"to learn from: 11 pictures of 19 x 19, 1 lines rejected: "
        r"11 decoded in \d+\.\d s, [\d,]+ a second",
        learned,
    )
    assert re.fullmatch(
        r"their 55 captions by encoder words \(.*\): 55 encoded in .* s, [\d,]+ a second", captions
    )
    assert scored.startswith("to be scored by: 11 pictures of 16 x 16, 1 lines rejected: 11 dec")
    assert ready == "ready to train"

    assert captiongan("data", "prepare", data, *options(words)) == 0
    *parts, ready = capsys.readouterr().out.splitlines()
    assert [part.rpartition(": ")[2] for part in parts] == ["there already"] * 3
    assert ready == "all was there already"


@pytest.mark.usefixtures("encoders")
def test_long_work_says_from_time_to_time_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "SECONDS_BETWEEN_LINES", 0)
    told: list[str] = []
    list(prepare(CONFIG, told.append))
    assert len([line for line in told if " pictures decoded, " in line]) == 10 + 10
    assert len([line for line in told if " new captions encoded, " in line]) == 1


def test_ray_has_no_effect_and_a_warning_says_what_to_use_instead(
    tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    write_parts(tmp_path / "words")
    with pytest.warns(FutureWarning, match=r"--ray 'auto' has no effect.*copy the cache folder"):
        command = ("data", "prepare", "toy:10", *options(tmp_path / "words"), "--ray", "auto")
        assert captiongan(*command) == 0
    assert capsys.readouterr().out.endswith("\nready to train\n")


def test_a_stop_is_code_130_and_keeps_what_was_done_to_its_end(
    tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    write_parts(tmp_path / "words")
    command = ("data", "prepare", "toy:10", *options(tmp_path / "words"))
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "choose_encoder", stop)
        assert captiongan(*command) == 130
    assert "stopped; the parts that were finished are kept" in capsys.readouterr().err
    assert captiongan(*command) == 0
    assert "10 pictures of 19 x 19, 0 lines rejected: there already" in capsys.readouterr().out


def test_preparing_what_is_there_needs_no_pytorch(tmp_path: Path) -> None:
    write_parts(tmp_path / "words")
    code = "import sys; sys.modules['torch'] = None; from captiongan.cli import main; main()"
    settings = [*options(tmp_path / "words"), "--set", "scores.every_kimg=0"]
    command = [sys.executable, "-c", code, "data", "prepare", "toy:10", *map(str, settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nready to train\n")
