"""The documentation as one site: Sphinx over the Markdown pages where they lie; `make docs`."""

import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from captiongan.page.playground import write_playground
from captiongan.version import __version__

sys.path.insert(0, str(Path(__file__).parent))
import reference

project = "captiongan"
release = version = __version__
copyright = "the captiongan maintainers"

root_doc = "docs/site/index"
include_patterns = ["*.md", "docs/**.md", "src/captiongan/bundles/*/README.md"]
exclude_patterns = [".*", "benchmarks", "build", "site", "tests"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 4
smartquotes = False
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = f"captiongan {release}"
html_copy_source = False


class CommandLine(SphinxDirective):
    """All verbs, one after the other."""

    def run(self) -> list[nodes.Node]:
        """Write and parse the page."""
        return self.parse_text_to_nodes(reference.command_line(), allow_section_headings=True)


class Options(SphinxDirective):
    """All options of a run, section by section."""

    def run(self) -> list[nodes.Node]:
        """Write and parse the page."""
        page = "\n".join(reference.options())
        return self.parse_text_to_nodes(page, allow_section_headings=True)


def keep_bars(*told: Any) -> None:
    """Let |x| in a docstring be an absolute value, which reStructuredText takes for its own."""
    lines: list[str] = told[-1]
    lines[:] = [line.replace("|", r"\|") for line in lines]


def lead_to_pages(app: Sphinx, page: str, content: list[str]) -> None:
    """Let a link to a folder, which a site does not show, lead to its first page, or nowhere."""
    here = Path(app.env.doc2path(page)).parent

    def first_page(link: re.Match[str]) -> str:
        text, folder = link.groups()
        if not (here / folder).is_dir():
            return link[0]
        pages = sorted((here / folder).glob("*.md"))
        return f"[{text}]({folder}/{pages[0].name})" if pages else text

    content[0] = re.sub(r"\[([^\]]*)\]\(([\w./-]+)\)", first_page, content[0])


def link_the_playground(_app: Sphinx, page: str, content: list[str]) -> None:
    """Let the page about the playground lead to the playground itself, which the site has."""
    if page == "docs/playground":
        content[0] = content[0].replace("\n\n", '\n\n<p><a href="play.html">Play</a></p>\n\n', 1)


def add_the_playground(app: Sphinx, error: Exception | None) -> None:
    """Put the playground beside the page about it."""
    if error is None:
        write_playground(Path(app.outdir) / "docs" / "play.html")


def setup(app: Sphinx) -> None:
    """Tell Sphinx of what is above."""
    app.add_directive("command-line", CommandLine)
    app.add_directive("options", Options)
    app.connect("autodoc-process-docstring", keep_bars)
    app.connect("source-read", lead_to_pages)
    app.connect("source-read", link_the_playground)
    app.connect("build-finished", add_the_playground)
