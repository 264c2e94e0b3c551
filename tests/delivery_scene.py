"""A push account with its outbox in memory and a push double behind it: what tests of delivery stand on.

`Scene` is what survives a crash: database and platform. `Running` is what does not: one process's relay and previews.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import sqlalchemy as sa

from bot.delivery.carry import Carrier
from bot.delivery.limits import DeliveryLimits, PreviewLimits
from bot.delivery.pacing import Pacing
from bot.delivery.push_preview import PushPreviews
from bot.delivery.relay import Relay
from bot.events import Author, ChannelAddress
from bot.ports import ChannelHabits, PreviewTarget, PushChannel
from bot.store import accounts, conversations, outbox, parties, turns, workspaces
from bot.store.bulletin import Topic
from bot.store.ids import OutboxId, ProcessId, new_id
from bot.store.memory import MemoryStore
from bot.store.outbox import Lane, Reserved
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.store.tables import outbox as outbox_table
from tests.push_double import PushDouble

LEASE_S = 30.0
MICROSECONDS = 1_000_000


class Tallied:
    """A `Tally` that remembers."""

    def __init__(self) -> None:
        self.of: Counter[tuple[str, ...]] = Counter()

    def count(self, name: str, *labels: str) -> None:
        self.of[(name, *labels)] += 1


def settle_scene(connection: sa.Connection, chats: Sequence[str]) -> tuple[AccountRef, dict[str, Lane]]:
    """A workspace, its push account, and an open conversation in each chat ("chat" or "chat/thread")."""
    workspace_id = workspaces.seed(connection, "Shop", "UTC", "", "You help.")
    ref = parties.ensure_account(connection, workspace_id, "telegram", "main", push=True)
    lanes = {}
    for chat in chats:
        chat_id, _, thread_id = chat.partition("/")
        address_id = parties.make_address(connection, ref, ChannelAddress("telegram", "main", chat_id, thread_id))
        _, customer_id = parties.make_identity(connection, ref, Author(f"user of {chat}"))
        conversation_id = conversations.open_at(connection, ref, address_id, customer_id, event=0)
        lanes[chat] = Lane(workspace_id, ref.account_id, address_id, conversation_id)
    return ref, lanes


def say(connection: sa.Connection, lane: Lane, parts: Sequence[str], kind: str = "system") -> None:
    """A turn that was not streamed, and its outbox rows."""
    place = conversations.say(connection, lane.workspace_id, lane.conversation_id)
    turns.add(connection, place, kind, "".join(parts))
    outbox.enqueue(connection, lane, parts, kind=kind, epoch=1, seq=place.seq)


def answer(connection: sa.Connection, lane: Lane, reserved: OutboxId, parts: Sequence[str], epoch: int = 1) -> None:
    """A bot turn on its reserved row."""
    place = conversations.say(connection, lane.workspace_id, lane.conversation_id)
    turns.add(connection, place, "bot", "".join(parts))
    outbox.publish(connection, lane, reserved, parts, epoch=epoch, seq=place.seq)


@dataclass
class Scene:
    store: MemoryStore
    double: PushDouble
    ref: AccountRef
    lanes: dict[str, Lane]
    tally: Tallied

    async def say(self, chat: str, *parts: str, kind: str = "system") -> None:
        await self.store.write(say, self.lanes[chat], parts, kind)
        self.store.bulletin.post(Topic.OUTBOX, self.ref.account_id)

    async def reserve(self, chat: str, epoch: int = 1) -> Reserved:
        return await self.store.write(outbox.reserve, self.lanes[chat], epoch=epoch)

    async def answer(self, chat: str, reserved: OutboxId, *parts: str, epoch: int = 1) -> None:
        await self.store.write(answer, self.lanes[chat], reserved, parts, epoch)
        self.store.bulletin.post(Topic.OUTBOX, self.ref.account_id)

    def target(self, chat: str, reserved: OutboxId, epoch: int = 1) -> PreviewTarget:
        lane = self.lanes[chat]
        chat_id, _, thread_id = chat.partition("/")
        where = ChannelAddress("telegram", "main", chat_id, thread_id)
        return PreviewTarget(lane.workspace_id, lane.account_id, lane.address_id, where, reserved, 1, epoch)

    async def rows(self, chat: str | None = None) -> list[sa.Row]:
        found = await self.store.read(lambda c: c.execute(sa.select(outbox_table).order_by("outbox_id")).all())
        return [row for row in found if chat is None or row.address_id == self.lanes[chat].address_id]

    async def states(self, chat: str | None = None) -> list[str]:
        return [row.state for row in await self.rows(chat)]

    async def until_settled(self, within_s: float = 100_000) -> None:
        """Wait until no row is open. Rows in doubt and limited ones count as open."""
        async with asyncio.timeout(within_s):
            while {"ready", "sending", "in_doubt"} & set(await self.states()):
                await asyncio.sleep(0.5)


@dataclass
class Running:
    relay: Relay
    previews: PushPreviews
    pacing: Pacing
    task: asyncio.Task[None]


def open_scene(
    habits: ChannelHabits | Callable[[ChannelAddress], ChannelHabits], *chats: str, double: PushDouble | None = None
) -> Scene:
    """A scene on the running loop's clock: virtual time for the database too."""
    store = MemoryStore()
    now = asyncio.get_running_loop().time
    raw = store._connection.connection.driver_connection
    raw.create_function("frontdesk_from_now", 1, lambda seconds: int((now() + seconds) * MICROSECONDS))
    with store._engine.connect():
        pass
    store._connection.exec_driver_sql("BEGIN")
    ref, lanes = settle_scene(store._connection, chats)
    store._connection.commit()
    at_address = habits if callable(habits) else lambda _: habits
    return Scene(store, double or PushDouble(at_address), ref, lanes, Tallied())


@asynccontextmanager
async def running(
    scene: Scene,
    *,
    store: Store | None = None,
    channel: PushChannel | None = None,
    limits: DeliveryLimits | None = None,
    preview_limits: PreviewLimits | None = None,
    seed: int = 1,
) -> AsyncIterator[Running]:
    """One process that holds the account; left, it dies at once. `store` and `channel` may be wrapped ones."""
    store, channel = store or scene.store, channel or scene.double
    process = scene.store.process_id
    assert await scene.store.write(accounts.hold, scene.ref, process, lease_s=1e6)
    pacing = Pacing()
    previews = PushPreviews(store, channel, pacing=pacing, tally=scene.tally, limits=preview_limits or PreviewLimits())
    limits = limits or DeliveryLimits()
    carrier = Carrier(
        store,
        channel,
        scene.ref,
        pacing=pacing,
        previews=previews,
        tally=scene.tally,
        limits=limits,
        chance=random.Random(seed).random,
    )
    relay = Relay(store, carrier, scene.ref, limits=limits)
    tasks = [asyncio.create_task(relay.run()), asyncio.create_task(previews.run())]
    await asyncio.sleep(0)
    try:
        yield Running(relay, previews, pacing, tasks[0])
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


def as_new_process(scene: Scene) -> None:
    """The next `running` is another process, after the leases of the dead one ran out."""
    scene.store.process_id = ProcessId(new_id())
    scene.store._connection.exec_driver_sql("BEGIN")
    scene.store._connection.exec_driver_sql("UPDATE account SET lease_owner = NULL, lease_until = NULL")
    scene.store._connection.commit()


def slowly(habits: ChannelHabits, **changed: float) -> ChannelHabits:
    return replace(habits, **changed)
