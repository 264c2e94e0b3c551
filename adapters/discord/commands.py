"""The slash commands and the context menu, as Discord shows them. What they mean is decided elsewhere."""

from typing import Any, Protocol

import discord
from discord import app_commands

QUESTION = app_commands.Range[str, 1, 2000]
GROUPS = {
    "chat": ("This conversation", {"new": "Begin a fresh conversation", "stop": "Stop the answer that is being written"}),
    "support": ("Help from people", {"human": "Reach a person", "open": "Say hello and see what I can do"}),
}
SINGLE = {"help": "What I can do", "id": "Ids to name when you ask for support"}
MEANINGS = {"new": "new", "stop": "stop", "human": "human", "open": "start", "help": "help", "id": "id"}
"""Discord's word -> the name customers know the command by on every channel."""


class Desk(Protocol):
    """Whoever takes what commands ask for."""

    async def asked(self, interaction: discord.Interaction, text: str) -> None: ...

    async def asked_about(self, interaction: discord.Interaction, message: discord.Message) -> None: ...

    async def commanded(self, interaction: discord.Interaction, name: str) -> None: ...


def plant(client: discord.Client, desk: Desk) -> app_commands.CommandTree:
    """The tree of all commands, for servers where the bot is installed and for its direct messages."""
    tree = app_commands.CommandTree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )
    tree.add_command(_ask(desk))
    for name, (described, children) in GROUPS.items():
        group = app_commands.Group(name=name, description=described)
        for child, text in children.items():
            group.add_command(_command(desk, child, text))
        tree.add_command(group)
    for name, text in SINGLE.items():
        tree.add_command(_command(desk, name, text))
    tree.add_command(_about(desk))
    return tree


def _ask(desk: Desk) -> app_commands.Command[Any, ..., None]:
    @app_commands.command(name="ask", description="Ask a question")
    @app_commands.describe(question="What you want to know")
    async def ask(interaction: discord.Interaction, question: QUESTION) -> None:
        await desk.asked(interaction, question)

    return ask


def _command(desk: Desk, name: str, described: str) -> app_commands.Command[Any, ..., None]:
    @app_commands.command(name=name, description=described)
    async def command(interaction: discord.Interaction) -> None:
        await desk.commanded(interaction, MEANINGS[name])

    return command


def _about(desk: Desk) -> app_commands.ContextMenu:
    @app_commands.context_menu(name="Ask about this message")
    async def about(interaction: discord.Interaction, message: discord.Message) -> None:
        await desk.asked_about(interaction, message)

    return about
