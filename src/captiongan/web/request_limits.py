"""Middleware that limits what one request may take: bytes, seconds, and its turn."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captiongan.web.errors import RefusedError
from captiongan.web.limits import Limits


class RequestLimits:
    """Raises RefusedError for requests beyond `limits`.

    A request reaches the routes once its whole body is here. It is cancelled when its client hangs
    up.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await self._body(Headers(scope=scope), receive)
        if scope["method"] != "POST":
            await self._answer(scope, receive, send, body)
            return
        if self._running >= self._limits.requests:
            raise RefusedError.busy(f"{self._running} requests are being answered")
        self._running += 1
        try:
            await self._answer(scope, receive, send, body)
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
                        raise RefusedError(400, "the body was cut short; send all of it")
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

    async def _answer(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        """Let the routes answer, until the time is up or the client hangs up."""
        answering = asyncio.ensure_future(self._app(scope, _giving(body), send))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait(
                {answering, gone},
                timeout=self._limits.seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if answering.done():
                await answering
            elif not gone.done():
                raise RefusedError(
                    504, f"no answer within {self._limits.seconds:g} seconds; ask for less at once"
                )
        finally:
            answering.cancel()
            gone.cancel()
            await asyncio.gather(answering, gone, return_exceptions=True)


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
