"""The command tree as Discord gets it."""

import re
from typing import Any

import discord

from adapters.discord.commands import GROUPS, MEANINGS, SINGLE, plant
from adapters.discord.syncing import digest


class Nobody:
    async def asked(self, interaction: discord.Interaction, text: str) -> None: ...
    async def asked_about(self, interaction: discord.Interaction, message: discord.Message) -> None: ...
    async def commanded(self, interaction: discord.Interaction, name: str) -> None: ...


def described() -> list[dict[str, Any]]:
    tree = plant(discord.Client(intents=discord.Intents.none()), Nobody())
    return [one.to_dict(tree) for one in tree.get_commands()]


def walk(command: dict[str, Any]) -> list[dict[str, Any]]:
    return [command, *(inner for one in command.get("options", ()) for inner in walk(one))]


def test_the_tree_has_the_commands_of_customers() -> None:
    names = {one["name"]: [child["name"] for child in one.get("options", ())] for one in described()}
    assert names == {
        "ask": ["question"],
        "chat": ["new", "stop"],
        "support": ["human", "open"],
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


def test_every_command_means_something() -> None:
    told = {*SINGLE, *(child for _, children in GROUPS.values() for child in children)}
    assert told == MEANINGS.keys()


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
