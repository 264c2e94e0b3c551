"""GET /api/chat/events: follow one's own conversation, from where one left."""

import asyncio
from contextlib import ExitStack

from starlette.requests import Request
from starlette.responses import Response

from adapters.web.gate import Visitor
from adapters.web.refusals import API_HEADERS, Refusal
from adapters.web.streams import EventStream, Streams
from bot.errors import NotFound
from bot.ports import Record
from bot.views import ChatEvent

FIRST_STEP_S = 0.15
LONGEST_CURSOR = 256
HEADERS = {**API_HEADERS, "X-Accel-Buffering": "no", "Content-Type": "text/event-stream; charset=utf-8"}


class Events:
    """Opens event streams. The cursor comes as `Last-Event-ID`, else as `?cursor=`; none: from the conversation's first event."""

    def __init__(self, record: Record, streams: Streams) -> None:
        self._record = record
        self._streams = streams

    async def get(self, request: Request, visitor: Visitor) -> Response:
        cursor = _cursor(request)
        self._streams.admit(visitor.address.chat_id)
        feed = self._record.follow(visitor.address, cursor)
        first = asyncio.ensure_future(anext(feed))
        with ExitStack() as failed:
            failed.callback(first.cancel)
            try:
                await _first_step(first)
            except NotFound as error:
                raise _unknown_cursor() from error
            failed.pop_all()
        return EventStream(feed, first, self._streams, visitor.address.chat_id, HEADERS)


async def _first_step(first: asyncio.Future[ChatEvent]) -> None:
    """A feed with news or a wrong cursor says so at once; a quiet one is opened without waiting for its first event."""
    await asyncio.wait({first}, timeout=FIRST_STEP_S)
    if first.done():
        first.result()


def _cursor(request: Request) -> str | None:
    cursor = request.headers.get("last-event-id") or request.query_params.get("cursor") or None
    if cursor is not None and not (len(cursor) <= LONGEST_CURSOR and cursor.isascii() and cursor.isprintable()):
        raise _unknown_cursor()
    return cursor


def _unknown_cursor() -> Refusal:
    return Refusal(
        400, "unknown_cursor", "The cursor is not one of this conversation's: read the turns and follow from their cursor."
    )
