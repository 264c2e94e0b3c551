"""One request to a channel, bounded: whatever goes wrong comes back as one of the channel errors."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from bot.delivery.tally import Tally
from bot.errors import ChannelError, DeliveryUnknown
from bot.rounds import guarded

T = TypeVar("T")


async def ask(request: Awaitable[T], *, within_s: float, tally: Tally) -> T:
    """The channel's answer. Raises ChannelErrors only; no answer within `within_s` seconds is DeliveryUnknown, and so is a
    mistake of one channel's code, which must not stop the other messages: nobody knows what became of this one.
    """
    outcome = await guarded("delivery", tally, _bounded(request, within_s))
    if isinstance(outcome, ChannelError):
        raise outcome
    if isinstance(outcome, Exception):
        raise DeliveryUnknown(type(outcome).__name__) from outcome
    return outcome


async def _bounded(request: Awaitable[T], within_s: float) -> T:
    try:
        async with asyncio.timeout(within_s):
            return await request
    except TimeoutError as late:
        raise DeliveryUnknown("no answer within the bound") from late
