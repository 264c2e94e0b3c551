"""Several accounts in one process, and more questions than are answered at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot.commands.menu import all_commands
from bot.conversation.answering import Answering
from bot.conversation.manager import Manager
from bot.conversation.memory import Memory
from bot.conversation.receiving import House, take
from bot.events import AccountKey, Author, ChannelAddress, MessageReceived, Received
from bot.generation.tide import Tide
from bot.metrics import Metrics
from bot.store import parties, workspaces
from bot.store.memory import MemoryStore
from bot.store.parties import AccountRef
from bot.worker import Worker

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Notebook(Manager):
    """Answers nothing, and notes for which account it was asked to."""

    def __init__(self, most: int) -> None:
        self.memory = Memory()
        self.asked: list[str] = []
        self.full = asyncio.Event()
        self._most = most

    async def answer(self, answering: Answering) -> None:
        assert answering.question.lane is not None
        self.asked.append(answering.question.lane.account_id)
        if len(self.asked) == self._most:
            self.full.set()


async def test_an_account_with_much_to_answer_does_not_keep_the_others_waiting() -> None:
    store, manager = MemoryStore(), Notebook(5)
    workspace_id = await store.write(workspaces.seed, "Shop", "UTC", "", "You help.")
    busy, quiet = [await store.write(parties.ensure_account, workspace_id, "telegram", name, push=True) for name in ("a", "b")]
    for ref, number in ((busy, 1), (busy, 2), (busy, 3), (busy, 4), (quiet, 5)):
        await ask(store, ref, number)
    tide, routes = Tide(Metrics(), most=1), [busy.route, quiet.route]
    worker = Worker(store, manager, Metrics(), lambda: routes, tide, lease_s=60, interruptible=False)
    async with running(worker), asyncio.timeout(20):
        await manager.full.wait()
    assert quiet.account_id in manager.asked[:2]
    await store.close()


async def ask(store: MemoryStore, ref: AccountRef, number: int) -> None:
    """A question of a chat of its own."""
    where = ChannelAddress(ref.channel, ref.name, str(number))
    event = MessageReceived(where, Author(str(number)), "what?", NOW, "1")
    account = AccountKey(ref.channel, ref.name)
    await store.write(take, House({account: ref}, all_commands(), 0.0), [Received(account, str(number), b"", event)])


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(worker.run(stopping))
    yield
    stopping.set()
    await task
