"""Where every channel hands in what happened. When `receive` returns, it is durable and may be acknowledged."""

import asyncio
from collections.abc import Mapping, Sequence

from bot.conversation.commands import Commands
from bot.conversation.counters import Counters
from bot.conversation.receiving import House, take, take_apart
from bot.conversation.sender import Taken
from bot.errors import FrontdeskError
from bot.events import AccountKey, Ignored, Receipt, Received, Stored
from bot.rounds import guarded
from bot.store import reading
from bot.store.bulletin import Topic
from bot.store.parties import AccountRef
from bot.store.store import Store


class StoredIntake:
    """Intake over a store. `debounce_s`: how long a message waits for more of the same burst before it is due."""

    def __init__(
        self,
        store: Store,
        accounts: Mapping[AccountKey, AccountRef],
        commands: Commands,
        counters: Counters,
        *,
        debounce_s: float = 0.0,
    ) -> None:
        self._store = store
        self._house = House(accounts, commands, debounce_s)
        self._counters = counters
        self._debounce_s = debounce_s

    async def receive(self, batch: Sequence[Received]) -> Sequence[Receipt]:
        """See `bot.ports.Intake`."""
        taken = await self._take(batch)
        for topic, key in taken.notices:
            if topic is Topic.DUE and self._debounce_s:
                asyncio.get_running_loop().call_later(self._debounce_s, self._store.bulletin.post, topic, key)
            else:
                self._store.bulletin.post(topic, key)
        for received, receipt in zip(batch, taken.receipts, strict=True):
            outcome = f"ignored:{receipt.reason}" if isinstance(receipt, Ignored) else type(receipt).__name__.lower()
            self._counters.count("updates", received.account.channel, outcome)
            if isinstance(receipt, Stored) and not receipt.repeated:
                self._counters.count("turns", "customer")
        return taken.receipts

    async def _take(self, batch: Sequence[Received]) -> Taken:
        """All at once; with a savepoint for each update only where one of them fails."""
        for unit in (take, take_apart):
            taken = await guarded("intake", self._counters, self._store.write(unit, self._house, batch))
            if isinstance(taken, FrontdeskError):
                raise taken
            if not isinstance(taken, Exception):
                return taken
        return await self._store.write(take_apart, self._house, batch, lost=True)


class StoredCursors:
    """How far each place of an account was read, over a store."""

    def __init__(self, store: Store, accounts: Mapping[AccountKey, AccountRef]) -> None:
        self._store = store
        self._accounts = accounts

    async def of(self, account: AccountKey) -> Mapping[str, str]:
        """See `bot.ports.Cursors`."""
        return await self._store.read(reading.positions, self._accounts[account])
