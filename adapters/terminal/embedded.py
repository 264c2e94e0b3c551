"""The dialogue of whoever sits at this machine, with the bot in the same process."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import count

from adapters.terminal.backoff import Backoff
from adapters.terminal.chat import Happening, LinkBack, LinkLost, Refused
from bot.errors import StoreUnavailable
from bot.events import (
    Author,
    ChannelAddress,
    Conflict,
    DeadLettered,
    Event,
    FreshStartRequested,
    MessageReceived,
    Receipt,
    Received,
    StopRequested,
    Stored,
)
from bot.ports import Intake, Record
from bot.views import ChatEvent, PlaceShown, PreviewGone, PreviewShown, TurnView


class EmbeddedChat:
    """`Chat` over the ports. Messages of one start are told apart by `start`, which must differ each time."""

    def __init__(self, intake: Intake, record: Record, address: ChannelAddress, author: Author, *, start: str) -> None:
        self._intake = intake
        self._record = record
        self._address = address
        self._author = author
        self._keys = (f"{start}:{number}" for number in count())
        self._cursor = ""

    async def history(self) -> tuple[TurnView, ...]:
        page = await self._record.turns(self._address, 0)
        if not page.conversation_id:
            await self._receive(FreshStartRequested(self._address, self._author, datetime.now(UTC)), "new")
            page = await self._record.turns(self._address, 0)
        self._cursor = page.cursor
        return page.turns

    async def events(self) -> AsyncIterator[Happening]:
        while True:
            try:
                async with aclosing(self._follow()) as events:
                    async for event in events:
                        yield event
            except StoreUnavailable as error:
                yield LinkLost()
                await self._until_back(error.retry_after_s)
                yield LinkBack()

    async def _follow(self) -> AsyncGenerator[ChatEvent, None]:
        async for event in self._record.follow(self._address, self._cursor):
            if not isinstance(event, (PreviewShown, PreviewGone, PlaceShown)):
                self._cursor = event.cursor
            yield event

    async def _until_back(self, wait_s: float) -> None:
        backoff = Backoff()
        while True:
            await asyncio.sleep(backoff.next(wait_s))
            try:
                await self._record.turns(self._address, 0)
            except StoreUnavailable as error:
                wait_s = error.retry_after_s
            else:
                return

    async def say(self, text: str) -> int | Refused | None:
        match await self._receive(MessageReceived(self._address, self._author, text, datetime.now(UTC), private=True), text):
            case Stored(_, seq):
                return seq
            case DeadLettered() | Conflict():
                return Refused("The message could not be read.")
            case _:
                return None

    async def stop(self) -> None:
        await self._receive(StopRequested(self._address, self._author, datetime.now(UTC)), "stop")

    async def _receive(self, event: Event, raw: str) -> Receipt:
        """Hand it over until it is stored; its one key makes a repeat harmless."""
        received = Received(self._address.account_key, next(self._keys), raw.encode("utf-8", "replace"), event)
        backoff = Backoff()
        while True:
            try:
                (receipt,) = await self._intake.receive([received])
            except StoreUnavailable as error:
                await asyncio.sleep(backoff.next(error.retry_after_s))
            else:
                return receipt
