"""Runs an application in uvicorn: its address, its connections, and its end."""

import ipaddress
import logging
import os
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from captiongan.errors import CaptionganError
from captiongan.web.connections import protocol
from captiongan.web.limits import Limits

TOKEN_VARIABLE = "CAPTIONGAN_TOKEN"

LOOPBACK = ("127.0.0.1", "localhost", "::1")

BACKLOG = 1024
"""Connections that wait to be accepted."""

ACCEPTED_AT_ONCE = 16
"""Connections that are accepted before those beyond the limit are closed."""

SPARE_FILES = 96
"""Files and connections beyond the limit that the process may have open at a time."""

logger = logging.getLogger(__name__)


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
            http=protocol(_within_open_files(limits)),
            backlog=ACCEPTED_AT_ONCE,
            ws="none",
            loop="asyncio",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=round(limits.body_seconds + limits.seconds),
        )
        with suppress(KeyboardInterrupt):  # uvicorn raises it again at its end
            _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Accepts few connections at once, and lets many wait."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(BACKLOG)


def _within_open_files(limits: Limits) -> Limits:
    """Return limits with no more connections than the system lets this process open files."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return limits
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most >= limits.connections + SPARE_FILES:
        return limits
    connections = max(1, most - SPARE_FILES)
    logger.warning(
        "the process may open %d files, enough for %d connections; allow more with ulimit -n",
        most,
        connections,
    )
    return replace(limits, connections=connections)


def own_names(host: str) -> tuple[str, ...]:
    """Return the only names under which clients may call a server that listens on `host`.

    Any name may do, and there is none here, if other machines can reach it.

    Raises:
        CaptionganError: there is no host.
    """
    if not host.strip():
        raise CaptionganError(
            f"--host {host!a} is no address; give 127.0.0.1, or 0.0.0.0 for every interface"
        )
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):  # nothing can listen there, which `serve` tells
        return ()
    return (*LOOPBACK, host.lower()) if all(map(_is_loopback, found)) else ()


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


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
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        # Inherited by each connection: no answer waits for a client's delayed ACK (40 ms).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CaptionganError(
            f"cannot listen on --host {host} --port {port} ({reason}); choose another port, or 0 "
            "for a free one"
        ) from error
