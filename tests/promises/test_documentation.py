"""What the documentation says exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import load_config

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")])


def options(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in section:
        if isinstance(value, BaseModel):
            yield from options(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def in_words(value: object) -> str:
    if value in ("", (), None):
        return "none"
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


def test_every_option_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", page, re.MULTILINE))
    written = {
        name: in_words(value) for name, value in options(RunConfig()) if not isinstance(value, bool)
    }
    assert {name: rows.get(name) for name in written} == written
    assert rows.keys() == {name for name, _ in options(RunConfig())}


def test_the_lecture_preset_is_the_default() -> None:
    assert load_config("dcgan") == RunConfig()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
