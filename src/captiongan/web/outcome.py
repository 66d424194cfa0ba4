"""Middleware that turns errors into answers, and reports how each request ended."""

import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captiongan.web.errors import RefusedError, answer

logger = logging.getLogger(__name__)

HUNG_UP = 499
"""The status that counts a request whose client left before the answer began."""


class Outcome:
    """Answers the errors that the inner application raises, and reports every request.

    `answered` receives the path of the route, the status and the seconds of each request.
    """

    def __init__(self, app: ASGIApp, answered: Callable[[str, int, float], None]) -> None:
        self._app = app
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, reply = time.perf_counter(), _Reply(send)
        try:
            await self._app(scope, receive, reply)
        except RefusedError as refused:
            if not reply.status:
                await refused.answer()(scope, receive, reply)
        except Exception:
            logger.exception("a request failed")
            if not reply.status:
                internal = answer(500, "the server failed; try again, or tell whoever runs it")
                await internal(scope, receive, reply)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self._answered(path, reply.status or HUNG_UP, time.perf_counter() - started)


class _Reply:
    """A `send` that knows the status of the answer, or 0 before the answer begins."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
