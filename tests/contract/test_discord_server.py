"""A real discord.py client against the Discord stand-in: it logs in, hears, answers, and comes back after a cut."""

from collections.abc import AsyncIterator

import pytest

from tests.discord_clients import client_of
from tests.discord_server import DiscordServer


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as made:
        yield made


async def test_a_client_logs_in_and_sees_its_guild_with_channels_and_threads(server: DiscordServer) -> None:
    bot, world = server.application("token"), server.world
    guild = world.guild("Shop")
    world.invite(guild, bot)
    anna = server.person("anna")
    anna.join(guild)
    help_ = world.text_channel(guild, "help")
    thread = anna.start_thread("my order", place=help_)
    async with client_of(server, bot) as client:
        assert client.user is not None
        assert client.user.id == bot.id
        (seen,) = client.guilds
        assert [one.name for one in seen.text_channels] == ["help"]
        assert [one.id for one in seen.threads] == [thread.id]


async def test_a_client_hears_a_direct_message_and_its_answer_is_shown(server: DiscordServer) -> None:
    bot, anna = server.application("token"), server.person("anna")
    dm = anna.dm(bot)
    async with client_of(server, bot) as client:
        anna.say(dm, "Where is my order?")
        message = await client.wait_for_text("Where is my order?")
        await message.channel.send("On its way.")
        assert server.on_show(dm) == ["Where is my order?", "On its way."]
        assert server.times_shown("On its way.") == 1
