"""Ends of leases that no process holds any more."""

import sqlalchemy as sa

from bot.store.tables import account, conversation, job
from bot.store.times import from_now


def void_leases(connection: sa.Connection) -> None:
    """Everything leased is due at once. Only for a process that knows it is alone: under the SQLite file's lock.

    The lease's owner stays written, so that the next claim is a take-over and moves the epoch.
    """
    connection.execute(sa.update(conversation).where(conversation.c.lease_owner.is_not(None)).values(due_at=from_now(0)))
    connection.execute(sa.update(job).where(job.c.lease_owner.is_not(None)).values(due_at=from_now(0)))
    connection.execute(sa.update(account).where(account.c.lease_owner.is_not(None)).values(lease_owner=None, lease_until=None))
