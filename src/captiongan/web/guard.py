"""What stands before every route: who may ask, how much, how long, and with what headers back."""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captiongan.web.errors import RefusedError, answer
from captiongan.web.limits import Limits

logger = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer tells a browser."""

OPEN = ("/", "/healthz", "/openapi.json")
"""What needs no token, beside all below /static/: the page itself asks for it."""


HUNG_UP = 499
"""The status under which a request is counted whose client did not wait for the answer."""


@dataclass(frozen=True)
class Access:
    """Who may ask: with which `token`, under which `hosts`, from pages of which `origins`.

    Without a token anyone may, without `hosts` under any name, and pages of other origins only if
    named.
    """

    token: str | None = None
    hosts: Collection[str] = ()
    origins: Collection[str] = ()

    def check(self, path: str, headers: Headers) -> None:
        """Raise RefusedError unless a request with these headers may have an answer."""
        host = headers.get("host", "").rpartition("@")[2]
        if self.hosts and _without_port(host) not in self.hosts:
            raise RefusedError(
                421, f"this server is not {host!a:.100}; call it by its name, or --allow-host it"
            )
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        reads = path in OPEN and headers.get("sec-fetch-mode") == "navigate"
        if foreign and not reads and headers.get("origin") not in self.origins:
            raise RefusedError(
                403,
                "pages of other origins may not ask; open this server's own page, or "
                "--allow-origin the other",
            )
        if self.token is None or path in OPEN or path.startswith("/static/"):
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not same:
            raise RefusedError(
                401,
                "this server wants a token; send it as the header Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )


def guard(
    app: FastAPI,
    limits: Limits,
    access: Access,
    answered: Callable[[str, int, float], None] = lambda *_: None,
) -> None:
    """Put the guard before an application, within the headers that every answer has.

    `answered` is told path, status and seconds of each request.
    """
    app.add_middleware(Guard, limits=limits, access=access, answered=answered)
    if access.origins:  # outside the guard, so that those pages can read what it says
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(access.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],
        )
    app.add_middleware(SecurityHeaders)


class SecurityHeaders:
    """Middleware: adds `SECURITY_HEADERS` to every answer, and keeps it out of caches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Guard:
    """Middleware: keeps `limits` and `access`.

    A request reaches the routes when all of its body is here, and is cancelled when its client goes
    away.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        access: Access,
        answered: Callable[[str, int, float], None],
    ) -> None:
        self._app = app
        self._limits = limits
        self._access = access
        self._answered = answered
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, reply = time.perf_counter(), _Reply(send)
        try:
            await self._serve(scope, receive, reply)
        except RefusedError as refused:
            await refused.answer()(scope, receive, reply)
        except Exception:
            logger.exception("a request failed")
            if not reply.status:
                await answer(500, "something went wrong here; try again, or tell who runs this")(
                    scope, receive, reply
                )
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")
            self._answered(path, reply.status or HUNG_UP, time.perf_counter() - started)

    async def _serve(self, scope: Scope, receive: Receive, reply: "_Reply") -> None:
        headers = Headers(scope=scope)
        self._access.check(scope["path"], headers)
        body = await self._body(headers, receive)
        if scope["method"] != "POST":
            await self._answer(scope, receive, reply, body)
            return
        if self._running >= self._limits.requests:
            raise RefusedError.busy(f"{self._running} requests are being answered")
        self._running += 1
        try:
            await self._answer(scope, receive, reply, body)
        finally:
            self._running -= 1

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """Read the whole body, as long as it is neither too long nor too slow."""
        most = self._limits.body_bytes
        too_long = RefusedError(413, f"the body has more than {most} bytes; ask for less at once")
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise too_long
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RefusedError(400, "the body ends before its end; send all of it")
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise too_long
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise RefusedError(
                408,
                f"the body took more than {self._limits.body_seconds:g} seconds; send it faster",
            ) from None

    async def _answer(self, scope: Scope, receive: Receive, reply: "_Reply", body: bytes) -> None:
        """Let the routes answer, unless that takes too long or nobody wants to know any more."""
        answering = asyncio.ensure_future(self._app(scope, _giving(body), reply))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait(
                {answering, gone},
                timeout=self._limits.seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if answering.done():
                await answering
            elif not gone.done() and not reply.status:
                raise RefusedError(
                    504, f"no answer within {self._limits.seconds:g} seconds; ask for less at once"
                )
        finally:
            answering.cancel()
            gone.cancel()
            await asyncio.gather(answering, gone, return_exceptions=True)


class _Reply:
    """A `send` that knows the status of the answer once that has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _giving(body: bytes) -> Receive:
    """Return a `receive` that has the whole body already."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    return receive


async def _gone(receive: Receive) -> None:
    """Return when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).strip("[]").lower()
