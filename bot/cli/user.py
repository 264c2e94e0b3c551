"""`frontdesk user`: who may do what, and codes that give a role to whoever redeems one."""

import argparse
import asyncio
import os
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from bot.cli import opening
from bot.cli.configuration import Configuration, load
from bot.cli.progress import say
from bot.errors import NotFound, SettingsError
from bot.roles import WORDS
from bot.store import audit, codes, people, workspaces
from bot.store.ids import WorkspaceId
from bot.store.revision import prepare

TERMINAL = "terminal"
HOW = "for one person, within 24 hours: /start CODE in a private chat or on the web, /support open on Discord"
Unit = Callable[[sa.Connection, WorkspaceId, argparse.Namespace], Sequence[str]]


def execute(given: argparse.Namespace) -> int:
    configuration = load(given.config, os.environ)
    prepare(configuration.database.parsed, say=say)
    for line in asyncio.run(_done(configuration, given)):
        say(line)
    return 0


async def _done(configuration: Configuration, given: argparse.Namespace) -> Sequence[str]:
    """Raises AlreadyRunning beside a running instance on SQLite."""
    store = await opening.open_store(configuration.database)
    try:
        return await store.write(_in_workspace, UNITS[given.action], given)
    finally:
        await opening.close(store)


def _in_workspace(connection: sa.Connection, unit: Unit, given: argparse.Namespace) -> Sequence[str]:
    workspace_id = workspaces.oldest(connection) if not given.workspace else workspaces.find(connection, given.workspace)
    if workspace_id is None:
        raise NotFound(f"there is no workspace called {given.workspace}" if given.workspace else "start Frontdesk once before")
    return unit(connection, workspace_id, given)


def _code(connection: sa.Connection, workspace_id: WorkspaceId, given: argparse.Namespace) -> Sequence[str]:
    role = WORDS[given.role]
    code = codes.make(connection, workspace_id, role)
    audit.note(connection, workspace_id, TERMINAL, "code.made", detail=role.word)
    return [
        f"{role.word} code: {code}",
        HOW,
    ]


def _role(connection: sa.Connection, workspace_id: WorkspaceId, given: argparse.Namespace) -> Sequence[str]:
    channel, _, rest = given.who.partition(":")
    name, _, user_id = rest.partition(":")
    person = people.find(connection, workspace_id, channel, name, user_id)
    if person is None:
        raise NotFound(f"{given.who} has not written yet: give them a code (frontdesk user code --role {given.role})")
    try:
        before = people.grant(connection, workspace_id, person, WORDS[given.role])
    except people.LastOwner:
        raise SettingsError(f"{given.who} is the only owner: make another one first") from None
    audit.note(connection, workspace_id, TERMINAL, "role.granted", person, given.role)
    return [f"{given.who}: {given.role} (was {before.word})"]


def _list(connection: sa.Connection, workspace_id: WorkspaceId, _given: argparse.Namespace) -> Sequence[str]:
    found = people.members(connection, workspace_id)
    return [f"{one.role.word:<10}  {one.identity}  {one.name}".rstrip() for one in found] or ["nobody has a role yet"]


UNITS: dict[str, Unit] = {"code": _code, "role": _role, "list": _list}
