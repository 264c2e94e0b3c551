"""A guild of the Discord stand-in with a bot, anna and one channel, without limits: where the canaries live."""

from typing import Any

import discord

from tests.discord_clients import raw
from tests.discord_server import Application, Channel, DiscordServer, Guild, Limits, Person

FREE = Limits.unlimited()
ALL_DEFAULT = discord.Intents.default().value
ORIGINAL = "/webhooks/{app}/{token}/messages/@original"
EPHEMERAL = 64
PLAIN = {"name": "go", "description": "Go", "type": 1}


def scene(
    server: DiscordServer, *, members: bool = False, message_content: bool = True
) -> tuple[Application, Person, Channel, Guild]:
    bot = server.application("token", members=members, message_content=message_content)
    anna, guild = server.person("anna"), server.world.guild("Shop")
    server.world.invite(guild, bot)
    anna.join(guild)
    return bot, anna, server.world.text_channel(guild, "help"), guild


async def register(
    server: DiscordServer, bot: Application, *commands: dict[str, Any], guild: Guild | None = None
) -> tuple[int, Any]:
    scope = f"/guilds/{guild.id}" if guild else ""
    async with raw(server, bot) as asking:
        return await asking.ask("PUT", f"/applications/{bot.id}{scope}/commands", list(commands))
