"""A whole Frontdesk without HTTP around it: store, intake, worker and record over a scripted node."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.commands.menu import all_commands
from bot.conversation.contents import Contents
from bot.conversation.fetching import Fetching
from bot.conversation.fitting import Fitting
from bot.conversation.intake import StoredIntake
from bot.conversation.line import Line
from bot.conversation.manager import Manager, Voice
from bot.conversation.notices import Notices
from bot.conversation.record import StoredRecord
from bot.conversation.rollover import Rollover
from bot.conversation.storing import SUMMARISE
from bot.events import (
    AccountKey,
    AttachmentReference,
    Author,
    ChannelAddress,
    FreshStartRequested,
    MessageReceived,
    Receipt,
    Received,
    StopRequested,
)
from bot.generation.client import Deadlines, GenerationClient
from bot.generation.node import Node
from bot.generation.tide import Tide
from bot.jobs import Jobs
from bot.metrics import Metrics
from bot.ports import Files, PreviewTarget
from bot.store import parties, workspaces
from bot.store.memory import MemoryStore
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.views import ChatEvent, PreviewShown, TurnAdded, TurnView
from bot.worker import Worker
from tests.scripted_node import ScriptedNode

WEB = AccountKey("web", "main")
PROMPT = "You help."


class NoFiles:
    """Files of a channel on which none are sent."""

    async def fetch(self, address: ChannelAddress, reference: str, max_bytes: int) -> bytes:
        raise AssertionError(f"nobody sends files to {address.channel}")


class PlainPreviews:
    """Previews and their feed in one dictionary: the naive implementation of both ports."""

    def __init__(self) -> None:
        self._shown: dict[str, PreviewShown] = {}
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self.texts: list[str] = []

    def show(self, target: PreviewTarget, text: str) -> None:
        self.texts.append(text)
        self._shown[target.address_id] = PreviewShown(text, target.in_reply_to)
        self._tell(target.address_id)

    def gone(self, target: PreviewTarget) -> None:
        self._shown.pop(target.address_id, None)
        self._tell(target.address_id)

    def current(self, address_id: str) -> PreviewShown | None:
        return self._shown.get(address_id)

    def listen(self, address_id: str, listener: Callable[[], None]) -> AbstractContextManager[None]:
        return self._listening(address_id, listener)

    @contextmanager
    def _listening(self, address_id: str, listener: Callable[[], None]):
        self._listeners.setdefault(address_id, []).append(listener)
        try:
            yield
        finally:
            self._listeners[address_id].remove(listener)

    def _tell(self, address_id: str) -> None:
        for listener in self._listeners.get(address_id, []):
            listener()


@dataclass
class House:
    store: Store
    node: ScriptedNode
    intake: StoredIntake
    record: StoredRecord
    previews: PlainPreviews
    worker: Worker
    notices: Notices
    jobs: Jobs
    line: Line
    ref: AccountRef
    metrics: Metrics
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0

    async def hear(
        self, who: str, text: str, *, key: str = "", raw: bytes = b"", files: Sequence[AttachmentReference] = ()
    ) -> Receipt:
        """A customer writes, or sends files."""
        platform_id = f"m{self.sent + 1}" if files else ""
        event = MessageReceived(address(who), Author(who), text, datetime.now(UTC), platform_id, tuple(files))
        return await self._receive(event, key, raw or text.encode())

    async def stop(self, who: str) -> Receipt:
        return await self._receive(StopRequested(address(who), Author(who), datetime.now(UTC)), "", b"stop")

    async def begin_anew(self, who: str) -> Receipt:
        return await self._receive(FreshStartRequested(address(who), Author(who), datetime.now(UTC)), "", b"new")

    async def _receive(self, event, key: str, raw: bytes) -> Receipt:
        self.sent += 1
        (receipt,) = await self.intake.receive([Received(WEB, key or f"{self.store.process_id}:{self.sent}", raw, event)])
        return receipt

    async def dialogue(self, who: str) -> list[tuple[str, str]]:
        """The current conversation as pairs of role and text."""
        return [(turn.role, turn.text) for turn in (await self.record.turns(address(who), 0)).turns]

    async def answer(self, who: str, through: int, *, within_s: float = 20) -> TurnView:
        """Wait for the bot turn that answers the customer's turn `through`."""
        async for event in self.events(who, within_s=within_s):
            if isinstance(event, TurnAdded) and event.turn.role == "bot" and (event.turn.in_reply_to or 0) >= through:
                return event.turn
        raise AssertionError("the record never ends")

    async def events(self, who: str, cursor: str | None = None, *, within_s: float = 20) -> AsyncIterator[ChatEvent]:
        async with contextlib.aclosing(self.record.follow(address(who), cursor)) as events, asyncio.timeout(within_s):
            async for event in events:
                yield event

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something in memory to become true."""
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.002)


def address(who: str) -> ChannelAddress:
    return ChannelAddress("web", "main", who)


@asynccontextmanager
async def open_house(
    store: Store | None = None,
    *,
    deadlines: Deadlines | None = None,
    history_tokens: int = 0,
    max_tokens: int = 256,
    interruptible: bool = True,
    debounce_s: float = 0.0,
    notice_after_s: float = 3600,
    answer_within_s: float = 3600,
    lease_s: float = 10,
    dialect: str = "auto",
    greeting: str = "",
    running: bool = True,
    files: Files | None = None,
    file_within_s: float = 10.0,
) -> AsyncIterator[House]:
    """A running house over `store` (an in-memory one when none is given), with one workspace and the account web:main.

    A store that is handed in stays open.
    """
    given, store = store, store or MemoryStore()
    node = ScriptedNode()
    workspace_id = await store.write(workspaces.seed, "Shop", "UTC", greeting, PROMPT)
    ref = await store.write(parties.ensure_account, workspace_id, "web", "main", push=False)
    accounts = {WEB: ref}
    client = GenerationClient(await node.start(), "scripted", "", deadlines or Deadlines(5, 5, 20))
    profile = Node(client, dialect)
    previews, metrics = PlainPreviews(), Metrics()
    tide = Tide(metrics)
    fitting = Fitting(store, profile, history_tokens=history_tokens, max_tokens=max_tokens)
    manager = Manager(
        store,
        client,
        profile,
        tide,
        fitting,
        Contents(store, {ref.account_id: ref}),
        Fetching(store, files or NoFiles(), metrics, within_s=file_within_s),
        previews,
        Voice(0.0, debounce_s),
        lambda purpose, text: f"{purpose}{text}".encode().hex()[:64],
        lambda _, text: (text,),
        metrics,
    )
    worker = Worker(store, manager, metrics, lambda: [""], tide, lease_s=lease_s, interruptible=interruptible, drain_s=2)
    line = Line(store, metrics, list, answer_within_s=answer_within_s)
    rollover = Rollover(store, client, profile, fitting, lambda _, text: text.encode().hex()[:64])
    house = House(
        store,
        node,
        StoredIntake(store, accounts, all_commands(), metrics, debounce_s=debounce_s if not interruptible else 0.0),
        StoredRecord(store, accounts, previews, line),
        previews,
        worker,
        Notices(store, metrics, worker.shown, notice_after_s=notice_after_s, answer_within_s=answer_within_s),
        Jobs(store, {SUMMARISE: rollover.run_job}, metrics),
        line,
        ref,
        metrics,
    )
    parts = [house.worker, house.notices, house.jobs, house.line] if running else []
    tasks = [asyncio.create_task(part.run(house.stopping)) for part in parts]
    try:
        yield house
    finally:
        house.stopping.set()
        await asyncio.gather(*tasks)
        await client.close()
        await node.stop()
        if given is None:
            await store.close()
