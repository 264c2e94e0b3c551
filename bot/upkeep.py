"""Memory is bounded by construction: what has served its time is dropped, a little at a time."""

import asyncio
from functools import partial

import structlog

from bot.rounds import Failures, go_round
from bot.store import inbox, sessions
from bot.store.store import Store

INBOX_AGE_S = 7 * 86_400.0
EVERY_S = 600.0
GROUP = 500
log = structlog.get_logger()


class Upkeep:
    """Raw updates and their keys after seven days, sessions that expired. Small units, so that nobody waits for them."""

    name = "upkeep"

    def __init__(self, store: Store, counters: Failures) -> None:
        self._store = store
        self._counters = counters

    async def run(self, stopping: asyncio.Event) -> None:
        """Tidy at the start and every ten minutes until `stopping`."""
        step, wake = partial(self.tidy, stopping), asyncio.Event()
        await go_round(self.name, self._counters, step, every_s=EVERY_S, stopping=stopping, wake=wake)

    async def tidy(self, stopping: asyncio.Event) -> None:
        """Drop all that is due to go."""
        dropped = {"inbox": 0, "sessions": 0}
        while (gone := await self._store.write(inbox.drop_older_than, INBOX_AGE_S, GROUP)) and not stopping.is_set():
            dropped["inbox"] += gone
        while (gone := await self._store.write(sessions.drop_expired, GROUP)) and not stopping.is_set():
            dropped["sessions"] += gone
        if any(dropped.values()):
            log.info("upkeep.dropped", **dropped)
