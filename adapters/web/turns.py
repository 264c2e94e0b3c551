"""GET /api/chat/turns: the record of the current conversation."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapters.web.gate import Visitor
from adapters.web.refusals import invalid, json_response
from bot.ports import Record
from bot.views import TurnView

LAST_SEQ = 2**31 - 1


class TurnsPage(msgspec.Struct):
    """`cursor` is what GET /events continues from, without a gap and without a repeat."""

    conversation: str
    turns: tuple[TurnView, ...]
    cursor: str


class Turns:
    """Reads the record; `?after=SEQ` leaves out what the client has."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def get(self, request: Request, visitor: Visitor) -> Response:
        page = await self._record.turns(visitor.address, _after(request.query_params.get("after", "0")))
        return json_response(TurnsPage(page.conversation_id, page.turns, page.cursor))


def _after(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise invalid("`after` must be a seq: 0 or a positive whole number.")
    return min(int(text), LAST_SEQ)
