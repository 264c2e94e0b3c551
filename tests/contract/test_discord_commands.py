"""Registering commands at the Discord stand-in: what breaks a rule is refused whole."""

from dataclasses import replace
from typing import Any

import pytest

from tests.contract.discord_guild import FREE, PLAIN, register, scene
from tests.discord_clients import raw
from tests.discord_server import DiscordServer, NotOffered, Permission


def options(*given: dict[str, Any]) -> dict[str, Any]:
    return PLAIN | {"options": [{"name": f"o{place}", "description": "d", "type": 3} | one for place, one in enumerate(given)]}


LONG_CHOICE = {"name": "n" * 100, "value": "v" * 100}
BAD_COMMANDS = [
    ([PLAIN | {"name": "Go"}], 50035),  # upper case
    ([PLAIN | {"name": "g o"}], 50035),
    ([PLAIN | {"name": "g" * 33}], 50035),
    ([PLAIN | {"description": ""}], 50035),
    ([PLAIN | {"description": "d" * 101}], 50035),
    ([{"name": "Menu", "type": 3, "description": "d"}], 50035),
    ([PLAIN, PLAIN], 50035),  # the same name twice
    ([options({}, {"required": True})], 50035),  # required after optional
    ([options(*({} for _ in range(26)))], 50035),
    ([options({"name": "same"}, {"name": "same"})], 50035),
    ([options({"choices": [{"name": "n", "value": "v"}] * 26})], 50035),
    ([options({"choices": [{"name": "n", "value": "v" * 101}]})], 50035),
    ([options({"type": 1}, {})], 50035),  # a subcommand beside an option
    (
        [options(*({"description": "d" * 100, "choices": [{"name": "n" * 100, "value": "v" * 100}] * 2} for _ in range(20)))],
        50035,
    ),
    ([PLAIN | {"name": f"go{place}"} for place in range(101)], 30032),
    ([{"name": f"Menu {place}", "type": 2} for place in range(16)], 30032),
]


@pytest.mark.parametrize(("commands", "code"), BAD_COMMANDS)
async def test_commands_that_break_a_rule_are_refused_whole(server: DiscordServer, commands: list[Any], code: int) -> None:
    bot, _, _, _ = scene(server)
    status, said = await register(server, bot, *commands)
    assert (status, said["code"]) == (400, code)
    assert server.commands.all(bot) == []


async def test_overwriting_keeps_ids_and_only_new_names_count_for_the_day() -> None:
    async with DiscordServer(replace(FREE, command_creates=3)) as server:
        bot, _, _, guild = scene(server)
        _, (first,) = await register(server, bot, PLAIN)
        _, (second, _) = await register(server, bot, PLAIN | {"description": "Went"}, PLAIN | {"name": "come"})
        assert (second["id"], second["description"]) == (first["id"], "Went")
        await register(server, bot, PLAIN)
        assert (await register(server, bot, PLAIN, PLAIN | {"name": "come"}))[0] == 200
        status, said = await register(server, bot, PLAIN | {"name": "stay"})
        assert (status, said["code"]) == (400, 30034)
        assert (await register(server, bot, PLAIN | {"name": "stay"}, guild=guild))[0] == 200  # a scope of its own
        server.advance(86_401)
        assert (await register(server, bot, PLAIN | {"name": "stay"}))[0] == 200


async def test_a_guild_command_is_for_its_guild_and_permissions_are_kept(server: DiscordServer) -> None:
    bot, anna, place, guild = scene(server)
    await register(server, bot, PLAIN | {"default_member_permissions": str(int(Permission.MANAGE_GUILD))}, guild=guild)
    with pytest.raises(NotOffered):
        anna.run(place, "go", bot=bot)
    boss = server.person("boss")
    boss.join(guild, server.world.role(guild, "boss", permissions=Permission.MANAGE_GUILD))
    boss.run(place, "go", bot=bot)
    with pytest.raises(NotOffered):
        boss.run(boss.dm(bot), "go", bot=bot)


async def test_commands_can_be_read_changed_and_removed_one_by_one(server: DiscordServer) -> None:
    bot, _, _, _ = scene(server)
    other = server.application("other")
    async with raw(server, bot) as asking:
        path = f"/applications/{bot.id}/commands"
        _, made = await asking.ask("POST", path, PLAIN)
        one = f"{path}/{made['id']}"
        assert (await asking.ask("GET", one))[1]["name"] == "go"
        assert (await asking.ask("PATCH", one, {"name": "gone"}))[1]["id"] == made["id"]
        assert [each["name"] for each in (await asking.ask("GET", path))[1]] == ["gone"]
        assert (await asking.ask("DELETE", one))[0] == 204
        assert (await asking.ask("GET", one))[1]["code"] == 10063
        assert (await asking.ask("GET", f"/applications/{other.id}/commands"))[1]["code"] == 20012
