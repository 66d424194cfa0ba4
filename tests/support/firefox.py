"""A real Firefox, told what to do by Marionette: its own protocol, JSON with a length before it."""

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

SECONDS = 90
"""How long to wait for what must happen: the machine may be slow and busy."""

HOW_TO_INSTALL = (
    "this test drives a real Firefox, and there is none at the path 'firefox-esr'; "
    "install it: apt-get install firefox-esr"
)


class Firefox:
    """A window of Firefox."""

    def __init__(self, port: int) -> None:
        self._socket = _connected(port)
        self._stream = self._socket.makefile("rb")
        self._count = 0
        self._receive()
        self.tell("WebDriver:NewSession", {})

    def tell(self, command: str, parameters: dict[str, Any]) -> Any:
        """Have a command of Marionette carried out; fail with its error, if it has one."""
        self._count += 1
        content = json.dumps([0, self._count, command, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(content), content))
        _, _, error, result = self._receive()
        assert error is None, error
        return result

    def open(self, address: str) -> None:
        """Open a page."""
        self.tell("WebDriver:Navigate", {"url": address})

    def ask(self, script: str) -> Any:
        """Return what a script says of the page; the page's own policy does not bind it."""
        return self.tell("WebDriver:ExecuteScript", {"script": f"return {script}", "args": []})[
            "value"
        ]

    def wait_for(self, script: str) -> None:
        """Wait until a script says so."""
        end = time.monotonic() + SECONDS
        while not self.ask(script):
            assert time.monotonic() < end, script
            time.sleep(0.2)

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG."""
        shot = self.tell("WebDriver:TakeScreenshot", {"full": False})
        path.write_bytes(base64.b64decode(shot["value"]))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            byte = self._stream.read(1)
            assert byte, "Firefox hung up"
            length += byte
        return json.loads(self._stream.read(int(length[:-1])))


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@contextmanager
def open_firefox(folder: Path) -> Iterator[Firefox]:
    """Start the machine's Firefox with a profile in `folder`; fail where there is none."""
    path = shutil.which("firefox-esr")
    if path is None:
        pytest.fail(HOW_TO_INSTALL)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    preferences = {"marionette.port": port, "datareporting.policy.dataSubmissionEnabled": False}
    lines = (f'user_pref("{name}", {json.dumps(value)});' for name, value in preferences.items())
    (folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [path, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with closing(Firefox(port)) as firefox:
                yield firefox
        finally:
            process.terminate()
