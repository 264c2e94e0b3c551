"""A real client with commands, a view, a modal and autocompletion at the Discord stand-in."""

from typing import Any

import discord
import pytest
from discord import app_commands

from tests.contract.discord_guild import scene
from tests.discord_clients import Client, running
from tests.discord_server import DiscordServer, NotOffered, Permission


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
    async with running(Desk(server), bot) as client:
        asked = anna.run(place, "ask", bot=bot, question="secret")
        await server.wait_until(lambda: asked.text)
        assert server.on_show(place) == []
        assert [one.ephemeral for one in server.seen(place)][:2] == [True, True]
        anna.say(anna.dm(bot), "after")
        await client.wait_for_text("after")
        assert client.texts == ["after"]  # and in no event


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
