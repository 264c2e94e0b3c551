"""The command tree as Discord gets it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import discord

from adapters.discord.commands import plant
from adapters.discord.syncing import digest
from bot.commands.menu import views
from bot.views import CommandView


class Nobody:
    async def asked(self, interaction: discord.Interaction, text: str) -> None: ...
    async def asked_about(self, interaction: discord.Interaction, message: discord.Message) -> None: ...
    async def commanded(self, interaction: discord.Interaction, name: str, given: Mapping[str, str]) -> None: ...


def described(*more: CommandView) -> list[dict[str, Any]]:
    tree = plant(discord.Client(intents=discord.Intents.none()), Nobody(), [*views(), *more])
    return [one.to_dict(tree) for one in tree.get_commands()]


def walk(command: dict[str, Any]) -> list[dict[str, Any]]:
    return [command, *(inner for one in command.get("options", ()) for inner in walk(one))]


def test_the_tree_has_the_commands_of_customers() -> None:
    names = {one["name"]: [child["name"] for child in one.get("options", ())] for one in described()}
    assert names == {
        "ask": ["question"],
        "chat": ["new", "stop"],
        "settings": ["language"],
        "support": ["open", "human"],
        "help": [],
        "id": [],
        "Ask about this message": [],
    }


def test_names_and_sizes_are_what_discord_takes() -> None:
    for command in described():
        assert command["contexts"] == [0, 1]
        for one in walk(command):
            assert len(one.get("options", ())) <= 25
            if command["type"] == 1:
                assert re.fullmatch(r"[-_'a-z0-9]{1,32}", one["name"])
                assert 1 <= len(one["description"]) <= 100


def test_arguments_are_options_and_those_that_may_be_left_out_are_not_required() -> None:
    settings = next(one for one in described() if one["name"] == "settings")
    [option] = settings["options"][0]["options"]
    assert (option["name"], option["type"], option["required"]) == ("language", 3, False)
    assert option["description"] == "Two letters, such as en or de"
    needed = views()[5]
    needed = replace(needed, place=("say",), arguments=(replace(needed.arguments[0], needed=True),))
    [option] = next(one for one in described(needed) if one["name"] == "say")["options"]
    assert option["required"]


def test_customers_are_shown_no_command_of_the_staff() -> None:
    assert described(replace(views()[0], scope="desk", place=("t", "claim"))) == described()


def test_the_same_commands_have_the_same_digest_whatever_the_server_adds() -> None:
    ours = described()
    theirs = [{**one, "id": "1", "version": "2", "application_id": "3", "name_localizations": None} for one in reversed(ours)]
    for one in theirs:
        one.pop("dm_permission")
    assert digest(ours) == digest(theirs)


def test_a_change_of_words_or_options_changes_the_digest() -> None:
    changed = described()
    changed[0]["options"][0]["description"] = "Something else"
    fewer = described()
    fewer[1]["options"].pop()
    assert len({digest(described()), digest(changed), digest(fewer)}) == 3
