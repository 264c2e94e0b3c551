"""What the doctor finds out about a Discord account, without changing anything."""

import pytest
from pydantic import SecretStr

from adapters.discord.inspection import Finding, inspect
from adapters.discord.settings import DiscordSettings
from tests.discord_server import Application, DiscordServer, Fault, Permission


def settings(server: DiscordServer, token: str, **more: str) -> DiscordSettings:
    return DiscordSettings(token=SecretStr(token), api_base=server.api_base, gateway_url=server.gateway_url, **more)


def named(findings: list[Finding]) -> dict[str, Finding]:
    return {one.name: one for one in findings}


async def test_a_healthy_account_is_told_with_its_invitation() -> None:
    async with DiscordServer() as server:
        bot: Application = server.application("token")
        guild = server.world.guild("Shop")
        server.world.invite(guild, bot)
        forum = server.world.forum(guild, "tickets")
        found = named(await inspect(settings(server, "token", staff_forum_id=str(forum.id))))
        assert all(one.ok for one in found.values())
        assert f"client_id={bot.id}" in found["servers"].text
        assert {name for name, _ in server.calls} == {"GET"}


async def test_what_is_switched_off_and_what_is_no_forum_is_said_with_advice() -> None:
    async with DiscordServer() as server:
        bot = server.application("token", message_content=False)
        guild = server.world.guild("Shop")
        server.world.invite(guild, bot)
        channel = server.world.text_channel(guild, "help")
        found = named(await inspect(settings(server, "token", staff_forum_id=str(channel.id)), "shop"))
        assert not found["message content"].ok
        assert "Message Content Intent" in found["message content"].advice
        assert "[discord.shop] staff_forum_id" in found["staff forum"].advice


async def test_what_a_server_does_not_permit_is_named_with_a_new_invitation() -> None:
    async with DiscordServer() as server:
        bot = server.application("token")
        server.world.invite(server.world.guild("Shop", permissions=Permission.VIEW_CHANNEL), bot)
        server.world.invite(server.world.guild("Open"), bot)
        found = named(await inspect(settings(server, "token")))
        assert "server Open" not in found
        assert not found["server Shop"].ok
        assert "send messages, " in found["server Shop"].text
        assert "create public threads" in found["server Shop"].text
        assert f"client_id={bot.id}" in found["server Shop"].advice


@pytest.mark.parametrize(
    ("token", "fault", "name"),
    [
        ("wrong-canary", None, "token"),
        ("token", Fault.error(503), "connection"),
        ("token", Fault.garbled(), "connection"),
    ],
)
async def test_what_cannot_be_reached_is_one_finding_without_the_token(token: str, fault: Fault | None, name: str) -> None:
    async with DiscordServer() as server:
        server.application("token")
        if fault is not None:
            server.fail_next(fault)
        (found,) = await inspect(settings(server, token))
        assert (found.name, found.ok) == (name, False)
        assert "canary" not in repr(found)


async def test_an_account_without_a_token_is_off() -> None:
    assert await inspect(DiscordSettings()) == [Finding("token", ok=True, text="no token: the account is off")]
