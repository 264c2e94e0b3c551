"""Which database errors mean "away for now": translated once, here, so that callers can answer 503 and try again."""

import sqlite3

import sqlalchemy as sa

from bot.errors import FrontdeskError, StoreUnavailable


class LostRace(FrontdeskError):
    """Another process changed what this unit had just read: the store runs the unit again. Cannot happen on SQLite."""


def unavailable(error: BaseException) -> StoreUnavailable | None:
    """The error as StoreUnavailable when the database is locked, full or gone; None when it is something else."""
    if isinstance(error, sa.exc.TimeoutError):
        return StoreUnavailable("the database has no free connection")
    if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)):
        return StoreUnavailable(f"the database is not available: {_reason(error.orig)}")
    if isinstance(error, sqlite3.OperationalError):  # prepared statements meet the driver itself
        return StoreUnavailable(f"the database is not available: {_reason(error)}")
    if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return StoreUnavailable(f"the database connection was lost: {_reason(error.orig)}")
    if isinstance(error, (sa.exc.DatabaseError)) and "disk image is malformed" in str(error.orig):
        return StoreUnavailable("the database file is damaged; restore a backup", retry_after_s=60)
    return None


def _reason(error: BaseException | None) -> str:
    """The driver's first line: it names the state of the database, never a parameter."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
