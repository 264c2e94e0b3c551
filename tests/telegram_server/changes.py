"""Waiting for something to become true without looking at it ten times a second."""

import asyncio
from collections.abc import Callable


class Changes:
    """`happened()` lets every waiter look again."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def happened(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, predicate: Callable[[], object], timeout_s: float) -> None:
        """Returns when the predicate is true after some change; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not predicate():
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter
