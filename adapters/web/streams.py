"""Event streams: one visitor's events as they happen, in bounded memory, until the visitor, a stall or a drain ends it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.web import frames, refusals
from adapters.web.frames import frame
from bot.errors import NotFound, StoreUnavailable
from bot.views import ChatEvent

log = structlog.get_logger(__name__)


class StreamOver(Exception):
    """The stream ends; `orderly` when the client can still be told."""

    def __init__(self, *, orderly: bool) -> None:
        super().__init__("event stream over")
        self.orderly = orderly


class Streams:
    """The open streams of this process: counted, bounded, and ended together when the process drains.

    `heartbeat_s` is the longest silence on the wire; a reader that takes nothing for `stall_s` is let go.
    """

    def __init__(self, *, limit: int = 20_000, per_address: int = 32, heartbeat_s: float = 15.0, stall_s: float = 30.0) -> None:
        self._limit = limit
        self._per_address = per_address
        self.heartbeat_s = heartbeat_s
        self.stall_s = stall_s
        self._open: dict[EventStream, str] = {}
        self._by_address: Counter[str] = Counter()
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, address: str) -> None:
        """Raises a Refusal where one more stream is too many."""
        if self._closing or len(self._open) >= self._limit:
            raise refusals.unavailable(2.0)
        if self._by_address[address] >= self._per_address:
            raise refusals.too_many(5.0)

    def enter(self, stream: "EventStream", address: str) -> None:
        self._open[stream] = address
        self._by_address[address] += 1
        if self._closing:
            stream.end()

    def leave(self, stream: "EventStream") -> None:
        address = self._open.pop(stream)
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def close(self) -> None:
        """End every stream in order and take no more; their clients come back elsewhere, with their cursor."""
        self._closing = True
        for stream in self._open:
            stream.end()


class EventStream(Response):
    """The response that writes a feed. `first` is the feed's first step, already begun."""

    media_type = "text/event-stream"

    def __init__(
        self,
        feed: AsyncIterator[ChatEvent],
        first: asyncio.Future[ChatEvent],
        streams: Streams,
        address: str,
        headers: Mapping[str, str],
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(headers)
        self._feed = feed
        self._first = first
        self._streams = streams
        self._address = address
        self._pump: asyncio.Task[None] | None = None
        self._ending = False
        self._writing = asyncio.Lock()

    def end(self) -> None:
        """Finish the stream in order, soon."""
        self._ending = True
        if self._pump is not None:
            self._pump.cancel()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.enter(self, self._address)
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            orderly = await self._run(receive, send)
            if orderly:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.leave(self)
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
            await _close(self._feed)

    async def _run(self, receive: Receive, send: Send) -> bool:
        orderly = True
        try:
            async with asyncio.TaskGroup() as group:
                self._pump = group.create_task(self._write_events(send))
                await self._watch(receive, send)
        except* StreamOver as over:
            orderly = all(error.orderly for error in over.exceptions if isinstance(error, StreamOver))
        return orderly

    async def _write_events(self, send: Send) -> None:
        try:
            await self._write(send, frames.OPENING)
            await self._write(send, frame(await self._first))
            async for event in self._feed:
                await self._write(send, frame(event))
        except NotFound:
            await self._write(send, frames.failure("unknown_cursor"))
        except StoreUnavailable:
            log.warning("web.stream.store_unavailable")
        except asyncio.CancelledError:
            if not self._ending:
                raise
        raise StreamOver(orderly=True)

    async def _watch(self, receive: Receive, send: Send) -> None:
        while True:
            try:
                async with asyncio.timeout(self._streams.heartbeat_s):
                    message = await receive()
            except TimeoutError:
                await self._write(send, frames.HEARTBEAT)
            else:
                if message["type"] == "http.disconnect":
                    raise StreamOver(orderly=False)

    async def _write(self, send: Send, chunk: bytes) -> None:
        async with self._writing:
            try:
                async with asyncio.timeout(self._streams.stall_s):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except TimeoutError as error:
                log.info("web.stream.slow_reader")
                raise StreamOver(orderly=False) from error


async def _close(feed: AsyncIterator[ChatEvent]) -> None:
    aclose = getattr(feed, "aclose", None)
    if aclose is not None:
        await aclose()
