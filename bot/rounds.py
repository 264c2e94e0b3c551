"""The loop of a part and its boundary: whatever one round meets is logged and counted, and the loop goes on."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import structlog

from bot.errors import FrontdeskError

FAILED_S = 2.0
T = TypeVar("T")
log = structlog.get_logger()


class Failures(Protocol):
    """Counters by name; the loop counts `failures` of its part."""

    def count(self, name: str, *labels: str) -> None: ...


async def guarded(part: str, counters: Failures, work: Awaitable[T], **ids: str) -> T | Exception:
    """What `work` returned or raised. Our own errors are named for what to do about them; any other is a failure of the part,
    logged with `ids`.
    """
    try:
        return await work
    except FrontdeskError as error:
        return error
    except Exception as error:  # named boundary of every loop: one conversation, job or look must not end the others
        log.exception("part.failed", part=part, **ids)
        counters.count("failures", part)
        return error


async def go_round(
    part: str,
    counters: Failures,
    step: Callable[[], Awaitable[object]],
    *,
    every_s: float,
    stopping: asyncio.Event,
    wake: asyncio.Event,
) -> None:
    """`step`, then wait until `wake`, `stopping` or `every_s` seconds; so on until `stopping`, whatever a step raises.

    A step that returned True is followed by the next at once; one that failed by a wait that nothing shortens but the end.
    """
    waker = asyncio.create_task(_wake_on(stopping, wake))
    try:
        while not stopping.is_set():
            wake.clear()
            outcome = await guarded(part, counters, step())
            if isinstance(outcome, FrontdeskError):
                log.warning("part.waits", part=part, error=str(outcome))
            if isinstance(outcome, Exception):
                await _wait(stopping, min(FAILED_S, every_s))
            elif outcome is not True:
                await _wait(wake, every_s)
    finally:
        waker.cancel()


async def _wake_on(stopping: asyncio.Event, wake: asyncio.Event) -> None:
    await stopping.wait()
    wake.set()


async def _wait(event: asyncio.Event, within_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
