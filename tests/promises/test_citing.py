"""What is said for quoting agrees with the package and with the cards of its bundles."""

import re
from pathlib import Path

import pytest
import yaml

from captiongan.bundle.bundle import find_bundle, shipped_bundles
from captiongan.bundle.manifest import CARD_FILE
from captiongan.version import __version__

ROOT = Path(__file__).parents[2]


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["cff-version"], citation["version"]) == ("1.2.0", __version__)


@pytest.mark.parametrize("name", shipped_bundles())
def test_the_sentence_for_a_bundle_has_the_figures_of_its_card(name: str) -> None:
    page = (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
    card = (find_bundle(name) / CARD_FILE).read_text(encoding="utf-8")
    (sentence,) = re.findall(rf"^\| \[`{name}`\].*", page, re.MULTILINE)
    assert (
        f"captiongan {__version__}, bundle {card.splitlines()[0].removeprefix('# ')} " in sentence
    )
    figures = re.findall(r"[\d.]+ ± [\d.]*\d", sentence)
    assert len(figures) == 3
    assert all(figure in card for figure in figures)
