"""What one client may take of the listeners: a bounded head, a bounded time to ask, a bounded share of the connections."""

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES = 32_768
REQUEST_S = 20.0  # longer than a body may take (adapters/web/bodies.py), so that slow ones are told
PIPELINED = 16
MOST = 32_000
OWN_FILES = 256  # the database, the node, logs, the private listener

REFUSAL = b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n%b\r\n"
FULL = REFUSAL % (503, b"Service Unavailable", b"retry-after: 2\r\n")
TOO_LARGE = REFUSAL % (431, b"Request Header Fields Too Large", b"")


def room() -> int:
    """Raise this process's limit of open files as far as it may, and tell how many connections fit below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # some systems name a hard limit that they do not give
        hard = soft
    files = MOST + OWN_FILES if hard == resource.RLIM_INFINITY else hard
    return min(MOST, max(files - OWN_FILES, files // 2))


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which waits for ever and keeps whatever a head says, with bounds.

    A connection is closed when it owes the rest of a request (or its first one) for REQUEST_S. What of a request is not body
    (head, trailers, framing) may have HEAD_BYTES; it is fed in pieces of half of that, so that one read cannot pass it by far.
    Subclasses set `most`, the connections at once.
    """

    most = MOST

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owed: asyncio.TimerHandle | None = None
        self._incomplete = False
        self._overhead = 0
        self._answered: RequestResponseCycle | None = None  # the one of the pipelined requests whose turn it is

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(FULL)
        else:
            self._owed = self.loop.call_later(REQUEST_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle()
        super().connection_lost(exc)
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True  # uvicorn tells the newest request only
            self._answered.message_event.set()

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), HEAD_BYTES // 2):
            piece = data[start : start + HEAD_BYTES // 2]
            self._overhead += len(piece)
            super().data_received(piece)
            if self._overhead > HEAD_BYTES:
                self._refuse(TOO_LARGE)
            if self.transport.is_closing():
                return
        if self._answering() and not self._incomplete:
            self._settle()
        elif self._owed is None:
            self._owed = self.loop.call_later(REQUEST_S, self.transport.abort)

    def on_message_begin(self) -> None:
        self._incomplete = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= PIPELINED:
            self.transport.abort()
            return
        answering = self._answering_one()
        super().on_headers_complete()
        self._answered = answering or self.cycle

    def on_body(self, body: bytes) -> None:
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._incomplete, self._overhead = False, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.pipeline:
            self._answered = self.pipeline[-1][0]
        super().on_response_complete()
        if self.transport.is_closing():  # it waits until the client has read all, which may be never
            self._owed = self._owed or self.loop.call_later(REQUEST_S, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()

    def _answering_one(self) -> RequestResponseCycle | None:
        one = self._answered
        return one if one is not None and not one.response_complete else None

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _settle(self) -> None:
        if self._owed is not None:
            self._owed.cancel()
            self._owed = None

    def _refuse(self, answer: bytes) -> None:
        if self._answering():  # its bytes would land inside the answer to an earlier request
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def bounded(most: int) -> type[BoundedProtocol]:
    """The protocol for a listener that holds at most `most` connections."""
    return type("BoundedProtocol", (BoundedProtocol,), {"most": most})
