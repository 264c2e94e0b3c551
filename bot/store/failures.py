"""Which database errors mean "away for now" and which "run it again": translated once, here, for both drivers."""

import sqlite3

import sqlalchemy as sa

from bot.errors import FrontdeskError, StoreUnavailable

# PostgreSQL asks the client to run such a transaction again: serialization_failure, deadlock_detected; a unique_violation says
# that another process made the row first, lock_not_available that it holds one of ours (`lock_timeout`)
UNIQUE = "23505"
LOST_RACES = {"40001", "40P01", UNIQUE, "55P03"}
# class 25: a standby or a full disk made the database read-only, or we were suspended inside a transaction
AWAY = {"25006", "25P03", "25P04"}


class LostRace(FrontdeskError):
    """Another process changed what this unit had just read: the store runs the unit again. Cannot happen on SQLite."""


def lost_race(error: BaseException) -> bool:
    """Whether another process was faster, so that the same unit may succeed when it is run again."""
    return isinstance(error, LostRace) or _state(error) in LOST_RACES


def taken_before(error: BaseException) -> bool:
    """Whether a row of that key was there: where running the unit again does not help, it was there before all of them."""
    return _state(error) == UNIQUE


def overtaken(error: BaseException) -> BaseException:
    """What a unit is told that lost every race: to come back later, unless its row was there before all of them."""
    return error if taken_before(error) else StoreUnavailable(f"others were faster each time: {type(error).__name__}")


def unavailable(error: BaseException) -> StoreUnavailable | None:
    """The error as StoreUnavailable when the database is locked, full or gone; None when it is something else."""
    original = _original(error)
    if isinstance(error, sa.exc.TimeoutError):
        return StoreUnavailable("the database has no free connection")
    if lost_race(error):
        return None
    if "disk image is malformed" in str(original):
        return StoreUnavailable("the database file is damaged; restore a backup", retry_after_s=60)
    if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return StoreUnavailable(f"the database connection was lost: {_reason(original)}")
    if _away(original) or isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)):
        return StoreUnavailable(f"the database is not available: {_reason(original)}")
    return None


def _away(original: BaseException) -> bool:
    """What prepared statements meet: the driver itself. psycopg is asked by name, since it may not be installed."""
    if isinstance(original, sqlite3.OperationalError) or _state(original) in AWAY:
        return True
    module, kinds = type(original).__module__, {kind.__name__ for kind in type(original).__mro__}
    return module.startswith("psycopg") and bool(kinds & {"OperationalError", "InterfaceError"})


def _original(error: BaseException) -> BaseException:
    found = error.orig if isinstance(error, sa.exc.DBAPIError) else None
    return found if found is not None else error


def _state(error: BaseException) -> str | None:
    found: str | None = getattr(_original(error), "sqlstate", None)
    return found


def _reason(error: BaseException) -> str:
    """The driver's first line: it names the state of the database, never a parameter."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
