"""A long run ends in order when it is told to."""

import asyncio
import signal
from collections.abc import Coroutine


async def until_told(work: Coroutine[None, None, None]) -> None:
    """A SIGTERM ends servers and lives in order, as Ctrl-C does."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task
