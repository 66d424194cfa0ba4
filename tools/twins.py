"""Keep the pages in Vietnamese in step with the English ones: `python -m tools.twins`.

Each page of `docs/vi` names its English twin and the version that it translates, in a comment:
git's name of the file's content, so `git diff NAME FILE` shows what has changed since. Of a
notebook it is the name of its texts; its code is the same in both.

Without arguments it lists the pages to translate again and fails if there is one. With
`--translated` it writes down that all pages, or those that are named, are up to date, and copies
the code of the English notebook.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VIETNAMESE = ROOT / "docs" / "vi"
TWIN = re.compile(r"(?<=<!-- English: )(\S+) ([0-9a-f]{40})(?= -->)")

Cell = dict[str, Any]


def twin_of(page: Path) -> tuple[Path, str]:
    """Return the English twin of a page, and the version that the page translates.

    Raises:
        ValueError: the page does not say.
    """
    found = TWIN.search(page.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{page} names no twin; begin it with <!-- English: FILE {'0' * 40} -->")
    return (page.parent / found[1]).resolve(), found[2]


def version(page: Path) -> str:
    """Return the version of an English page, 40 hexadecimal digits."""
    content = page.read_bytes()
    if page.suffix == ".ipynb":
        content = "\n\n".join(map(_source, _cells(page, "markdown"))).encode()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_stale(page: Path) -> bool:
    """Whether the English twin has changed since a page was translated."""
    english, translated = twin_of(page)
    if page.suffix == ".ipynb" and _code(page) != _code(english):
        return True
    return version(english) != translated


def write_down(page: Path) -> None:
    """Note in a page that it translates its twin as it is now."""
    english, _ = twin_of(page)
    if page.suffix == ".ipynb":
        _copy_code(english, page)
    text = page.read_text(encoding="utf-8")
    text = TWIN.sub(lambda found: f"{found[1]} {version(english)}", text)
    page.write_text(text, encoding="utf-8")


def _copy_code(english: Path, page: Path) -> None:
    """Give a notebook the cells of its twin, and keep the texts that are translated."""
    notebook = json.loads(page.read_text(encoding="utf-8"))
    translated = {cell["id"]: cell for cell in _cells(page, "markdown")}
    notebook["cells"] = [
        translated.get(
            cell["id"], cell | ({"outputs": [], "execution_count": None} if code else {})
        )
        for cell in _cells(english)
        for code in [cell["cell_type"] == "code"]
    ]
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    page.write_text(f"{text}\n", encoding="utf-8")


def _code(notebook: Path) -> list[tuple[str, str]]:
    return [(cell["id"], _source(cell)) for cell in _cells(notebook, "code")]


def _cells(notebook: Path, kind: str | None = None) -> list[Cell]:
    cells: list[Cell] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if kind in (None, cell["cell_type"])]


def _source(cell: Cell) -> str:
    return "".join(cell["source"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.twins")
    parser.add_argument("--translated", action="store_true", help="note that pages are up to date")
    parser.add_argument("pages", nargs="*", type=Path, help="pages in Vietnamese; all if left out")
    options = parser.parse_args(arguments)
    pages = options.pages or sorted(each for each in VIETNAMESE.iterdir() if each.is_file())
    stale = [page for page in pages if is_stale(page)]
    for page in stale:
        if options.translated:
            write_down(page)
            continue
        english, translated = twin_of(page)
        names = (each.resolve().relative_to(ROOT) for each in (page, english))
        print(f"translate {next(names)} again: git diff {translated[:12]} {next(names)}")
    return 1 if stale and not options.translated else 0


if __name__ == "__main__":
    sys.exit(main())
