"""A page with a measured part between two marks; the words around it are written by hand."""

from pathlib import Path

from captiongan.errors import OutputError

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def check_marks(page: Path) -> None:
    """Make sure that there is a page to write into.

    Raises:
        OutputError: there is none, or it does not say where.
    """
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise OutputError(f"--docs: '{page}' must have the lines {BEGIN} and {END}; write them")


def write_measured(page: Path, measured: str) -> None:
    """Replace what is between the marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{measured}\n{END}{after}", encoding="utf-8")
