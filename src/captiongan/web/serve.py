"""A server for an application: uvicorn, its address, its connections, and how it ends."""

import asyncio
import os
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from captiongan.errors import CaptionganError
from captiongan.web.guard import SECURITY_HEADERS
from captiongan.web.limits import Limits
from captiongan.web.refusal import answer

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
    """Serve `app` until SIGINT or SIGTERM; what is running then is finished.

    Port 0 takes a free one; `say` is told the address. Raises CaptionganError where there is no
    listening there.
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
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=round(limits.body_seconds + limits.seconds),
        )
        with suppress(KeyboardInterrupt):  # which uvicorn raises again when all is done
            uvicorn.Server(config).run(sockets=[listener])


def token_of(file: Path | None) -> str | None:
    """Return the token in a file, or else of the environment's CAPTIONGAN_TOKEN, or None.

    Raises CaptionganError if the file cannot be read, and for a token that no header can carry.
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
                f"{source} cannot be read ({error}); name a text file with nothing but the token"
            ) from error
    if token is not None and not (
        token.isascii() and token.isprintable() and token.split() == [token]
    ):
        raise CaptionganError(
            f"{source} is no token: must be one word of ASCII characters; "
            "make one: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CaptionganError(
            f"--host {host} --port {port} cannot be listened at ({reason}); choose another port, "
            "or 0 for a free one"
        ) from error


def _protocol(limits: Limits) -> type[H11Protocol]:
    """Return uvicorn's own protocol, made to keep the limits that no application can.

    It hangs up when there are too many connections, or when a request takes too long to arrive:
    until then the rest of a refused one is read and thrown away, as its client would not see the
    answer if the connection broke while it sends.
    """

    class Protocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.abort()
            else:
                self._await_request()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
                self._await_request()
            else:
                self._stop_waiting()

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002
            refused = answer(400, "this is not HTTP as it should be; mend the request")
            headers = [*refused.raw_headers, *_RAW_SECURITY_HEADERS, (b"connection", b"close")]
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(refused.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def _await_request(self) -> None:
            if self._deadline is None:
                wait = limits.body_seconds + 1  # the guard is first, it says why
                self._deadline = self.loop.call_later(wait, self._hang_up)

        def _stop_waiting(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _hang_up(self) -> None:
            self.transport.abort()

    return Protocol


_RAW_SECURITY_HEADERS: list[Any] = [
    (name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()
]
