"""What the documentation says exists."""

import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

import captiongan
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
    text = without_code(page.read_text())
    for target in re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if not target.startswith("http"):
            file, _, anchor = target.partition("#")
            led_to = page.parent / file if file else page
            assert led_to.exists(), target
            assert not anchor or anchor in anchors(led_to.read_text()), target


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The names of a page's headings in links, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def reference() -> ModuleType:
    """What writes the site's reference from the code."""
    spec = spec_from_file_location("reference", ROOT / "docs" / "site" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_site_has_every_public_name() -> None:
    page = (ROOT / "docs" / "site" / "python.md").read_text()
    told = re.findall(r"^\.\. auto\w+:: (?:captiongan\.)?(?:\w+\.)?(\w+)$", page, re.M)
    assert sorted([*told, "__version__"]) == sorted(captiongan.__all__)


def test_the_site_has_every_option_and_verb_with_words_of_its_own() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|.*\| (.*) \|$", "\n".join(reference().options()), re.M)
    assert {name for name, _ in rows} >= {name for name, _ in options(RunConfig())} - {
        "training.start"
    }
    page = reference().command_line()
    for verb in ("generate", "train", "data import", "text train", "serve"):
        assert f"## captiongan {verb}\n" in page
    for told in re.findall(r"^\| `.*?` \| (.*?) \|", page, re.M):
        assert told
