"""Sends what the outbox of one account holds: find who is first at each address, carry each one request further, again."""

import asyncio

import structlog

from bot.delivery.carry import Carrier
from bot.delivery.limits import DeliveryLimits
from bot.errors import StoreUnavailable
from bot.store import sending
from bot.store.bulletin import Topic
from bot.store.ids import AddressId
from bot.store.parties import AccountRef
from bot.store.sending import Head
from bot.store.store import Store

log = structlog.get_logger()


class Relay:
    """One account's loop. Run it only while the account is held (`tenure`); rows that an earlier holder left `sending` are
    in doubt from then on.
    """

    def __init__(self, store: Store, carrier: Carrier, ref: AccountRef, *, limits: DeliveryLimits) -> None:
        self._store = store
        self._carrier = carrier
        self._ref = ref
        self._limits = limits
        self._wake = asyncio.Event()
        self._stopping = False
        self._at_work: dict[AddressId, asyncio.Task[None]] = {}
        self._sending: set[AddressId] = set()

    def stop(self) -> None:
        """Start nothing more; `run` returns when what is under way is recorded, or its bound has passed."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Send until `stop`. Cancelled, it leaves rows `sending`, for the next holder to settle."""
        with self._store.bulletin.listen(Topic.OUTBOX, self._ref.account_id, lambda _: self._wake.set()):
            async with asyncio.TaskGroup() as tasks:
                await self._take_over()
                sweeping = tasks.create_task(self._sweep())
                while not self._stopping:
                    self._wake.clear()
                    idle_s = await self._start_due(tasks)
                    await self._wait(idle_s)
                sweeping.cancel()
                await self._drain()

    async def _take_over(self) -> None:
        while not self._stopping:
            try:
                return await self._carrier.take_over()
            except StoreUnavailable as error:
                await self._wait(error.retry_after_s)
        return None

    async def _start_due(self, tasks: asyncio.TaskGroup) -> float:
        """Start a task for each address that may go; returns how long nothing new can be due, in seconds."""
        free = self._limits.workers - len(self._at_work)
        if free == 0:
            return self._limits.poll_s
        try:
            # those at work may still be due in the database, so ask for as many more
            heads = await self._store.read(sending.heads, self._ref, room=free + len(self._at_work))
            fresh = [head for head in heads if head.address_id not in self._at_work][:free]
            for head in fresh:
                self._at_work[head.address_id] = tasks.create_task(self._work(head))
            return await self._idle_for() if not fresh else self._limits.poll_s
        except StoreUnavailable as error:
            return error.retry_after_s

    async def _idle_for(self) -> float:
        soonest_s = await self._store.read(sending.soonest, self._ref)
        return self._limits.poll_s if soonest_s is None else max(0.001, min(self._limits.poll_s, soonest_s))

    async def _work(self, head: Head) -> None:
        """One request for one address. A row that could not be marked is left alone for a breath."""
        try:
            if await self._carrier.may_go(head):
                self._sending.add(head.address_id)
                if not await self._carrier.carry(head):
                    await asyncio.sleep(self._limits.breath_s)
        except StoreUnavailable as error:
            log.warning("outbox not reached", account_id=self._ref.account_id, error=str(error))
            await asyncio.sleep(error.retry_after_s)
        finally:
            self._sending.discard(head.address_id)
            del self._at_work[head.address_id]
            self._wake.set()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _sweep(self) -> None:
        """A mark whose outcome never got recorded does not block its address for ever."""
        while True:
            await asyncio.sleep(self._limits.sweep_s)
            try:
                if await self._store.write(sending.orphans, self._ref, overdue_only=True):
                    self._wake.set()
            except StoreUnavailable as error:
                log.warning("outbox not swept", account_id=self._ref.account_id, error=str(error))

    async def _drain(self) -> None:
        """Finish the requests under way; rows that only waited for their budget are not marked and stay where they are."""
        for address_id, task in self._at_work.items():
            if address_id not in self._sending:
                task.cancel()
        under_way = list(self._at_work.values())
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=self._limits.drain_s)
            for task in late:
                task.cancel()
