"""Holds an account for this process: takes its lease, renews it while the body runs, ends the body when it is lost."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from bot.errors import StoreUnavailable
from bot.store import accounts
from bot.store.parties import AccountRef
from bot.store.store import Store

RELEASE_S = 5.0
log = structlog.get_logger()


class Tenure:
    """One account's lease of `lease_s` seconds, by the database's clock; what it promises is counted on ours, from before
    each request, so that we always think it ends earlier than it does.
    """

    def __init__(self, store: Store, ref: AccountRef, *, lease_s: float) -> None:
        self._store = store
        self._ref = ref
        self._lease_s = lease_s
        self._until = 0.0

    async def hold(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run `body` whenever the account is ours, until it returns by itself. When the lease is lost it is cancelled, and
        begun again once the account is ours again. Its errors are raised. The lease is released at the end.
        """
        while True:
            await self._take()
            try:
                if await self._serve(body):
                    return
            finally:
                await self._release()

    async def _take(self) -> None:
        # another's lease ends in the database, from where no event reaches us
        while not await self._extend(accounts.hold):  # noqa: ASYNC110
            await asyncio.sleep(self._lease_s / 3)
        log.info("account held", account=f"{self._ref.channel}.{self._ref.name}")

    async def _extend(self, unit: Callable[..., bool]) -> bool:
        until = asyncio.get_running_loop().time() + self._lease_s
        try:
            async with asyncio.timeout(self._lease_s / 3):
                held = await self._store.write(unit, self._ref, self._store.process_id, lease_s=self._lease_s)
        except (StoreUnavailable, TimeoutError):
            return False
        if held:
            self._until = until
        return held

    async def _serve(self, body: Callable[[], Awaitable[None]]) -> bool:
        """Whether the body came to its own end."""
        served = asyncio.ensure_future(body())
        kept = asyncio.create_task(self._keep())
        try:
            await asyncio.wait({served, kept}, return_when=asyncio.FIRST_COMPLETED)
            finished = served.done()
        finally:
            for task in (served, kept):
                task.cancel()
            await asyncio.wait({served, kept})
        if finished or (not served.cancelled() and served.exception() is not None):
            served.result()
        if not finished:
            log.warning("account lost", account_id=self._ref.account_id)
        return finished

    async def _keep(self) -> None:
        """Return when the lease is lost, or may be."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            if not await self._extend(accounts.renew):
                left_s = self._until - asyncio.get_running_loop().time()
                if left_s <= self._lease_s / 3 or await self._is_another_s():
                    return

    async def _is_another_s(self) -> bool:
        try:
            return await self._store.read(accounts.holder, self._ref) != self._store.process_id
        except StoreUnavailable:
            return False

    async def _release(self) -> None:
        """Let others in at once; if the database is away, the lease runs out by itself."""
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                await self._store.write(accounts.release, self._ref, self._store.process_id)
