"""Where every channel hands in what happened. When `receive` returns, it is durable and may be acknowledged."""

import asyncio
from collections.abc import Mapping, Sequence

from bot.conversation.counters import Counters
from bot.conversation.receiving import take
from bot.events import AccountKey, Ignored, Receipt, Received
from bot.store.bulletin import Topic
from bot.store.parties import AccountRef
from bot.store.store import Store


class StoredIntake:
    """Intake over a store. `debounce_s`: how long a message waits for more of the same burst before it is due."""

    def __init__(
        self, store: Store, accounts: Mapping[AccountKey, AccountRef], counters: Counters, *, debounce_s: float = 0.0
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._counters = counters
        self._debounce_s = debounce_s

    async def receive(self, batch: Sequence[Received]) -> Sequence[Receipt]:
        """See `bot.ports.Intake`."""
        taken = await self._store.write(take, self._accounts, batch, self._debounce_s)
        for topic, key in taken.notices:
            if topic is Topic.DUE and self._debounce_s:
                asyncio.get_running_loop().call_later(self._debounce_s, self._store.bulletin.post, topic, key)
            else:
                self._store.bulletin.post(topic, key)
        for received, receipt in zip(batch, taken.receipts, strict=True):
            outcome = f"ignored:{receipt.reason}" if isinstance(receipt, Ignored) else type(receipt).__name__.lower()
            self._counters.count("updates", received.account.channel, outcome)
        return taken.receipts
