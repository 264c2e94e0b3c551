"""The one line in which an account's updates are stored: in order, in batches, offered again until the store took them."""

import asyncio
from collections import deque
from itertools import islice

import structlog

from adapters.discord.cursors import thinned
from bot.errors import StoreUnavailable
from bot.events import AccountKey, Received, Skipped
from bot.ports import Intake

MOST_AT_ONCE = 100
SKIPPED_WAIT_S = 2.0
log = structlog.get_logger(__name__)


class Lane:
    """Bounded. What is skipped waits up to two seconds for company, so that a busy channel does not cost a commit a message."""

    def __init__(self, account: AccountKey, intake: Intake, *, most: int = 10_000) -> None:
        self._account = account
        self._intake = intake
        self._most = most
        self._waiting: deque[Received] = deque()
        self._urgent = 0
        self._filled = asyncio.Event()
        self._pressing = asyncio.Event()
        self._moved = asyncio.Event()
        self._taken = 0
        self._stored = 0

    def put(self, received: Received) -> bool:
        """False when there is no room: nothing was kept."""
        if len(self._waiting) >= self._most:
            return False
        self._waiting.append(received)
        self._taken += 1
        self._filled.set()
        if not isinstance(received.event, Skipped) or len(self._waiting) >= MOST_AT_ONCE:
            self._pressing.set()
        return True

    async def settled(self) -> None:
        """Return when everything that is in the line now was stored."""
        until = self._taken
        while self._stored < until:
            self._pressing.set()
            await self._moved.wait()

    async def run(self) -> None:
        """Store until cancelled; what is not stored yet stays in the line."""
        while True:
            await self._filled.wait()
            await self._company()
            batch = list(islice(self._waiting, MOST_AT_ONCE))
            await self._store(batch)
            self._leave(len(batch))

    async def _company(self) -> None:
        try:
            async with asyncio.timeout(SKIPPED_WAIT_S):
                await self._pressing.wait()
        except TimeoutError:
            return

    async def _store(self, batch: list[Received]) -> None:
        await store(self._intake, self._account, thinned(batch))

    def _leave(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        self._stored += count
        if not self._waiting:
            self._filled.clear()
        if not any(not isinstance(one.event, Skipped) for one in self._waiting) and len(self._waiting) < MOST_AT_ONCE:
            self._pressing.clear()
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


async def store(intake: Intake, account: AccountKey, batch: list[Received]) -> None:
    """Offer a batch until it is stored."""
    while True:
        try:
            await intake.receive(batch)
        except StoreUnavailable as error:
            log.warning("discord.not_stored_yet", account=account.name, updates=len(batch), retry_after_s=error.retry_after_s)
            await asyncio.sleep(error.retry_after_s)
        else:
            return
