"""Middleware that decides which clients may send requests: by host name, origin and token."""

import hmac
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from captiongan.web.errors import RefusedError

OPEN = ("/", "/healthz", "/openapi.json")
"""Paths that need no token, beside /static/: the page itself asks the user for the token."""


@dataclass(frozen=True)
class Access:
    """The clients that may send requests.

    Attributes:
        token: clients must send it; None lets everyone in.
        hosts: names under which clients may call the server; empty allows any name.
        origins: other origins whose pages may send requests.
    """

    token: str | None = None
    hosts: Collection[str] = ()
    origins: Collection[str] = ()

    def check(self, path: str, headers: Headers) -> None:
        """Raise RefusedError unless a request with these headers may have an answer."""
        host = headers.get("host", "").rpartition("@")[2]
        if self.hosts and _without_port(host) not in self.hosts:
            raise RefusedError(
                421,
                f"this server is not {host!a:.100}; call it by its own name, or start it with "
                "--allow-host and that name",
            )
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        reads = path in OPEN and headers.get("sec-fetch-mode") == "navigate"
        if foreign and not reads and headers.get("origin") not in self.origins:
            raise RefusedError(
                403,
                "pages of other origins may not send requests; open this server's own page, or "
                "start it with --allow-origin and the other origin",
            )
        if self.token is None or path in OPEN or path.startswith("/static/"):
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not same:
            raise RefusedError(
                401,
                "this server requires a token; send it in the header Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )


class AccessControl:
    """Raises RefusedError for requests that `access` does not allow."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            self._access.check(scope["path"], Headers(scope=scope))
        await self._app(scope, receive, send)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).strip("[]").lower()
