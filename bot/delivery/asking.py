"""One request to a channel, bounded: whatever goes wrong comes back as one of the channel errors."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import structlog

from bot.delivery.tally import Tally
from bot.errors import ChannelError, DeliveryUnknown

T = TypeVar("T")
log = structlog.get_logger()


async def ask(request: Awaitable[T], *, within_s: float, tally: Tally) -> T:
    """The channel's answer. Raises ChannelErrors only; no answer within `within_s` seconds is DeliveryUnknown."""
    try:
        async with asyncio.timeout(within_s):
            return await request
    except TimeoutError as late:
        raise DeliveryUnknown("no answer within the bound") from late
    except ChannelError:
        raise
    except Exception as mistake:
        # a mistake of one channel's code must not stop the other messages: nobody knows what became of this one
        log.exception("channel failed")
        tally.count("failures", "delivery")
        raise DeliveryUnknown(type(mistake).__name__) from mistake
