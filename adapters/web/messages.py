"""POST /api/chat/messages: what a visitor says, acknowledged after it is stored."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapters.web import bodies, refusals
from adapters.web.gate import Visitor
from adapters.web.refusals import json_response
from bot.events import Acted, Conflict, DeadLettered, Ignored, MessageReceived, Receipt, Received, Stored
from bot.ports import Intake

ClientId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Message(msgspec.Struct):
    """`id` is the client's own, unique in its session: the same id and text may be sent again and are stored once."""

    id: ClientId
    text: str


class Accepted(msgspec.Struct):
    """`seq` of the stored turn; null for a command, which is acted on and leaves no turn."""

    seq: int | None


class Messages:
    """Checks a message and hands it to intake. `now` gives the time of arrival in UTC."""

    def __init__(self, intake: Intake, now: Callable[[], datetime], max_text_bytes: int) -> None:
        self._intake = intake
        self._now = now
        self._max_text = max_text_bytes
        self._max_body = 6 * max_text_bytes + bodies.SMALL  # JSON may spell one byte as six: \\u0041

    async def post(self, request: Request, visitor: Visitor) -> Response:
        message = await bodies.decode(request, Message, self._max_body)
        message = Message(checked_id(message.id), self._checked_text(message.text))
        return json_response(Accepted(await self.store(visitor, message, msgspec.json.encode(message))), 202)

    async def store(self, visitor: Visitor, message: Message, raw: bytes) -> int | None:
        """The seq of the stored turn, or None where nothing was said. The same id with another `raw` raises the 409 Refusal."""
        event = MessageReceived(visitor.address, visitor.author, message.text, self._now(), private=True)
        key = f"{visitor.session_id}:{message.id}"
        receipts = await self._intake.receive([Received(visitor.address.account_key, key, raw, event)])
        return _seq(receipts[0])

    def _checked_text(self, text: str) -> str:
        if len(text) > self._max_text:
            raise refusals.too_long(self._max_text)
        cleaned = bodies.clean(text)
        if len(cleaned.encode()) > self._max_text:
            raise refusals.too_long(self._max_text)
        if bodies.is_blank(cleaned):
            raise refusals.blank()
        return cleaned


def checked_id(client_id: str) -> str:
    if not client_id.isprintable() or client_id.isspace():
        raise refusals.invalid("The id must be 1 to 128 printable characters.")
    return client_id


def _seq(receipt: Receipt) -> int | None:
    match receipt:
        case Stored():
            return receipt.seq
        case Acted() | Ignored():
            return None
        case Conflict():
            raise refusals.conflict()
        case DeadLettered():
            raise refusals.invalid("The message could not be read.")
