"""Who did what, for good: one row for each thing that staff and admins do."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bot.store.ids import WorkspaceId, new_id
from bot.store.tables import audit
from bot.store.times import from_now


@dataclass(frozen=True, slots=True)
class Deed:
    """`actor` and `subject` are ids of people or things, or a word for who has none ("terminal"); `detail` tells what exactly."""

    actor: str
    action: str
    subject: str
    detail: str
    at: datetime


def note(
    connection: sa.Connection, workspace_id: WorkspaceId, actor: str, action: str, subject: str = "", detail: str = ""
) -> None:
    """It was done, in the unit that does it."""
    done = {"actor": actor, "action": action, "subject": subject, "detail": detail, "at": from_now(0)}
    connection.execute(sa.insert(audit).values(workspace_id=workspace_id, audit_id=new_id(), **done))


def newest(connection: sa.Connection, workspace_id: WorkspaceId, limit: int) -> list[Deed]:
    """What was done last, the latest first."""
    a = audit.c
    rows = connection.execute(
        sa.select(a.actor, a.action, a.subject, a.detail, a.at)
        .where(a.workspace_id == workspace_id)
        .order_by(a.at.desc(), a.audit_id.desc())
        .limit(limit)
    )
    return [Deed(*row) for row in rows]
