"""The pages in Vietnamese follow the English ones."""

import json
from pathlib import Path

import pytest

from tools import twins

UNSEEN = f"<!-- English: ../page.md {'0' * 40} -->\n# Trang\n"


@pytest.mark.parametrize(
    "page", sorted(twins.VIETNAMESE.iterdir()), ids=lambda page: str(page.name)
)
def test_a_page_translates_its_english_twin_as_it_is_now(page: Path) -> None:
    assert not twins.is_stale(page), (
        "translate what changed; then python -m tools.twins --translated"
    )


def test_a_page_is_stale_until_it_is_said_to_be_translated(tmp_path: Path) -> None:
    english, page = tmp_path / "page.md", tmp_path / "vi" / "page.md"
    page.parent.mkdir()
    english.write_text("# A page\n")
    page.write_text(UNSEEN)
    assert twins.is_stale(page)
    assert twins.main(["--translated", str(page)]) == 0
    assert not twins.is_stale(page)
    assert page.read_text().endswith(" -->\n# Trang\n")
    english.write_text("# A page that changed\n")
    assert twins.is_stale(page)


def test_a_version_is_the_name_that_git_gives_the_content(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("hello\n")
    assert twins.version(tmp_path / "page.md") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_a_notebook_has_the_code_of_its_twin_and_texts_of_its_own(tmp_path: Path) -> None:
    def write(path: Path, text: str, code: str) -> None:
        ran = {"cell_type": "code", "id": "b", "source": [code], "outputs": ["7"]}
        cells = [{"cell_type": "markdown", "id": "a", "source": text}, ran]
        path.write_text(json.dumps({"cells": cells}))

    english, page = tmp_path / "page.ipynb", tmp_path / "vi.ipynb"
    write(english, "A text", "print(7)")
    write(page, f"<!-- English: page.ipynb {twins.version(english)} -->\nMột văn bản", "print(8)")
    assert twins.is_stale(page)
    twins.write_down(page)
    assert not twins.is_stale(page)
    text, code = json.loads(page.read_text())["cells"]
    assert text["source"].endswith("Một văn bản")
    assert (code["source"], code["outputs"]) == (["print(7)"], [])
