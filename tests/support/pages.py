"""Pages without a server, and what runs in them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

from captiongan.page.modules import linked
from captiongan.page.parts import ENGINE

MOST_DIFFERENT = 0.02
"""The share of a picture's values in which a browser may differ, by one level."""


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """Serve a folder with Python's own file server; give its address."""
    code = (
        "import functools, http.server as h\n"
        f"handler = functools.partial(h.SimpleHTTPRequestHandler, directory={str(folder)!r})\n"
        "server = h.ThreadingHTTPServer(('127.0.0.1', 0), handler)\n"
        "print(server.server_port, flush=True)\n"
        "server.serve_forever()\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield f"http://localhost:{server.stdout.readline().strip()}/"
        finally:
            server.terminate()


def in_browser(page: Page, module: str, work: str, given: Any = None) -> Any:
    """Return what a function body makes of `module`, one of the engine's, and of `given`."""
    code = f"async (given) => {{ {linked(ENGINE / module)}\nconst module = entry; {work} }}"
    return page.evaluate(code, given)


def assert_same_picture(one: bytes, other: bytes) -> None:
    """Fail unless two pictures are equal but for one level, in few values."""
    difference = np.abs(
        np.frombuffer(one, np.uint8).astype(int) - np.frombuffer(other, np.uint8).astype(int)
    )
    assert difference.max() <= 1
    assert (difference > 0).mean() <= MOST_DIFFERENT
