"""Interactions of the Discord stand-in: commands, buttons, modals, autocompletion; three seconds and fifteen minutes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import discord
import pytest
from discord import app_commands

from tests.discord_clients import Client, raw, running
from tests.discord_server import Application, Channel, DiscordServer, Guild, Interaction, Limits, NotOffered, Permission, Person

FREE = Limits.unlimited()
ORIGINAL = "/webhooks/{app}/{token}/messages/@original"
EPHEMERAL = 64


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(FREE) as made:
        yield made


def scene(server: DiscordServer) -> tuple[Application, Person, Channel, Guild]:
    bot, anna, guild = server.application("token"), server.person("anna"), server.world.guild("Shop")
    server.world.invite(guild, bot)
    anna.join(guild)
    return bot, anna, server.world.text_channel(guild, "help"), guild


class Desk(Client):
    """A bot with commands, a view and a modal, as a product would write them."""

    def __init__(self, server: DiscordServer) -> None:
        super().__init__(server, discord.Intents.default())
        self.tree.add_command(app_commands.Command(name="ask", description="Ask", callback=self.ask))
        group = app_commands.Group(name="ticket", description="Tickets")
        group.add_command(app_commands.Command(name="close", description="Close", callback=self.close_ticket))
        self.tree.add_command(group)
        self.tree.add_command(app_commands.ContextMenu(name="Report", callback=self.report))
        self.tree.add_command(app_commands.ContextMenu(name="Who", callback=self.who))
        find: app_commands.Command[Any, ..., Any] = app_commands.Command(name="find", description="Find", callback=self.find)
        find.autocomplete("word")(self.words)
        self.tree.add_command(find)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def ask(self, interaction: discord.Interaction, question: str) -> None:
        await interaction.response.defer(thinking=True, ephemeral=question == "secret")
        await interaction.edit_original_response(content=f"answer to {question}")
        await interaction.followup.send("more", ephemeral=True)

    async def close_ticket(self, interaction: discord.Interaction, number: int, by: discord.Member) -> None:
        view = discord.ui.View(timeout=None)
        button: discord.ui.Button[Any] = discord.ui.Button(label="Really", custom_id=f"close:{number}")
        button.callback = self.pressed  # type: ignore[method-assign]
        view.add_item(button)
        await interaction.response.send_message(f"close {number} of {by.name}?", view=view)

    async def pressed(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content="closed", view=None)

    async def report(self, interaction: discord.Interaction, message: discord.Message) -> None:
        modal = discord.ui.Modal(title="Why?", custom_id="why")
        field: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Reason", custom_id="reason")
        modal.add_item(field)

        async def on_submit(sent: discord.Interaction) -> None:
            await sent.response.send_message(f"reported {message.content}: {field.value}", ephemeral=True)

        modal.on_submit = on_submit  # type: ignore[method-assign]
        await interaction.response.send_modal(modal)

    async def who(self, interaction: discord.Interaction, member: discord.Member) -> None:
        await interaction.response.send_message(f"this is {member.name}")

    async def find(self, interaction: discord.Interaction, word: str) -> None:
        await interaction.response.send_message(word)

    async def words(self, _: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{current}{end}", value=f"{current}{end}") for end in "ab"]


# a real client


async def test_a_command_is_deferred_edited_and_followed_up(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    async with running(Desk(server), bot):
        asked = anna.run(place, "ask", bot=bot, question="when?")
        await server.wait_until(lambda: len(asked.followups) == 1)
        assert (asked.state, asked.text) == ("answered", "answer to when?")
        assert server.on_show(place) == ["answer to when?"]  # the follow-up is for anna's eyes only
        said = [(one.what, one.text, one.ephemeral) for one in server.seen(place)]
        assert said == [("deferred", "", False), ("sent", "answer to when?", False), ("sent", "more", True)]
        assert {one.interaction for one in server.seen(place)} == {asked.id}


async def test_an_ephemeral_answer_is_in_no_history(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    async with running(Desk(server), bot):
        asked = anna.run(place, "ask", bot=bot, question="secret")
        await server.wait_until(lambda: asked.text)
        assert server.on_show(place) == []
        assert [one.ephemeral for one in server.seen(place)][:2] == [True, True]


async def test_a_subcommand_takes_its_options_and_its_button_edits_the_message(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    async with running(Desk(server), bot):
        asked = anna.run(place, "ticket close", bot=bot, number=7, by=anna)
        await server.wait_until(lambda: asked.text == "close 7 of anna?")
        assert asked.original is not None
        pressed = anna.press(asked.original, "Really")
        await server.wait_until(lambda: pressed.state == "updated")
        assert server.on_show(place) == ["closed"]
        assert server.seen(place)[-1].buttons == ()
        with pytest.raises(NotOffered):
            anna.press(asked.original, "Really")


async def test_a_message_menu_opens_a_modal_that_is_answered(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    async with running(Desk(server), bot):
        message = anna.say(place, "rude words")
        chosen = anna.menu(place, "Report", message, bot=bot)
        await server.wait_until(lambda: chosen.state == "modal")
        with pytest.raises(NotOffered):
            anna.submit(chosen)
        sent = anna.submit(chosen, reason="it hurts")
        await server.wait_until(lambda: sent.text)
        assert sent.text == "reported rude words: it hurts"


async def test_a_user_menu_and_a_completion_are_answered(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    async with running(Desk(server), bot):
        chosen = anna.menu(place, "Who", anna, bot=bot)
        await server.wait_until(lambda: chosen.text == "this is anna")
        typed = anna.complete(place, "find", "word", "x", bot=bot)
        await server.wait_until(lambda: typed.state == "choices")
        assert [one["value"] for one in typed.choices] == ["xa", "xb"]


async def test_a_command_works_in_a_direct_message(server: DiscordServer) -> None:
    bot, anna, _, _ = scene(server)
    async with running(Desk(server), bot):
        asked = anna.run(anna.dm(bot), "ask", bot=bot, question="here?")
        await server.wait_until(lambda: asked.text == "answer to here?")


async def test_what_is_not_registered_or_does_not_fit_is_not_offered(server: DiscordServer) -> None:
    bot, anna, place, guild = scene(server)
    with pytest.raises(NotOffered):
        anna.run(place, "ask", bot=bot, question="x")
    async with running(Desk(server), bot):
        for command, options in (
            ("ask", {}),
            ("ask", {"question": 5}),
            ("ask", {"other": "x"}),
            ("ticket", {}),
            ("ticket open", {}),
        ):
            with pytest.raises(NotOffered):
                anna.run(place, command, bot=bot, **options)
        server.world.overwrite(place, guild, deny=Permission.USE_APPLICATION_COMMANDS)
        with pytest.raises(NotOffered):
            anna.run(place, "ask", bot=bot, question="x")


# canaries: answers by hand


async def register(
    server: DiscordServer, bot: Application, *commands: dict[str, Any], guild: Guild | None = None
) -> tuple[int, Any]:
    scope = f"/guilds/{guild.id}" if guild else ""
    async with raw(server, bot) as asking:
        return await asking.ask("PUT", f"/applications/{bot.id}{scope}/commands", list(commands))


PLAIN = {"name": "go", "description": "Go", "type": 1}


async def gone(server: DiscordServer, **options: Any) -> tuple[Application, Person, Interaction]:
    bot, anna, place, _ = scene(server)
    assert (await register(server, bot, PLAIN))[0] == 200
    return bot, anna, anna.run(place, "go", bot=bot, **options)


async def answer(server: DiscordServer, one: Interaction, kind: int, **data: Any) -> tuple[int, int]:
    """(status, error code) of a callback."""
    async with raw(server, one.app) as asking:
        status, said = await asking.ask("POST", f"/interactions/{one.id}/{one.token}/callback", {"type": kind, "data": data})
        return status, (said or {}).get("code", 0)


async def hook(server: DiscordServer, one: Interaction, method: str, end: str = "", **data: Any) -> tuple[int, int]:
    async with raw(server, one.app) as asking:
        status, said = await asking.ask(method, f"/webhooks/{one.app.id}/{one.token}{end}", data or None)
        return status, (said or {}).get("code", 0)


async def test_a_second_answer_is_refused(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    assert await answer(server, one, 4, content="first") == (204, 0)
    assert await answer(server, one, 4, content="second") == (400, 40060)
    assert server.on_show(one.place) == ["first"]


async def test_an_answer_after_three_seconds_finds_no_interaction(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    server.advance(3)
    assert one.failed
    assert await answer(server, one, 4, content="late") == (404, 10062)
    assert await hook(server, one, "POST", content="late") == (404, 10015)
    (seen,) = server.seen(one.place)
    assert (seen.what, seen.text, seen.interaction) == ("failed", "The application did not respond", one.id)
    assert server.interactions.unanswered == 1


async def test_nobody_answering_fails_by_the_real_clock_too() -> None:
    async with DiscordServer(replace(FREE, respond_within=0.05)) as server:
        _, _, one = await gone(server)
        await server.wait_until(lambda: one.failed)


async def test_the_token_ends_after_fifteen_minutes(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    assert await hook(server, one, "POST", content="too early") == (404, 10015)
    await answer(server, one, 4, content="a")
    server.advance(899)
    assert await hook(server, one, "PATCH", "/messages/@original", content="b") == (200, 0)
    server.advance(2)
    assert await hook(server, one, "PATCH", "/messages/@original", content="c") == (401, 50027)
    assert await hook(server, one, "POST", content="d") == (401, 50027)
    assert server.on_show(one.place) == ["b"]


async def test_thinking_that_is_never_ended_fails(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    assert await answer(server, one, 5) == (204, 0)
    server.advance(100)
    assert one.state == "thinking"
    server.advance(801)
    assert one.failed


async def test_the_first_follow_up_of_a_deferral_is_its_edit(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    await answer(server, one, 5, flags=EPHEMERAL)
    assert await hook(server, one, "POST", content="hushed", flags=0) == (200, 0)
    assert (one.text, server.on_show(one.place), one.followups) == ("hushed", [], {})


async def test_follow_ups_can_be_read_edited_and_deleted(server: DiscordServer) -> None:
    _, _, one = await gone(server)
    await answer(server, one, 4, content="a")
    await hook(server, one, "POST", content="b")
    (number,) = one.followups
    assert await hook(server, one, "GET", f"/messages/{number}") == (200, 0)
    assert await hook(server, one, "PATCH", f"/messages/{number}", content="c") == (200, 0)
    assert server.on_show(one.place) == ["a", "c"]
    assert await hook(server, one, "DELETE", f"/messages/{number}") == (204, 0)
    assert await hook(server, one, "DELETE", "/messages/@original") == (204, 0)
    assert await hook(server, one, "GET", "/messages/@original") == (404, 10008)
    assert server.on_show(one.place) == []


BAD_ANSWERS = [
    (4, {"content": ""}, 50006),
    (4, {"content": "x" * 2001}, 50035),
    (6, {}, 50035),  # only for components
    (7, {"content": "x"}, 50035),
    (8, {"choices": []}, 50035),  # only for autocompletion
    (9, {"custom_id": "m", "title": "t" * 46, "components": []}, 50035),
    (9, {"custom_id": "m", "title": "t", "components": []}, 50035),
    (99, {}, 50035),
]


@pytest.mark.parametrize(("kind", "data", "code"), BAD_ANSWERS)
async def test_an_answer_that_does_not_fit_is_refused(server: DiscordServer, kind: int, data: Any, code: int) -> None:
    _, _, one = await gone(server)
    assert await answer(server, one, kind, **data) == (400, code)
    assert one.state == "waiting"


async def test_an_answer_needs_no_permission_to_send_and_pings_users_only(server: DiscordServer) -> None:
    bot, anna, one = await gone(server)
    server.world.overwrite(one.place, bot, deny=Permission.SEND_MESSAGES)
    await answer(server, one, 4, content=f"@everyone {anna.mention}")
    pings = server.seen(one.place)[-1].pings
    assert not pings.everyone
    assert pings.users == {anna.id}


async def test_a_press_may_be_acknowledged_without_a_word(server: DiscordServer) -> None:
    bot, anna, place, _ = scene(server)
    button = {"type": 2, "style": 1, "label": "Yes", "custom_id": "yes"}
    async with raw(server, bot) as asking:
        body = {"content": "sure?", "components": [{"type": 1, "components": [button]}]}
        await asking.ask("POST", f"/channels/{place.id}/messages", body)
    one = anna.press(place.messages[place.order[0]], "yes")
    assert await answer(server, one, 6) == (204, 0)
    assert await hook(server, one, "PATCH", "/messages/@original", content="done", components=[]) == (200, 0)
    assert server.on_show(place) == ["done"]
    assert [seen.what for seen in server.seen(place)] == ["sent", "acknowledged", "edited"]


# registering


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
