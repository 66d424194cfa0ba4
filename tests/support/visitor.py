"""A visitor with a real Chromium, and the real servers that it visits."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from captiongan.web.serve import TOKEN_VARIABLE

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PATIENCE = 60_000
"""Milliseconds to wait for what must happen: the machine may be slow and busy."""

TOKEN = "open-sesame"

HOW_TO_INSTALL = (
    "these tests drive a real Chromium, and there is none at the path 'chromium'; "
    "install it: apt-get install chromium (make test does, as root on Debian or Ubuntu)"
)


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start the machine's Chromium; fail, with what to do, where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail(HOW_TO_INSTALL)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def serving(*arguments: object, token: str | None = None) -> Iterator[str]:
    """Run a verb that serves, on a free port; give its address."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        **({TOKEN_VARIABLE: token} if token else {}),
    }
    command = [sys.executable, "-m", "captiongan", *map(str, arguments), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        try:
            address = server.stdout.readline().strip()
            assert address.startswith("http://"), address
            yield address
        finally:
            server.terminate()


class Visitor:
    """Opens pages, and sees to it that they neither fail nor talk to strangers."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._faults: list[str] = []
        self.expected: list[str] = []

    def open(self, address: str, **options: Any) -> Page:
        """Open an address in a browser of its own, for a reader of English."""
        settings: dict[str, Any] = {
            "viewport": {"width": 1280, "height": 800},
            "accept_downloads": True,
            "permissions": ["clipboard-read", "clipboard-write"],
        }
        context = self._browser.new_context(**settings | options)
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._faults.append(str(error)))
        origin = "/".join(address.split("/")[:3]) + "/"
        page.on("request", lambda request: self._see(request.url, origin))
        page.goto(address)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        text = message.text
        if message.type in ("error", "warning") and not any(each in text for each in self.expected):
            self._faults.append(text)

    def _see(self, url: str, origin: str) -> None:
        if not url.startswith((origin, "data:", "blob:")):
            self._faults.append(f"request to {url}")

    def leave(self) -> None:
        """Close all, and fail if anything went wrong on the way."""
        for context in self._contexts:
            context.close()
        assert not self._faults, self._faults
