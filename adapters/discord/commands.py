"""The slash commands and the context menu, as Discord shows them. What they mean is decided elsewhere.

The library reads a command's options from the signature of its function, so each command gets a function with a signature of its
own.
"""

from collections.abc import Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any, Protocol

import discord
from discord import app_commands

from bot.views import ArgumentView, CommandView

QUESTION = app_commands.Range[str, 1, 2000]
LONGEST = 1000
ENGLISH = "en"


class Desk(Protocol):
    """Whoever takes what commands ask for."""

    async def asked(self, interaction: discord.Interaction, text: str) -> None: ...

    async def asked_about(self, interaction: discord.Interaction, message: discord.Message) -> None: ...

    async def commanded(self, interaction: discord.Interaction, name: str, given: Mapping[str, str]) -> None: ...


def plant(client: discord.Client, desk: Desk, commands: Sequence[CommandView]) -> app_commands.CommandTree:
    """The tree of all commands of customers, for servers where the bot is installed and for its direct messages."""
    tree = app_commands.CommandTree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )
    tree.add_command(_ask(desk))
    groups: dict[str, app_commands.Group] = {}
    for one in commands:
        if one.scope != "customer":
            continue
        if len(one.place) == 1:
            tree.add_command(_command(desk, one))
            continue
        name = one.place[0]
        if name not in groups:
            groups[name] = app_commands.Group(name=name, description=one.group_described[ENGLISH])
            tree.add_command(groups[name])
        groups[name].add_command(_command(desk, one))
    tree.add_command(_about(desk))
    return tree


def _ask(desk: Desk) -> app_commands.Command[Any, ..., None]:
    @app_commands.command(name="ask", description="Ask a question")
    @app_commands.describe(question="What you want to know")
    async def ask(interaction: discord.Interaction, question: QUESTION) -> None:
        await desk.asked(interaction, question)

    return ask


def _command(desk: Desk, shown: CommandView) -> app_commands.Command[Any, ..., None]:
    async def command(interaction: discord.Interaction, **given: object) -> None:
        said = {name: str(value) for name, value in given.items() if value is not None}
        await desk.commanded(interaction, shown.name, said)

    first = Parameter("interaction", Parameter.POSITIONAL_OR_KEYWORD, annotation=discord.Interaction)
    command.__signature__ = Signature([first, *map(_option, shown.arguments)])  # type: ignore[attr-defined]
    described = {one.name: one.described[ENGLISH] for one in shown.arguments}
    if described:
        app_commands.describe(**described)(command)
    return app_commands.Command(name=shown.place[-1], description=shown.described[ENGLISH], callback=command)


def _option(argument: ArgumentView) -> Parameter:
    kind: Any = app_commands.Range[str, 1, LONGEST]
    if argument.needed:
        return Parameter(argument.name, Parameter.POSITIONAL_OR_KEYWORD, annotation=kind)
    return Parameter(argument.name, Parameter.POSITIONAL_OR_KEYWORD, annotation=kind | None, default=None)


def _about(desk: Desk) -> app_commands.ContextMenu:
    @app_commands.context_menu(name="Ask about this message")
    async def about(interaction: discord.Interaction, message: discord.Message) -> None:
        await desk.asked_about(interaction, message)

    return about
