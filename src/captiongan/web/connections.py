"""The limits that no application can keep: on connections, on how they send, and how they read."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import h11
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from captiongan.web.errors import RefusedError
from captiongan.web.limits import Limits
from captiongan.web.security_headers import SECURITY_HEADERS

LEAST_PIECE = 1024
"""The fewest bytes of a request's pieces, chunks or packets, on average: each costs time."""

MOST_SMALL = 64
"""Pieces that may be smaller."""

NOT_HTTP = RefusedError(400, "this is not valid HTTP; fix the request")
IN_PIECES = RefusedError(413, "the request arrives in too many pieces; send it in fewer")


def protocol(limits: Limits) -> type[H11Protocol]:
    """Return uvicorn's protocol with limits.

    It hangs up if a request takes too long to arrive, and if a client does not read its answer.
    Where there are too many connections, or too much is unread, the client that holds most of them
    loses those that have waited longest.

    An answer that comes before the whole request, such as a refusal, is the last one of its
    connection. The rest of the request is discarded for some seconds and never looked at: a client
    that is still sending would not see the answer if the connection broke.
    """

    class Protocol(H11Protocol):
        conn: _Parser
        connections: set[Any]

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.conn = _Parser(MOST_SMALL + limits.body_bytes // LEAST_PIECE)
            self._app, self.app = self.app, self._run

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(_ClosedGently(transport, self._close))  # type: ignore[arg-type]
            self._discarding = False
            self.since = self.loop.time()
            wait = limits.body_seconds + 1  # after the application, which says why
            self._arrival = _Deadline(wait, transport.abort)
            self._reading = _Deadline(limits.seconds, transport.abort)
            self._arrival.start()
            if len(self.connections) > limits.connections:
                waiting = {each: 1 for each in self.connections if each.waits}
                _hang_up(waiting, max(1, limits.connections // 8))

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrival.stop()
            self._reading.stop()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._discarding:
                return
            super().data_received(data)
            if self._discarding or self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
                self._arrival.start()
            else:
                self._arrival.stop()

        def on_response_complete(self) -> None:
            self.since = self.loop.time()
            super().on_response_complete()

        def pause_writing(self) -> None:
            super().pause_writing()
            self.since = self.loop.time()
            self._reading.start()
            while True:
                unread = {each: each.unread for each in self.connections if each.unread}
                much = sum(unread.values()) - limits.unread_bytes
                if much <= 0:
                    return
                _hang_up(unread, much)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._reading.stop()

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002
            refused = (IN_PIECES if self.conn.too_many else NOT_HTTP).answer()
            headers = [*refused.raw_headers, *_RAW_SECURITY_HEADERS, CLOSE_HEADER]
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):  # not answered already
                for event in (
                    h11.Response(status_code=refused.status_code, headers=headers),
                    h11.Data(data=bytes(refused.body)),
                    h11.EndOfMessage(),
                ):
                    self.transport.write(self.conn.send(event) or b"")
            if self.cycle is not None:  # the application's answer would be another one
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self.transport.close()

        @property
        def waits(self) -> bool:
            """Whether nothing is being done for this client: no whole request of it is here."""
            return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

        @property
        def unread(self) -> int:
            """Bytes of answers that the client has not read."""
            return self.transport.get_write_buffer_size()

        async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
            cycle = self.cycle

            async def send_as_last(message: Message) -> None:
                if message["type"] == "http.response.start" and cycle.more_body:
                    message = {**message, "headers": [*message["headers"], CLOSE_HEADER]}
                await send(message)

            await self._app(scope, receive, send_as_last)

        def _close(self, transport: asyncio.Transport) -> None:
            """Close the connection, at once unless the client is in the middle of a request."""
            if self._discarding or self.conn.their_state not in (h11.SEND_BODY, h11.ERROR):
                transport.close()
            elif not transport.is_closing():
                self._discarding = True
                self._arrival.start()
                self.flow.resume_reading()
                try:
                    transport.write_eof()
                except OSError:  # the client has left
                    transport.abort()

    return Protocol


class _Parser(h11.Connection):
    """Reads requests as long as each comes in at most so many pieces."""

    def __init__(self, most_pieces: int) -> None:
        super().__init__(h11.SERVER)
        self._most_pieces = most_pieces
        self._pieces = 0

    @property
    def too_many(self) -> bool:
        """Whether a request came in too many pieces."""
        return self._pieces > self._most_pieces

    def next_event(self) -> Any:
        """Return the next event; raises RemoteProtocolError."""
        self._pieces += 1
        if self.too_many:
            raise h11.RemoteProtocolError(str(IN_PIECES))
        return super().next_event()

    def start_next_cycle(self) -> None:
        """Begin with the next request."""
        self._pieces = 0
        super().start_next_cycle()


class _ClosedGently:
    """A transport that `close` closes in another way."""

    def __init__(
        self, transport: asyncio.Transport, close: Callable[[asyncio.Transport], None]
    ) -> None:
        self._transport = transport
        self._close = close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        self._close(self._transport)


def _hang_up(held: Mapping[Any, int], much: int) -> None:
    """Hang up on the client that holds most, the longest waiting first, until `much` is free."""
    by_client: Counter[str | None] = Counter()
    for each, weight in held.items():
        by_client[_host(each)] += weight
    ((most, _),) = by_client.most_common(1)
    for each in sorted((each for each in held if _host(each) == most), key=lambda each: each.since):
        if much <= 0:
            return
        each.connections.discard(each)
        each.transport.abort()
        much -= held[each]


def _host(connection: H11Protocol) -> str | None:
    return connection.client[0] if connection.client else None


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
