"""Runs an application in uvicorn: its address, its connections, and its end."""

import asyncio
import os
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from captiongan.errors import CaptionganError
from captiongan.web.errors import answer
from captiongan.web.limits import Limits
from captiongan.web.security_headers import SECURITY_HEADERS

TOKEN_VARIABLE = "CAPTIONGAN_TOKEN"

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    app: FastAPI,
    limits: Limits,
    host: str,
    port: int,
    say: Callable[[str], None],
    open_browser: bool = False,
) -> None:
    """Serve `app` until SIGINT or SIGTERM; requests that are running then are finished.

    Args:
        app: the application.
        limits: the limits that no application can keep, such as open connections.
        host: the address to listen on.
        port: the port to listen on; 0 for a free one.
        say: receives the address of the server.
        open_browser: open the page.

    Raises:
        CaptionganError: the address or the port is not available.
    """
    with _listen(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}"
        say(address)
        if open_browser:
            webbrowser.open(address)
        config = uvicorn.Config(
            app,
            http=_protocol(limits),
            ws="none",
            loop="asyncio",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=round(limits.body_seconds + limits.seconds),
        )
        with suppress(KeyboardInterrupt):  # uvicorn raises it again at its end
            uvicorn.Server(config).run(sockets=[listener])


def token_of(file: Path | None) -> str | None:
    """Return the token in `file`, by default the one in $CAPTIONGAN_TOKEN, or None.

    Raises:
        CaptionganError: the file cannot be read, or no header can carry the token.
    """
    if file is None:
        token = os.environ.get(TOKEN_VARIABLE)
        source = TOKEN_VARIABLE
    else:
        source = f"--token-file '{file}'"
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CaptionganError(
                f"{source} cannot be read ({error}); name a text file that holds only the token"
            ) from error
    if token is not None and not (
        token.isascii() and token.isprintable() and token.split() == [token]
    ):
        raise CaptionganError(
            f"{source} is no token: must be one word of ASCII characters; "
            "create one: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
        # Inherited by each connection: no answer waits for a client's delayed ACK (40 ms).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CaptionganError(
            f"cannot listen on --host {host} --port {port} ({reason}); choose another port, or 0 "
            "for a free one"
        ) from error


def _protocol(limits: Limits) -> type[H11Protocol]:
    """Return uvicorn's protocol with the limits that no application can keep.

    It hangs up if there are too many connections, if a request takes too long to arrive, and if a
    client does not read its answer. After a refusal it goes on reading until then and discards the
    rest: a client that is still sending would not see the answer if the connection broke.
    """

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            wait = limits.body_seconds + 1  # after the application, which says why
            self._arrival = _Deadline(wait, transport.abort)
            self._reading = _Deadline(limits.seconds, transport.abort)
            if len(self.connections) > limits.connections:
                transport.abort()
            else:
                self._arrival.start()

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrival.stop()
            self._reading.stop()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
                self._arrival.start()
            else:
                self._arrival.stop()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reading.start()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._reading.stop()

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002
            refused = answer(400, "this is not valid HTTP; fix the request")
            headers = [*refused.raw_headers, *_RAW_SECURITY_HEADERS, (b"connection", b"close")]
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):  # not answered already
                for event in (
                    h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                    h11.Data(data=bytes(refused.body)),
                    h11.EndOfMessage(),
                ):
                    self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

    return Protocol


class _Deadline:
    """Calls `action` unless it is stopped within so many `seconds` after its start."""

    def __init__(self, seconds: float, action: Callable[[], None]) -> None:
        self._seconds = seconds
        self._action = action
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start, unless it is running."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._action)

    def stop(self) -> None:
        """Stop, if it is running."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_RAW_SECURITY_HEADERS = [
    (name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()
]
