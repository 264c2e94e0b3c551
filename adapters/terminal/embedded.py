"""The dialogue of whoever sits at this machine, with the bot in the same process."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count

from adapters.terminal.chat import Happening, Refused
from bot.events import Author, ChannelAddress, Event, FreshStartRequested, MessageReceived, Received, StopRequested, Stored
from bot.ports import Intake, Record
from bot.views import TurnView


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
            await self.begin_anew()
            page = await self._record.turns(self._address, 0)
        self._cursor = page.cursor
        return page.turns

    async def events(self) -> AsyncIterator[Happening]:
        async for event in self._record.follow(self._address, self._cursor):
            yield event

    async def say(self, text: str) -> int | Refused | None:
        receipt = await self._receive(MessageReceived(self._address, self._author, text, datetime.now(UTC)), text)
        return receipt.seq if isinstance(receipt, Stored) else None

    async def stop(self) -> None:
        await self._receive(StopRequested(self._address, self._author, datetime.now(UTC)), "stop")

    async def begin_anew(self) -> None:
        await self._receive(FreshStartRequested(self._address, self._author, datetime.now(UTC)), "new")

    async def _receive(self, event: Event, raw: str) -> object:
        (receipt,) = await self._intake.receive([Received(self._address.account_key, next(self._keys), raw.encode(), event)])
        return receipt
