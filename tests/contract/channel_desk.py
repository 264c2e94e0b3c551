"""A store with one push account, and short words for what happens on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from bot.commands.menu import all_commands
from bot.conversation.claiming import OpenQuestion, take_due
from bot.conversation.memory import Memory
from bot.conversation.receiving import House, take
from bot.conversation.storing import Finished, store_answer
from bot.events import (
    AccountKey,
    AttachmentReference,
    Author,
    ChannelAddress,
    Cursor,
    MessageReceived,
    Receipt,
    Received,
    Stored,
)
from bot.store import outcomes, parties, sending, workspaces
from bot.store.conversations import WindowState
from bot.store.ids import ProcessId
from bot.store.parties import AccountRef
from bot.store.sending import Sending
from bot.store.store import Store
from bot.store.tables import account, turn
from bot.store.tables import outbox as outbox_table
from bot.store.times import from_now
from bot.store.traces import Trace
from tests.contract.stores import open_store

KEY = AccountKey("telegram", "main")
ME = ProcessId("me")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = ChannelAddress("telegram", "main", "-1")
ANN, BOB = Author("ann", "Ann"), Author("bob", "Bob")
PHOTO = AttachmentReference("photo", "file-1")
TRACE = Trace("m", 1, 1, 0, 1, 1, 0, None, 1, "stop", "")


class Desk:
    """A store with one push account, and short words for what happens on it."""

    def __init__(self, store: Store, ref: AccountRef) -> None:
        self.store, self.ref, self.count = store, ref, 0
        self.house = House({KEY: ref}, all_commands(), 0.0)

    async def receive(self, event: object, cursor: Cursor | None = None) -> Receipt:
        self.count += 1
        received = Received(KEY, f"k{self.count}", repr(event).encode(), event, cursor)  # type: ignore[arg-type]
        return (await self.store.write(take, self.house, [received])).receipts[0]

    async def say(self, text: str, platform_id: str = "", **more: object) -> Stored:
        self.count += 1
        message = MessageReceived(ROOM, ANN, text, NOW, platform_id or f"m{self.count}")
        receipt = await self.receive(replace(message, **more))  # type: ignore[arg-type]
        assert isinstance(receipt, Stored)
        return receipt

    async def claim(self) -> OpenQuestion:
        (question,) = await self.store.write(take_due, Memory(), self.ref.route, ME, lease_s=10, room=8)
        return question

    async def answer(self, text: str = "well") -> OpenQuestion:
        question = await self.claim()
        state = WindowState(0, 10, "key")
        done = Finished(question, text, (text,), question.asked_through, state, TRACE, {}, None, summarise=False)
        await self.store.write(store_answer, done, wait_s=0.0)
        return question

    async def rows(self, *columns: sa.ColumnElement[object] | sa.Column[object]) -> list[tuple[object, ...]]:
        return await self.store.read(lambda c: [tuple(row) for row in c.execute(sa.select(*columns))])

    async def told(self) -> list[str]:
        """What waits to be sent, without previews."""
        waiting = sa.select(outbox_table.c.text).where(outbox_table.c.state == "ready").order_by(outbox_table.c.place)
        return list(await self.store.read(lambda c: c.scalars(waiting).all()))

    async def texts(self) -> list[tuple[object, ...]]:
        return await self.rows(turn.c.seq, turn.c.text, turn.c.state, turn.c.revision)


@asynccontextmanager
async def open_desk(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_store(kind, request) as store:
        workspace_id = await store.write(workspaces.seed, "Shop", "UTC", "Welcome!", "You help.", "Call 555")
        yield Desk(store, await store.write(parties.ensure_account, workspace_id, "telegram", "main", push=True))


async def sent(desk: Desk, message_id: str = "sent-1") -> Sending:
    """The next message of the outbox goes out and is there."""
    await desk.store.write(lambda c: c.execute(sa.update(account).values(lease_owner=ME, lease_until=from_now(3600))))
    (head,) = await desk.store.read(sending.heads, desk.ref, room=1)
    row = await desk.store.write(sending.begin, desk.ref, head, ME, bound_s=60, counts_repeat=False)
    assert row is not None
    await desk.store.write(outcomes.record_sent, row, message_id)
    return row
