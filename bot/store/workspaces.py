"""A business and what it says to its customers: name, zone, greeting, versioned prompt."""

from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from bot.store.ids import WorkspaceId, new_id
from bot.store.tables import prompt_version, workspace
from bot.store.times import from_now

WORDS = ("name", "timezone", "greeting", "contact", "model", "prompt")


@dataclass(frozen=True, slots=True)
class WorkspaceContent:
    """What a workspace has set. `prompt` is the text of `prompt_version`; `timezone` an IANA name; `model`: the model or LoRA
    that answers, "": the node's own model.
    """

    workspace_id: WorkspaceId
    name: str
    timezone: str
    greeting: str
    contact: str
    prompt_version: int
    prompt: str
    model: str = ""


_LOAD = (
    sa.select(
        workspace.c.workspace_id,
        workspace.c.name,
        workspace.c.timezone,
        workspace.c.greeting,
        workspace.c.contact,
        workspace.c.prompt_version,
        prompt_version.c.text,
        workspace.c.model,
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


def seed(
    connection: sa.Connection, name: str, timezone: str, greeting: str, prompt: str, contact: str = "", model: str = ""
) -> WorkspaceId:
    """The workspace of an empty database, made from the settings; in any other the oldest one, unchanged."""
    if connection.dialect.name == "postgresql":  # two processes may start on the same empty database
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(7_264_001)))
    found = oldest(connection)
    if found is not None:
        return found
    workspace_id = WorkspaceId(new_id())
    connection.execute(
        sa.insert(workspace).values(
            workspace_id=workspace_id,
            name=name,
            timezone=timezone,
            greeting=greeting,
            contact=contact,
            model=model,
            prompt_version=1,
            created_at=from_now(0),
        )
    )
    set_prompt(connection, workspace_id, 1, prompt, author="settings")
    return workspace_id


class Words(Protocol):
    """What settings give a workspace to say."""

    name: str
    timezone: str
    greeting: str
    contact: str
    model: str
    prompt: str


def differing(connection: sa.Connection, words: Words) -> list[str]:
    """Which of them the oldest workspace has otherwise; none while there is no workspace."""
    workspace_id = oldest(connection)
    if workspace_id is None:
        return []
    now = load(connection, workspace_id)
    return [one for one in WORDS if getattr(now, one) != getattr(words, one)]


def apply(connection: sa.Connection, words: Words) -> list[str]:
    """Give the oldest workspace these words, a changed prompt as its next version; the names of what changed."""
    workspace_id, changed = oldest(connection), differing(connection, words)
    if workspace_id is None or not changed:
        return []
    plain = {one: getattr(words, one) for one in changed if one != "prompt"}
    if plain:
        connection.execute(sa.update(workspace).where(workspace.c.workspace_id == workspace_id).values(plain))
    if "prompt" in changed:
        newest = sa.select(sa.func.max(prompt_version.c.version)).where(prompt_version.c.workspace_id == workspace_id)
        set_prompt(connection, workspace_id, (connection.scalar(newest) or 0) + 1, words.prompt, author="settings")
    return changed


def oldest(connection: sa.Connection) -> WorkspaceId | None:
    """The workspace that accounts belong to which name none; None in an empty database."""
    found: str | None = connection.scalar(sa.select(workspace.c.workspace_id).order_by(workspace.c.created_at).limit(1))
    return WorkspaceId(found) if found is not None else None


def find(connection: sa.Connection, name: str) -> WorkspaceId | None:
    """The workspace of that name, the oldest of several; None when there is none."""
    named = sa.select(workspace.c.workspace_id).where(workspace.c.name == name).order_by(workspace.c.created_at).limit(1)
    found: str | None = connection.scalar(named)
    return WorkspaceId(found) if found is not None else None


def models(connection: sa.Connection) -> list[tuple[str, str]]:
    """The workspaces that have chosen a model or LoRA: name and choice."""
    chosen = sa.select(workspace.c.name, workspace.c.model).where(workspace.c.model != "").order_by(workspace.c.created_at)
    return [(row.name, row.model) for row in connection.execute(chosen)]


def set_prompt(connection: sa.Connection, workspace_id: WorkspaceId, version: int, text: str, *, author: str) -> None:
    """Store prompt `version` and make it the present one."""
    connection.execute(
        sa.insert(prompt_version).values(
            workspace_id=workspace_id, version=version, text=text, author=author, created_at=from_now(0)
        )
    )
    connection.execute(sa.update(workspace).where(workspace.c.workspace_id == workspace_id).values(prompt_version=version))
