"""The Discord channel on the stand-in, as a rig of the push-channel suite. Real sockets: its stories run in real time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from adapters.discord.account import DiscordAccount
from bot.events import ChannelAddress
from bot.ports import PushChannel
from tests.discord_book import KEY, Book, account_of
from tests.discord_server import CREATE_MESSAGE, DiscordServer
from tests.discord_server import Fault as Wire
from tests.push_double import Fault

WIRE = {
    Fault.UNKNOWN_BEFORE: Wire.error(503),
    Fault.UNKNOWN_AFTER: Wire.dropped(),
    Fault.LIMIT_CHAT: Wire.limited(0.2),
    Fault.LIMIT_ACCOUNT: Wire.limited(0.2, scope="global"),
}


class DiscordRig:
    """A DM of a bot and a person. `run` gives a story its own loop, with the server up inside."""

    def __init__(self) -> None:
        self.server: DiscordServer
        self.account: DiscordAccount

    @classmethod
    def run(cls, story: Callable[[Self], Awaitable[Any]]) -> None:
        async def inside() -> None:
            async with cls().up() as rig:
                await story(rig)

        asyncio.run(inside())

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Self]:
        async with DiscordServer() as self.server:
            self.bot, self.person = self.server.application("token"), self.server.person("anna")
            self.dm = self.person.dm(self.bot)
            self.account = account_of(self.server, self.bot, Book())
            try:
                yield self
            finally:
                await self.account.close()

    @property
    def at(self) -> ChannelAddress:
        return ChannelAddress(KEY.channel, KEY.name, str(self.dm.id))

    @property
    def channel(self) -> PushChannel:
        return self.account.channel

    def fail_next(self, fault: Fault) -> None:
        """The next message to be created fails; GONE and REFUSED come from the platform's own rules."""
        if fault is Fault.GONE:
            self.person.close_dms(self.bot)
        elif fault is Fault.REFUSED:
            self.server.fail_next(Wire.error(400), *CREATE_MESSAGE)
        else:
            self.server.fail_next(WIRE[fault], *CREATE_MESSAGE)

    def on_show(self) -> list[str]:
        return self.server.on_show(self.dm)

    def delete(self, platform_id: str) -> None:
        """The message is taken away behind the bot's back."""
        self.server.posting.delete(self.dm.messages[int(platform_id)], bot=None)
