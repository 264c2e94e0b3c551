"""A business and what it says to its customers: name, zone, greeting, versioned prompt."""

from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.ids import WorkspaceId, new_id
from bot.store.tables import prompt_version, workspace
from bot.store.times import from_now


@dataclass(frozen=True, slots=True)
class WorkspaceContent:
    """What a workspace has set. `prompt` is the text of `prompt_version`; `timezone` an IANA name."""

    workspace_id: WorkspaceId
    name: str
    timezone: str
    greeting: str
    contact: str
    prompt_version: int
    prompt: str


_LOAD = (
    sa.select(
        workspace.c.workspace_id,
        workspace.c.name,
        workspace.c.timezone,
        workspace.c.greeting,
        workspace.c.contact,
        workspace.c.prompt_version,
        prompt_version.c.text,
    )
    .join(
        prompt_version,
        sa.and_(
            prompt_version.c.workspace_id == workspace.c.workspace_id,
            prompt_version.c.version == workspace.c.prompt_version,
        ),
    )
    .where(workspace.c.workspace_id == sa.bindparam("workspace_id"))
)


def load(connection: sa.Connection, workspace_id: WorkspaceId) -> WorkspaceContent:
    """The present content of a workspace."""
    return WorkspaceContent(*connection.execute(_LOAD, {"workspace_id": workspace_id}).one())


def seed(connection: sa.Connection, name: str, timezone: str, greeting: str, prompt: str, contact: str = "") -> WorkspaceId:
    """The workspace of an empty database, made from the settings; in any other the oldest one, unchanged."""
    if connection.dialect.name == "postgresql":  # two processes may start on the same empty database
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(7_264_001)))
    found = connection.scalar(sa.select(workspace.c.workspace_id).order_by(workspace.c.created_at).limit(1))
    if found is not None:
        return WorkspaceId(found)
    workspace_id = WorkspaceId(new_id())
    connection.execute(
        sa.insert(workspace).values(
            workspace_id=workspace_id,
            name=name,
            timezone=timezone,
            greeting=greeting,
            contact=contact,
            prompt_version=1,
            created_at=from_now(0),
        )
    )
    set_prompt(connection, workspace_id, 1, prompt, author="settings")
    return workspace_id


def find(connection: sa.Connection, name: str) -> WorkspaceId | None:
    """The workspace of that name, the oldest of several; None when there is none."""
    named = sa.select(workspace.c.workspace_id).where(workspace.c.name == name).order_by(workspace.c.created_at).limit(1)
    found: str | None = connection.scalar(named)
    return WorkspaceId(found) if found is not None else None


def set_prompt(connection: sa.Connection, workspace_id: WorkspaceId, version: int, text: str, *, author: str) -> None:
    """Store prompt `version` and make it the present one."""
    connection.execute(
        sa.insert(prompt_version).values(
            workspace_id=workspace_id, version=version, text=text, author=author, created_at=from_now(0)
        )
    )
    connection.execute(sa.update(workspace).where(workspace.c.workspace_id == workspace_id).values(prompt_version=version))
