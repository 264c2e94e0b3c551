"""How every SQLite connection of ours is set up, and the lock that keeps other writers out of the file."""

import fcntl
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.errors import AlreadyRunning, StoreUnavailable
from bot.store.times import sqlite_from_now

BUSY_MS = 5000
TRIES = 10
RETRY_S = 0.05


def prepare_connection(connection: sqlite3.Connection, _record: Any) -> None:
    """Run by the engine for each new connection: transactions are ours to begin, foreign keys hold."""
    connection.isolation_level = None
    connection.create_function("frontdesk_from_now", 1, sqlite_from_now)
    for pragma in ("foreign_keys = ON", f"busy_timeout = {BUSY_MS}", "synchronous = FULL", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def prepare_writer(connection: sqlite3.Connection, _record: Any) -> None:
    """The one writer: write-ahead log, and freed pages are overwritten so that erased text is gone."""
    prepare_connection(connection, _record)
    for pragma in ("journal_mode = WAL", "secure_delete = ON", "wal_autocheckpoint = 2000", "cache_size = -65536"):
        connection.execute(f"PRAGMA {pragma}")


def prepare_reader(connection: sqlite3.Connection, _record: Any) -> None:
    """A reader cannot write, whatever it is handed."""
    prepare_connection(connection, _record)
    connection.execute("PRAGMA query_only = ON")


def begin_to_write(connection: sa.Connection) -> None:
    """Run by the engine at each begin: the write lock is taken now, not at the first statement that needs it."""
    _driver(connection).execute("BEGIN IMMEDIATE")


def begin_to_read(connection: sa.Connection) -> None:
    """One snapshot until the end of the transaction."""
    _driver(connection).execute("BEGIN")


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def hold_file(database: Path) -> int:
    """Take the lock beside the database and return its descriptor; the kernel lets go of it when the process ends.

    Raises AlreadyRunning naming the holder, StoreUnavailable when the folder cannot be written.
    """
    lock = database.with_name(database.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"cannot write beside {database}: {error.strerror}") from error
    if not _locked(descriptor):
        holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise AlreadyRunning(f"{database} is in use by another frontdesk (process {holder}); stop it first")
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except OSError as error:
        os.close(descriptor)
        raise StoreUnavailable(f"cannot write beside {database}: {error.strerror}") from error
    return descriptor


def _locked(descriptor: int) -> bool:
    """Whether the lock is ours. Asked again for a moment, since a `frontdesk doctor` that looks at it holds it for as long."""
    for _ in range(TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(RETRY_S)
        else:
            return True
    return False
