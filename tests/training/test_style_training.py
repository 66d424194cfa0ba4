"""Teaching a bundle to restyle."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from captiongan.bundle import MODEL_FILES, Bundle, read_bundle
from captiongan.errors import OutputError
from captiongan.pipeline import Pipeline
from captiongan.style_training import StyleReport, teach_style
from command_line import captiongan
from tiny_bundle import write_tiny_bundle

CAPTIONS = ["a red flower", "a yellow flower", "a flower with pointed petals"]
KIMG = 20.0


class Taught:
    """The tiny bundle, taught to restyle, and what was told of it."""

    def __init__(self, folder: Path) -> None:
        self.plain = write_tiny_bundle(folder / "plain")
        self.told: list[tuple[float, float]] = []
        self.report: StyleReport = teach_style(
            self.plain.folder,
            CAPTIONS,
            folder / "taught",
            KIMG,
            seed=0,
            on_progress=lambda done, loss: self.told.append((done, loss)),
        )
        self.bundle: Bundle = read_bundle(folder / "taught")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return Taught(tmp_path_factory.mktemp("style"))


def test_a_taught_bundle_reads_the_noise_of_pictures_that_it_never_saw(taught: Taught) -> None:
    pipeline = Pipeline(taught.bundle)
    original = pipeline.generate(CAPTIONS[0], n=50, seed=1000)
    restyled = [pipeline.restyle(each.image, [each.prompt])[0] for each in original]
    strangers = pipeline.generate(CAPTIONS[0], n=50, seed=2000)

    def distance(others: list[npt.NDArray[np.float64]]) -> float:
        return float(np.mean([np.abs(a - b).mean() for a, b in zip(pixels, others, strict=True)]))

    pixels, again, other = (
        [np.asarray(each.image, float) for each in pictures]
        for pictures in (original, restyled, strangers)
    )
    assert distance(again) < 0.5 * distance(other)


def test_the_report_tells_how_much_of_the_noise_is_read(taught: Taught) -> None:
    assert 0.5 < taught.report.recovered < 1
    assert taught.told[-1][0] == pytest.approx(KIMG, abs=0.1)
    assert 0 < taught.told[-1][1] < 0.5


def test_only_the_style_encoder_is_added(taught: Taught) -> None:
    plain, bundle = taught.plain, taught.bundle
    assert bundle.can_restyle and not plain.can_restyle
    for file in MODEL_FILES:
        assert bundle.manifest.files[file] == plain.manifest.files[file]
    assert (bundle.manifest.name, bundle.manifest.version) == ("tiny", "0.1.0")


def test_manifest_and_card_tell_how_the_style_encoder_was_trained(taught: Taught) -> None:
    facts = json.loads((taught.bundle.folder / "bundle.json").read_text())["training"]
    assert facts["style"]["kimg"] == KIMG and facts["style"]["captions"] == len(CAPTIONS)
    assert facts["data"] == "toy"  # what was there before is still there
    card = (taught.bundle.folder / "README.md").read_text()
    assert card.startswith("# tiny\n") and "## Restyling" in card
    assert f"{100 * taught.report.recovered:.0f} % of the noise's variance" in card


def test_a_bundle_can_be_taught_anew(taught: Taught, tmp_path: Path) -> None:
    again = teach_style(taught.bundle.folder, CAPTIONS, tmp_path / "again", 0.1, 1, lambda *_: None)
    assert again.kimg == 0.1
    card = (tmp_path / "again" / "README.md").read_text()
    assert card.count("## Restyling") == 1 and "0.1 kimg" in card


def test_the_same_seed_teaches_the_same(tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path / "plain").folder
    for name in ("one", "two"):
        teach_style(folder, CAPTIONS, tmp_path / name, 0.2, 3, lambda *_: None)
    one, two = ((tmp_path / name / "style_encoder.onnx").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_taken_folder_is_refused_before_anything_is_trained(tiny: Bundle, tmp_path: Path) -> None:
    told: list[float] = []
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(OutputError, match="exists already"):
        teach_style(
            tiny.folder, CAPTIONS, tmp_path / "out", 0.1, 0, lambda done, _: told.append(done)
        )
    assert not told


def test_the_command_writes_a_bundle_that_restyles(
    tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = captiongan("style", "train", tiny.folder, "toy:4", "--out", out, "--kimg", 0.2)
    assert code == 0
    assert "% of the noise's variance" in capsys.readouterr().out
    assert read_bundle(out).can_restyle
