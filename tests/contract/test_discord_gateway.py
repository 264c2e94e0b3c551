"""A real client at the gateway of the Discord stand-in: cut, silenced and sent away it loses nothing that can be replayed."""

from typing import Any

import discord
import pytest

from tests.contract.discord_guild import scene
from tests.discord_clients import Client, client_of, running
from tests.discord_server import DiscordServer, Limits, Permission

CUTS = {
    "killed": lambda server, bot: server.gateway.kill(bot),
    "closed 4000": lambda server, bot: server.gateway.close(4000, bot),
    "closed 1000": lambda server, bot: server.gateway.close(1000, bot),
    "op 7": lambda server, bot: server.gateway.reconnect(bot),
    "op 9 resumable": lambda server, bot: server.gateway.invalidate(bot, resumable=True),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
async def test_a_client_that_was_cut_resumes_and_gets_what_it_missed(server: DiscordServer, cut: Any) -> None:
    bot, anna, _, _ = scene(server)
    dm = anna.dm(bot)
    async with client_of(server, bot) as client:
        anna.say(dm, "before")
        await client.wait_for_text("before")
        cut(server, bot)
        for number in range(20):  # in the same breath: the client has not yet noticed
            anna.say(dm, f"missed {number}")
        await client.wait_for_text("missed 19")
        anna.say(dm, "after")
        await client.wait_for_text("after")
        assert client.texts == ["before", *(f"missed {number}" for number in range(20)), "after"]
        assert len(client.of("resumed")) == 1
        assert (server.gateway.handshake.identifies, server.gateway.handshake.resumes) == (1, 1)


async def test_a_session_that_is_gone_is_not_resumed_and_its_gap_is_lost(server: DiscordServer) -> None:
    bot, anna, _, _ = scene(server)
    dm = anna.dm(bot)
    client = Client(server, discord.Intents.default())
    client.quick = True
    async with running(client, bot):
        server.gateway.kill(bot)
        anna.say(dm, "lost")
        server.gateway.end_sessions(bot)
        await server.wait_until(lambda: len(client.of("ready")) == 2)
        anna.say(dm, "after")
        await client.wait_for_text("after")
        assert "lost" not in client.texts
        assert server.gateway.handshake.refused_resumes == 1


async def test_an_invalid_session_is_started_anew(server: DiscordServer) -> None:
    bot, anna, _, _ = scene(server)
    dm = anna.dm(bot)
    client = Client(server, discord.Intents.default())
    client.quick = True
    async with running(client, bot):
        server.gateway.invalidate(bot)
        anna.say(dm, "lost with the session")
        await server.wait_until(lambda: len(client.of("ready")) == 2)
        assert (client.texts, server.gateway.handshake.identifies) == ([], 2)


async def test_a_gap_longer_than_the_buffer_ends_the_session() -> None:
    async with DiscordServer(Limits.unlimited(replay_events=10)) as server:
        bot, anna, _, _ = scene(server)
        dm = anna.dm(bot)
        client = Client(server, discord.Intents.default())
        client.quick = True
        async with running(client, bot):
            server.gateway.kill(bot)
            for number in range(11):
                anna.say(dm, f"{number}")
            await server.wait_until(lambda: len(client.of("ready")) == 2)
            assert client.texts == []


async def test_an_event_can_be_lost_and_another_come_twice(server: DiscordServer) -> None:
    bot, anna, _, _ = scene(server)
    dm = anna.dm(bot)
    async with client_of(server, bot) as client:
        server.gateway.lose_next(bot)
        anna.say(dm, "lost")
        server.gateway.repeat_next(bot)
        anna.say(dm, "twice")
        anna.say(dm, "last")
        await client.wait_for_text("last")
        assert client.texts == ["twice", "twice", "last"]


async def test_a_silent_socket_is_left_by_its_client(server: DiscordServer) -> None:
    bot, anna, _, _ = scene(server)
    dm = anna.dm(bot)
    client = Client(server, discord.Intents.default(), heartbeat_timeout=0.5)
    async with running(client, bot):
        server.gateway.silence(bot)
        anna.say(dm, "unheard")
        await client.wait_for_text("unheard")
        assert server.gateway.handshake.resumes == 1


async def test_guild_messages_need_intents_and_content_needs_its_own(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    dm = anna.dm(bot)
    async with client_of(server, bot) as client:
        anna.say(place, "not for you")
        anna.say(place, f"{bot.mention} for you")
        anna.say(dm, "direct")
        await client.wait_for_text("direct")
        assert client.texts == ["", f"{bot.mention} for you", "direct"]
    async with client_of(server, bot, guild_messages=False, message_content=True) as client:
        anna.say(place, "unheard")
        anna.say(dm, "direct again")
        await client.wait_for_text("direct again")
        assert client.texts == ["direct again"]


async def test_a_channel_that_the_bot_cannot_see_is_silent_for_it(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    async with client_of(server, bot, message_content=True) as client:
        server.world.overwrite(place, bot, deny=Permission.VIEW_CHANNEL)
        anna.say(place, "hidden")
        server.world.overwrite(place, bot)
        anna.say(place, "seen")
        await client.wait_for_text("seen")
        assert client.texts == ["seen"]


async def test_shards_share_the_guilds_and_the_first_has_the_direct_messages(server: DiscordServer) -> None:
    bot, anna = server.application("token"), server.person("anna")
    guilds = [server.world.guild(f"guild {number}") for number in range(4)]
    for guild in guilds:
        server.world.invite(guild, bot)
    clients = [Client(server, discord.Intents.default(), shard_id=number, shard_count=2) for number in range(2)]
    async with running(clients[0], bot), running(clients[1], bot):
        assert [sorted(one.id for one in client.guilds) for client in clients] == [
            [one.id for one in guilds if (one.id >> 22) % 2 == number] for number in range(2)
        ]
        anna.say(anna.dm(bot), "direct")
        await clients[0].wait_for_text("direct")
        assert clients[1].texts == []


async def test_members_come_when_they_are_asked_for(server: DiscordServer) -> None:
    bot, anna, _, _ = scene(server, members=True)
    async with client_of(server, bot, members=True) as client:
        assert client.guilds[0].get_member(anna.id) is not None
        bob = server.person("bob")
        bob.join(server.world.guilds[client.guilds[0].id])
        await server.wait_until(lambda: client.of("member_join"))
        bob.leave(server.world.guilds[client.guilds[0].id])
        await server.wait_until(lambda: client.of("member_remove"))


async def test_privileged_intents_have_to_be_allowed(server: DiscordServer) -> None:
    bot, _, _, _ = scene(server, message_content=False)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with client_of(server, bot, message_content=True):
            pass
    assert [code for _, code in server.gateway.closes] == [4014]


async def test_a_wrong_token_does_not_log_in(server: DiscordServer) -> None:
    bot, _, _, _ = scene(server)
    server.gateway.revoke(bot)
    with pytest.raises(discord.LoginFailure):
        async with client_of(server, bot):
            pass


async def test_a_token_revoked_on_the_way_ends_the_client(server: DiscordServer) -> None:
    bot, _, _, _ = scene(server)
    client = Client(server, discord.Intents.default())
    async with running(client, bot):
        server.gateway.revoke(bot)
        await server.wait_until(client.is_closed)
    assert server.gateway.closes == [(bot.id, 4004)]
