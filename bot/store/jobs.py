"""Work that runs by itself: one open job for each kind and subject, claimed under a lease, done when its row is gone."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.ids import JobId, ProcessId, WorkspaceId, new_id
from bot.store.tables import job
from bot.store.times import from_now

_J = job.c


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job; `attempts` counts this one too."""

    workspace_id: WorkspaceId
    job_id: JobId
    kind: str
    subject: str
    payload: str
    attempts: int


def add(
    connection: sa.Connection, workspace_id: WorkspaceId, kind: str, subject: str, *, payload: str = "", wait_s: float = 0
) -> None:
    """Queue a job, unless one of that kind is open for that subject already."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        insert(job)
        .values(
            workspace_id=workspace_id,
            job_id=new_id(),
            kind=kind,
            subject=subject,
            payload=payload,
            priority=0,
            due_at=from_now(wait_s),
            attempts=0,
            error="",
            created_at=from_now(0),
        )
        .on_conflict_do_nothing()
    )


_DUE = (
    sa.select(_J.workspace_id, _J.job_id)
    .where(_J.due_at <= from_now(0))
    .order_by(_J.due_at)
    .limit(sa.bindparam("room"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = (
    sa.update(job)
    .where(sa.tuple_(_J.workspace_id, _J.job_id).in_(sa.select(_DUE)))
    .values(
        lease_owner=sa.bindparam("process"),
        attempts=_J.attempts + 1,
        due_at=from_now(sa.bindparam("lease_s", type_=sa.Float)),
    )
    .returning(_J.workspace_id, _J.job_id, _J.kind, _J.subject, _J.payload, _J.attempts)
)


def claim(connection: sa.Connection, process: ProcessId, *, lease_s: float, room: int) -> tuple[Job, ...]:
    """Lease up to `room` due jobs, oldest first, over all workspaces."""
    rows = connection.execute(_CLAIM, {"process": process, "lease_s": lease_s, "room": room})
    return tuple(Job(*row) for row in rows)


def finish(connection: sa.Connection, done: Job, process: ProcessId) -> bool:
    """Remove a job this process holds; False when its lease was lost: then its work must not be stored either."""
    of = (_J.workspace_id == done.workspace_id, _J.job_id == done.job_id, _J.lease_owner == process)
    return connection.execute(sa.delete(job).where(*of)).rowcount == 1


def postpone(
    connection: sa.Connection, failed: Job, process: ProcessId, *, wait_s: float, error: str, tried: bool = True
) -> None:
    """Try again in `wait_s` seconds; `error` names the kind of failure, without customer text. Not `tried`: this one does not
    count.
    """
    of = (_J.workspace_id == failed.workspace_id, _J.job_id == failed.job_id, _J.lease_owner == process)
    attempts = _J.attempts if tried else _J.attempts - 1
    values = {"lease_owner": None, "due_at": from_now(wait_s), "error": error, "attempts": attempts}
    connection.execute(sa.update(job).where(*of).values(values))
