"""A guild with one channel, a bot and anna, and a canary that speaks for the bot by plain HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.discord_clients import Raw, raw
from tests.discord_server import Application, Channel, DiscordServer, Guild, Limits, Person

FREE = Limits.unlimited(file_bytes=100_000, request_bytes=250_000)


@dataclass
class Scene:
    server: DiscordServer
    bot: Application
    guild: Guild
    place: Channel
    anna: Person
    raw: Raw

    @property
    def messages(self) -> str:
        return f"/channels/{self.place.id}/messages"

    async def post(self, body: Any, place: Channel | None = None, **options: Any) -> tuple[int, Any]:
        return await self.raw.ask("POST", f"/channels/{(place or self.place).id}/messages", body, **options)


@asynccontextmanager
async def opened() -> AsyncIterator[Scene]:
    async with DiscordServer(FREE) as server:
        bot = server.application("token")
        guild = server.world.guild("Shop")
        server.world.invite(guild, bot)
        anna = server.person("anna")
        anna.join(guild)
        async with raw(server, bot) as asking:
            yield Scene(server, bot, guild, server.world.text_channel(guild, "help"), anna, asking)


def refused(answer: tuple[int, Any]) -> tuple[int, int]:
    return answer[0], answer[1]["code"]
