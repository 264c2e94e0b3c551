"""POST stop, new, rate, press: what a visitor does besides talking."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapters.web import bodies, refusals
from adapters.web.gate import Visitor
from adapters.web.messages import ClientId, Message, Messages, checked_id
from adapters.web.refusals import json_response
from bot.events import Acted, AnswerRated, Event, FreshStartRequested, Receipt, Received, StopRequested
from bot.ports import Intake, Record


class Rating(msgspec.Struct):
    """`turn` is the id of a bot turn; `value` 1 is helpful, -1 is not."""

    turn: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    value: Literal[1, -1]
    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class Press(msgspec.Struct):
    """`id` is the client's own, as in a message; `button` the id of a button under a turn of the current conversation."""

    id: ClientId
    button: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class ConversationOpened(msgspec.Struct):
    conversation: str


class Controls:
    """Hands controls to intake, which acts on them at once. A control repeated by the network is harmless, so keys are ours."""

    def __init__(self, intake: Intake, record: Record, messages: Messages, now: Callable[[], datetime]) -> None:
        self._intake = intake
        self._record = record
        self._messages = messages
        self._now = now

    async def stop(self, _request: Request, visitor: Visitor) -> Response:
        await self._hand_over("stop", visitor, StopRequested(visitor.address, visitor.author, self._now()))
        return json_response({}, 202)

    async def new(self, _request: Request, visitor: Visitor) -> Response:
        receipt = await self._hand_over("new", visitor, FreshStartRequested(visitor.address, visitor.author, self._now()))
        if not isinstance(receipt, Acted):
            raise refusals.conflict()
        return json_response(ConversationOpened(receipt.conversation_id), 201)

    async def rate(self, request: Request, visitor: Visitor) -> Response:
        rating = await bodies.decode(request, Rating)
        if not rating.turn.isprintable():
            raise refusals.not_found("There is no such turn.")
        reason = bodies.clean(rating.reason).strip()
        event = AnswerRated(visitor.address, visitor.author, rating.turn, rating.value, reason, self._now())
        if not isinstance(await self._hand_over("rate", visitor, event, msgspec.json.encode(rating)), Acted):
            raise refusals.not_found("There is no such turn to rate.")
        return Response(status_code=204, headers=refusals.API_HEADERS)

    async def press(self, request: Request, visitor: Visitor) -> Response:
        """A pressed button says its label: it reaches the conversation as the visitor's message, once per id."""
        press = await bodies.decode(request, Press)
        label = await self._label(visitor, press.button)
        await self._messages.store(visitor, Message(checked_id(press.id), label), msgspec.json.encode(press))
        return json_response({}, 202)

    async def _label(self, visitor: Visitor, button_id: str) -> str:
        page = await self._record.turns(visitor.address, 0)
        for turn in reversed(page.turns):
            for button in turn.buttons:
                if button.id == button_id:
                    return button.label
        raise refusals.not_found("There is no such button.")

    async def _hand_over(self, name: str, visitor: Visitor, event: Event, raw: bytes = b"{}") -> Receipt:
        key = f"{name}:{visitor.session_id}:{uuid4().hex}"
        receipts = await self._intake.receive([Received(visitor.address.account_key, key, raw, event)])
        return receipts[0]
