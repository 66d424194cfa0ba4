"""From each official layout to a drawn picture: import, check, train, export, generate."""

from pathlib import Path

import pytest
from PIL import Image

from support.command_line import captiongan
from support.tiny_bundle import write_parts
from support.tiny_layouts import LAYOUTS

TWENTY_STEPS = [
    *("--set", "data.resolution=16", "--set", "data.margin=2"),
    *("--set", "generator.features=2", "--set", "discriminator.features=2"),
    *("--set", "training.batch_size=4", "--set", "training.kimg=0.08"),
    *("--set", "scores.every_kimg=0"),
]


@pytest.mark.parametrize("kind", LAYOUTS)
def test_an_official_layout_can_be_trained_on_and_drawn_from(kind: str, tmp_path: Path) -> None:
    source = LAYOUTS[kind](tmp_path / "source")
    words, runs, bundle = tmp_path / "words", tmp_path / "runs", tmp_path / "bundle"
    write_parts(words)
    assert captiongan("data", "import", kind, source, tmp_path / "data") == 0
    data = next(path for path in (tmp_path / "data" / "train", tmp_path / "data") if path.exists())
    assert captiongan("data", "check", data, "--minimum-side", 16) == 0
    encoder = ["--set", f"text.encoder={words}"]
    assert captiongan("train", "--data", data, "--out", runs, *TWENTY_STEPS, *encoder) == 0
    assert captiongan("export", runs / "00000-dcgan", "--out", bundle) == 0
    out = tmp_path / "drawn.png"
    assert captiongan("generate", "a red flower", "--bundle", bundle, "-o", out) == 0
    with Image.open(out) as drawn:
        assert drawn.size == (16, 16)
