"""Teaching a bundle to restyle."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from captiongan.bundle.bundle import Bundle, read_bundle, write_bundle
from captiongan.bundle.manifest import CRITIC_FILE, MODEL_FILES, STYLE_FILE
from captiongan.bundle.model_card import with_style_section
from captiongan.bundle.text_encoder import Embeddings
from captiongan.data.store import captions_of
from captiongan.draw.picture import Picture
from captiongan.draw.pipeline import Pipeline, Pixels
from captiongan.draw.sessions import STYLE_ENCODER, open_network
from captiongan.errors import BundleError, CaptionganError, ConfigError, OutputError
from captiongan.training import train_style_encoder
from captiongan.training.train_style_encoder import BATCH, EVALUATED, StyleReport, teach_style
from captiongan.version import __version__
from support.command_line import captiongan
from support.little_room import room_for
from support.tiny_bundle import write_tiny_bundle

DATA = ["toy:4"]
KIMG = 20.0
STYLE = {"kimg": 0.1, "captions": 3, "data": ["toy"], "recovered": 0.5, "captiongan": "9"}


def silent(_: str) -> None:
    pass


class Taught:
    """The tiny bundle, taught to restyle, and what was told of it."""

    def __init__(self, folder: Path) -> None:
        self.plain = write_tiny_bundle(folder / "plain")
        self.told: list[str] = []
        self.report: StyleReport = teach_style(
            self.plain.folder, DATA, folder / "taught", KIMG, seed=0, say=self.told.append
        )
        self.bundle: Bundle = read_bundle(folder / "taught")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return Taught(tmp_path_factory.mktemp("style"))


def pixels(pictures: Sequence[Picture]) -> npt.NDArray[np.float64]:
    return np.stack([np.asarray(picture.image, float) for picture in pictures])


def test_a_taught_bundle_reads_the_noise_of_pictures_that_it_never_saw(taught: Taught) -> None:
    pipeline = Pipeline(taught.bundle)
    original = pipeline.generate("a red flower", n=50, seed=1000)
    restyled = [pipeline.restyle(each.image, [each.prompt])[0] for each in original]
    strangers = pipeline.generate("a red flower", n=50, seed=2000)
    missed = np.abs(pixels(restyled) - pixels(original)).mean()
    assert missed < 0.5 * np.abs(pixels(strangers) - pixels(original)).mean()


def test_the_report_tells_how_much_of_the_noise_is_read(taught: Taught) -> None:
    assert 0.5 < taught.report.recovered < 1
    assert taught.told[-1].startswith("20.0 of 20.0 kimg: loss 0.")


def test_what_is_told_to_be_read_is_what_the_written_file_reads(
    taught: Taught, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    draw = Pipeline.draw

    def noted(pipeline: Pipeline, noise: npt.NDArray[np.float32], texts: Embeddings) -> Pixels:
        batches.append((noise, draw(pipeline, noise, texts)))
        return batches[-1][1]

    monkeypatch.setattr(Pipeline, "draw", noted)
    report = teach_style(taught.plain.folder, DATA, tmp_path / "out", 1, 0, silent)
    assert len(batches) == EVALUATED + 16  # a thousand pictures and a few
    held_out = batches[:EVALUATED]
    assert len({noise.tobytes() for noise, _ in batches}) == len(batches)
    session = open_network(read_bundle(tmp_path / "out"), STYLE_ENCODER)
    read = np.concatenate([session.run(None, {"pictures": shown})[0] for _, shown in held_out])
    noise = np.concatenate([noise for noise, _ in held_out])
    recovered = 1 - np.square(noise - read).mean() / np.square(noise).mean()
    assert report.recovered == pytest.approx(recovered, abs=1e-6)


def test_batches_are_drawn_of_all_captions(taught: Taught, monkeypatch: pytest.MonkeyPatch) -> None:
    captions = ["red", "yellow", "flower"]
    drawn: list[Embeddings] = []

    def noted(_: Pipeline, noise: npt.NDArray[np.float32], texts: Embeddings) -> Pixels:
        drawn.append(texts)
        return np.zeros((len(noise), 8, 8, 3), np.uint8)

    monkeypatch.setattr(Pipeline, "draw", noted)
    pipeline = Pipeline(taught.plain)
    for _ in itertools.islice(
        train_style_encoder._batches(pipeline, captions, np.random.default_rng(0)), 2
    ):
        pass
    rows = {row.tobytes() for row in np.concatenate(drawn)}
    assert rows == {row.tobytes() for row in pipeline.encode(captions)}
    assert len(np.concatenate(drawn)) == 2 * BATCH


def test_only_the_style_encoder_is_added(taught: Taught) -> None:
    plain, bundle = taught.plain, taught.bundle
    assert bundle.can_restyle and not plain.can_restyle
    for file in MODEL_FILES:
        assert bundle.manifest.files[file] == plain.manifest.files[file]
    assert (bundle.manifest.name, bundle.manifest.version) == ("tiny", "0.1.0")


def test_what_is_taught_keeps_its_discriminator(tmp_path: Path) -> None:
    plain = write_tiny_bundle(tmp_path / "plain", critic=b"weights")
    teach_style(plain.folder, DATA, tmp_path / "taught", 0.1, 0, silent)
    taught = read_bundle(tmp_path / "taught")
    assert taught.can_restyle and taught.has_critic
    assert (taught.folder / CRITIC_FILE).read_bytes() == b"weights"


def test_manifest_and_card_tell_how_the_style_encoder_was_trained(taught: Taught) -> None:
    facts = json.loads((taught.bundle.folder / "bundle.json").read_text())["training"]
    style = facts["style"]
    assert style["kimg"] == pytest.approx(KIMG, abs=BATCH / 1000)
    assert (style["data"], style["captions"]) == (["toy:4"], 20)
    assert (style["seed"], style["captiongan"]) == (0, __version__)
    assert facts["kimg"] == 1.5  # what was there before is still there
    card = (taught.bundle.folder / "README.md").read_text()
    assert card.startswith("# tiny\n") and "## Restyling" in card
    assert f"{100 * taught.report.recovered:.0f} % of the noise's variance" in card


@pytest.mark.parametrize("after", ["", "## Limits\n\nNone.\n", "# Appendix\n\nMore.\n"])
def test_a_section_of_the_card_is_replaced_and_the_others_are_kept(after: str) -> None:
    once = with_style_section("# tiny\n\nText.\n", {**STYLE, "kimg": 7})
    again = with_style_section(f"{once}\n{after}", STYLE)
    assert again.count("## Restyling") == 1
    assert "0.1 kimg" in again and "7 kimg" not in again
    assert again.startswith("# tiny\n\nText.\n") and after.rstrip() in again


def test_a_bundle_can_be_taught_anew(taught: Taught, tmp_path: Path) -> None:
    again = teach_style(taught.bundle.folder, DATA, tmp_path / "again", 0.1, 1, silent)
    assert again.kimg == 0.128  # two batches
    assert (tmp_path / "again" / "README.md").read_text().count("## Restyling") == 1


def test_the_seed_decides_first_weights_and_lessons(
    taught: Taught, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encoder(name: str, seed: int) -> bytes:
        teach_style(taught.plain.folder, DATA, tmp_path / name, 0.1, seed, silent)
        return (tmp_path / name / STYLE_FILE).read_bytes()

    three = encoder("three", 3)
    assert encoder("three again", 3) == three != encoder("four", 4)
    monkeypatch.setattr(torch, "manual_seed", lambda _: None)
    assert encoder("other weights", 3) != three


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11])
def test_any_length_can_be_trained(taught: Taught, tmp_path: Path, steps: int) -> None:
    kimg = steps * BATCH / 1000
    assert teach_style(taught.plain.folder, DATA, tmp_path / "out", kimg, 0, silent).kimg == kimg


@pytest.mark.parametrize("kimg", [0.0, -1.0, float("inf"), float("nan"), 1e300])
def test_a_length_that_breaks_its_rule_is_refused(taught: Taught, kimg: float) -> None:
    with pytest.raises(ConfigError, match=r"--kimg .* must be above 0, and 1e6 at most"):
        teach_style(taught.plain.folder, DATA, Path("out"), kimg, 0, silent)


def blocked(tiny: Bundle, folder: Path, fault: str) -> tuple[Path, Path]:
    """Return a bundle and a place for the new one of which one cannot be used."""
    out = folder / "out"
    if fault == "taken":
        out.mkdir()
        (out / "file").touch()
    if fault == "under a file":
        (folder / "file").touch()
        out = folder / "file" / "out"
    if fault == "no card":
        (tiny.folder / "README.md").unlink()
    if fault == "card not UTF-8":
        (tiny.folder / "README.md").write_bytes("# Bl\xfcten".encode("latin-1"))
    if fault == "no sample":
        (tiny.folder / "sample.png").unlink()
    return tiny.folder, out


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("taken", "exists already"),
        ("under a file", "is not a writable folder"),
        ("no card", r"no readable README\.md"),
        ("card not UTF-8", r"README\.md is not UTF-8"),
        ("no sample", r"no readable sample\.png"),
    ],
)
def test_what_would_lose_the_training_is_refused_before_it(
    tiny: Bundle, tmp_path: Path, fault: str, rule: str
) -> None:
    bundle, out = blocked(tiny, tmp_path, fault)
    told: list[str] = []
    with pytest.raises((BundleError, OutputError), match=rule):
        teach_style(bundle, DATA, out, 0.1, 0, told.append)
    assert not told


def test_pictures_of_a_side_that_cannot_be_halved_to_4_are_refused(
    tiny: Bundle, tmp_path: Path
) -> None:
    manifest = json.loads((tiny.folder / "bundle.json").read_text())
    (tiny.folder / "bundle.json").write_text(json.dumps(manifest | {"resolution": 48}))
    with pytest.raises(BundleError, match="of side 48: must be a power of two from 8 up"):
        teach_style(tiny.folder, DATA, tmp_path / "out", 0.1, 0, silent)


def test_a_taught_bundle_that_is_not_whole_is_not_written(tiny: Bundle, tmp_path: Path) -> None:
    files: dict[str, Path | bytes] = {
        path.name: path for path in tiny.folder.iterdir() if path.name != "bundle.json"
    }
    with pytest.raises(CaptionganError, match=f"and perhaps {STYLE_FILE}"):
        write_bundle(tmp_path / "out", files | {"more.onnx": b""}, tiny.manifest)


def test_the_command_writes_a_bundle_that_restyles(
    tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ["--out", out, "--kimg", 0.2, "--seed", 7]
    assert captiongan("style", "train", tiny.folder, "toy:4", *options) == 0
    assert "% of the noise's variance" in capsys.readouterr().out
    bundle = read_bundle(out)
    assert bundle.can_restyle
    style = bundle.manifest.training.style
    assert style is not None
    assert (style["seed"], style["kimg"]) == (7, 0.256)


def test_a_full_disk_for_temporary_files_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    plain = write_tiny_bundle(tmp_path / "plain")
    captions_of(DATA)  # so that the cache has them
    told = pytest.raises(OutputError, match=r"a temporary file cannot be .*style_encoder\.onnx")
    with room_for(2000), told:
        teach_style(plain.folder, DATA, tmp_path / "taught", 0.1, 0, silent)
    assert not (tmp_path / "taught").exists()
