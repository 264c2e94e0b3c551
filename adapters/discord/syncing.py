"""Tells Discord our commands when it has others: once, all together, and never by deleting them first.

Creating is limited to 200 a day, and a deleted command takes its settings of every server with it. So what Discord has is
fetched and compared; one request replaces the whole list, keeping the ids of commands whose names stay.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import discord
import msgspec
import structlog
from discord import app_commands

log = structlog.get_logger(__name__)
KEPT = ("name", "type", "description", "required", "default_member_permissions", "nsfw")
LIMITS = ("min_length", "max_length", "min_value", "max_value", "autocomplete")
LISTS = ("contexts", "integration_types", "channel_types")


def digest(commands: Iterable[Mapping[str, Any]]) -> str:
    """The same for the same commands, whoever describes them: without ids, defaults and order."""
    forms = sorted((_form(one) for one in commands), key=lambda form: (form.get("type", 1), form["name"]))
    return hashlib.blake2b(msgspec.json.encode(forms, order="deterministic"), digest_size=16).hexdigest()


def _form(said: Mapping[str, Any]) -> dict[str, Any]:
    form = {key: said[key] for key in (*KEPT, *LIMITS) if said.get(key)}
    form |= {key: sorted(said[key]) for key in LISTS if said.get(key)}
    form["type"] = said.get("type") or 1
    if options := [_form(one) for one in said.get("options") or ()]:
        form["options"] = options
    if choices := said.get("choices"):
        form["choices"] = [[one["name"], one["value"]] for one in choices]
    return form


async def sync(tree: app_commands.CommandTree[Any], client: discord.Client, account: str) -> bool:
    """Whether anything had to be told. Best effort: raises nothing that Discord answers."""
    assert client.application_id is not None, "commands are synced after the login"
    try:
        ours = digest(one.to_dict(tree) for one in tree.get_commands())
        theirs = digest(await client.http.get_global_commands(client.application_id))
        if ours == theirs:
            return False
        await tree.sync()
    except (discord.DiscordException, OSError, TimeoutError) as error:
        log.warning("discord.commands_not_synced", account=account, error=type(error).__name__)
        return False
    log.info("discord.commands_synced", account=account, digest=ours)
    return True
