"""What one client may take of a node's listener: a bounded head, a bounded time to ask and to listen, a place among many."""

import asyncio
import resource
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES = 32 << 10
REQUEST_S = 20.0  # for a whole request, once it has begun; a connection that never begins one has as long
IDLE_S = 30.0  # between two requests: longer than clients keep a connection, so that it is theirs to end
STALLED_S = 60.0  # for a client that does not take what it asked for
PIPELINED = 16
OWN_FILES = 128  # libraries, pipes, sockets to workers

REFUSAL = b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n%b\r\n"
FULL = REFUSAL % (503, b"Service Unavailable", b"retry-after: 2\r\n")
TOO_LARGE = REFUSAL % (431, b"Request Header Fields Too Large", b"")


def room(wanted: int) -> int:
    """So many connections, or what the limit of open files leaves, which is raised for them as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    asked = wanted + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < asked:
        soft = asked if hard == resource.RLIM_INFINITY else min(asked, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(min(wanted, soft - OWN_FILES), soft // 2)
    return wanted


class Bounded(HttpToolsProtocol):
    """uvicorn's protocol, which waits for ever and keeps whatever a head says, with bounds.

    Whoever owes something (a first request, the rest of one, the next one) is let go at its time, and earlier when another
    connection needs the place: the longest-waiting first. Only where all places are being answered is the new one refused.
    What of a request is not body may have HEAD_BYTES; it is fed in pieces of half of that, so that no read passes it by far.
    """

    most: ClassVar[int]
    waiting: ClassVar[dict["Bounded", None]]  # of this listener, the longest-waiting first

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owed: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._incomplete = False
        self._overhead = 0
        self._answered: RequestResponseCycle | None = None  # the one of the pipelined requests whose turn it is

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most and not self._make_room():
            self._refuse(FULL)
        self._owes(REQUEST_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._settled()
        self.resume_writing()
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
            self._settled()

    def on_message_begin(self) -> None:
        self._incomplete = True
        self._owes(REQUEST_S)
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
        if not self._answering() and not self._incomplete:
            self._owes(IDLE_S)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self._stalled or self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _answering_one(self) -> RequestResponseCycle | None:
        one = self._answered
        return one if one is not None and not one.response_complete else None

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _owes(self, within_s: float) -> None:
        self._settled()
        self._owed = self.loop.call_later(within_s, self.transport.abort)
        self.waiting[self] = None

    def _settled(self) -> None:
        self.waiting.pop(self, None)
        if self._owed is not None:
            self._owed.cancel()
            self._owed = None

    def give_way(self) -> None:
        """End a connection that only waits: its place is needed."""
        self._settled()
        self.transport.abort()

    def _make_room(self) -> bool:
        longest = next(iter(self.waiting), None)
        if longest is None:
            return False
        longest.give_way()
        return True

    def _refuse(self, answer: bytes) -> None:
        if self._answering():  # its bytes would land inside the answer to an earlier request
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def bounded(most: int) -> type[Bounded]:
    """The protocol for one listener that holds at most `most` connections."""
    return type("Bounded", (Bounded,), {"most": most, "waiting": {}})
