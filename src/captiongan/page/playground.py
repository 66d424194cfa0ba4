"""Writes the playground: a page in which the smallest GANs of the lecture are trained."""

from functools import cache
from pathlib import Path

from captiongan.base.files import os_errors_as, replace_file
from captiongan.errors import OutputError
from captiongan.page.markup import STATIC, inlined
from captiongan.page.modules import linked
from captiongan.page.parts import HERE

PLAYGROUND = HERE / "playground"


def write_playground(out: Path) -> None:
    """Write the playground as one file, which opens by a double click and needs no network.

    Args:
        out: the file; it is replaced if it exists.

    Raises:
        OutputError: `out` cannot be written.
    """
    with os_errors_as(OutputError, f"page '{out}' cannot be written", "choose another place"):
        replace_file(out, playground_file())


@cache
def playground_file() -> bytes:
    """Return the playground with everything in it."""
    worker = f'<script type="text/plain" id="worker">{linked(PLAYGROUND / "worker.js")}</script>\n'
    page = inlined(
        PLAYGROUND / "index.html",
        linked(PLAYGROUND / "playground.js"),
        [STATIC / "studio.css", PLAYGROUND / "playground.css"],
        before=worker,
    )
    return page.encode()
