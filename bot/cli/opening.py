"""Opens the database of the settings, and makes sure of what every process needs in it: the workspace and the accounts."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import sqlalchemy as sa

from bot.errors import SettingsError, StoreUnavailable
from bot.events import AccountKey
from bot.roles import Role
from bot.settings import DatabaseSettings, WorkspaceSettings
from bot.store import audit, codes, people, workspaces
from bot.store.ids import WorkspaceId
from bot.store.parties import AccountRef, ensure_account
from bot.store.store import Store

PUSH = {"telegram", "discord"}


async def open_store(settings: DatabaseSettings) -> Store:
    """The store of `database.url`, at this release's revision already. Raises AlreadyRunning, StoreUnavailable."""
    file = settings.sqlite_file
    if file is not None:
        from bot.store.sqlite import SqliteStore

        return await SqliteStore.open(file)
    from bot.store.postgres import PostgresStore

    return await PostgresStore.open(settings.parsed)


async def settle_in(
    store: Store, settings: WorkspaceSettings, accounts: Mapping[AccountKey, str]
) -> Mapping[AccountKey, AccountRef]:
    """The accounts of the settings (with the workspace that each names, "" for the only one) as the database knows them; an empty
    database gets its workspace first. Raises SettingsError for a workspace that is not there.
    """
    return await store.write(_settle_in, settings, accounts)


def _settle_in(
    connection: sa.Connection, settings: WorkspaceSettings, accounts: Mapping[AccountKey, str]
) -> Mapping[AccountKey, AccountRef]:
    words = settings.greeting, settings.prompt, settings.contact, settings.model
    workspace_id = workspaces.seed(connection, settings.name, settings.timezone, *words)
    return {
        key: ensure_account(
            connection, _named(connection, key, named) if named else workspace_id, key.channel, key.name, push=key.channel in PUSH
        )
        for key, named in accounts.items()
    }


def _named(connection: sa.Connection, key: AccountKey, name: str) -> WorkspaceId:
    found = workspaces.find(connection, name)
    if found is None:
        raise SettingsError(f"[{key.channel}.{key.name}] workspace: there is no workspace called {name}")
    return found


async def name(store: Store, accounts: Mapping[AccountKey, AccountRef]) -> str:
    """What the business is called: the settings only gave an empty database its first name."""
    ref = next(iter(accounts.values()))
    return (await store.read(workspaces.load, ref.workspace_id)).name


async def owner_codes(store: Store, accounts: Mapping[AccountKey, AccountRef]) -> Mapping[str, str]:
    """{workspace: a fresh code for its first owner}, of those of these accounts that have none."""
    return await store.write(_owner_codes, list(dict.fromkeys(ref.workspace_id for ref in accounts.values())))


def _owner_codes(connection: sa.Connection, served: Sequence[WorkspaceId]) -> Mapping[str, str]:
    made = {}
    for workspace_id in served:
        if not people.has_owner(connection, workspace_id):
            code = codes.make(connection, workspace_id, Role.OWNER, first_owner=True)
            made[workspaces.load(connection, workspace_id).name] = code
            audit.note(connection, workspace_id, "start", "code.made", detail=Role.OWNER.word)
    return made


async def close(store: Store) -> None:
    """Let go of the database; one that is away already has nothing of ours."""
    with suppress(StoreUnavailable):
        await store.close()
