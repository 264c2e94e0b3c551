"""Points around the requests of an adapter, and around its channel."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, TypeVar

from bot.events import ChannelAddress
from bot.ports import ChannelHabits, OutboundMessage, PushChannel
from tests.faults.points import Fuse

T = TypeVar("T")
ON_ITS_WAY_S = 0.002
NONCE_WINDOW_S = 4.0


async def crossing(fuse: Fuse, name: str, request: Awaitable[T]) -> T:
    """The request, with points before it, while it is on its way, and after its answer."""
    fuse.reach(f"{name}:before")
    timer = asyncio.get_running_loop().call_later(ON_ITS_WAY_S, fuse.reach, f"{name}:during")
    try:
        answer = await request
    finally:
        timer.cancel()
    fuse.reach(f"{name}:after")
    return answer


class FusedPlatform:
    """A push channel with points around what shows a text, and with paces at which a run of many deaths is over soon."""

    def __init__(self, channel: PushChannel, fuse: Fuse) -> None:
        self._channel = channel
        self._fuse = fuse

    def habits(self, address: ChannelAddress) -> ChannelHabits:
        real = self._channel.habits(address)
        window_s = NONCE_WINDOW_S if real.nonce_window_s else 0.0
        fast = {"account_rate": 1000.0, "account_burst": 1000, "chat_rate": 100.0, "chat_burst": 100}
        return replace(real, **fast, nonce_window_s=window_s)

    async def send(self, message: OutboundMessage) -> str:
        return await crossing(self._fuse, "channel.send", self._channel.send(message))

    async def edit(self, message: OutboundMessage, platform_id: str) -> None:
        await crossing(self._fuse, "channel.edit", self._channel.edit(message, platform_id))

    async def draft(self, message: OutboundMessage) -> None:
        await crossing(self._fuse, "channel.draft", self._channel.draft(message))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)
