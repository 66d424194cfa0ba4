"""A page with measured parts between marks; the words around them are written by hand."""

from pathlib import Path

from captiongan.errors import OutputError


def marks(part: str = "") -> tuple[str, str]:
    """Return the lines before and after what is measured, or one named part of it."""
    name = f"measured {part}".strip()
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


BEGIN, END = marks()


def check_marks(page: Path, part: str = "") -> None:
    """Make sure that there is a page to write into.

    Raises:
        OutputError: there is none, or it does not say where.
    """
    begin, end = marks(part)
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if not 0 <= text.find(begin) < text.find(end):
        raise OutputError(f"--docs: '{page}' must have the lines {begin} and {end}; write them")


def write_measured(page: Path, measured: str, part: str = "") -> None:
    """Replace what is between the marks of a page."""
    begin, end = marks(part)
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n\n{measured}\n{end}{after}", encoding="utf-8")
