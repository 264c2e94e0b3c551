"""A thread that runs queued units on a SQLite connection of its own, in groups, one transaction for each group.

As the one writer of a file it commits: one durable commit for a whole group. As a reader it shows each group one snapshot.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import sqlalchemy as sa

from bot.errors import StoreUnavailable
from bot.store.failures import unavailable

GROUP = 64
QUEUE = 10_000


@dataclass(slots=True)
class Queued:
    """A unit waiting for the writer, then its result or error."""

    work: Callable[[sa.Connection], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class SqliteThread:
    """Runs units one after another, each in a savepoint, up to 64 in one transaction."""

    def __init__(self, engine: sa.Engine, loop: asyncio.AbstractEventLoop, *, writes: bool) -> None:
        self._engine = engine
        self._writes = writes
        self._loop = loop
        self._queue: SimpleQueue[Queued | None] = SimpleQueue()
        self._closing = False
        self._running = 0
        self._thread = threading.Thread(
            target=self._run, name=f"frontdesk-sqlite-{'writer' if writes else 'reader'}", daemon=True
        )
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Units queued or running."""
        return self._queue.qsize() + self._running

    def submit(self, work: Callable[[sa.Connection], Any]) -> asyncio.Future[Any]:
        """Queue one unit. Raises StoreUnavailable when 10,000 wait already or the store is closed."""
        if self._closing or self._queue.qsize() >= QUEUE:
            raise StoreUnavailable("the database is closed" if self._closing else "the database is overloaded")
        queued = Queued(work, self._loop.create_future())
        self._queue.put(queued)
        return queued.future

    def close(self) -> None:
        """Run what is queued, then end the thread. Blocks until it has."""
        self._closing = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection: sa.Connection | None = None
        while group := self._next_group():
            try:
                connection = connection or self._engine.connect()
                self._run_group(connection, group)
            except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
                _discard(connection)
                connection = None
                _fail(group, unavailable(error) or error)
            self._loop.call_soon_threadsafe(_resolve, group)
        _discard(connection)

    def _next_group(self) -> list[Queued]:
        """Wait for a unit and take what else is there; nothing after the last one."""
        self._running = 0
        group: list[Queued] = []
        while len(group) < GROUP and not (group and self._queue.empty()):
            queued = self._queue.get()
            if queued is None:
                self._queue.put(None)  # for the next call, when these have run
                break
            group.append(queued)
        self._running = len(group)
        return group

    def _run_group(self, connection: sa.Connection, group: list[Queued]) -> None:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        connection.begin()
        raw.execute("BEGIN IMMEDIATE" if self._writes else "BEGIN")
        for queued in group:
            raw.execute("SAVEPOINT unit")
            try:
                queued.result = queued.work(connection)
            except Exception as error:  # boundary of a unit: its error belongs to its caller, not to the group
                queued.error = unavailable(error) or error
                if not raw.in_transaction:  # a full disk ends the whole transaction, not only the savepoint
                    raise sqlite3.OperationalError(str(error)) from error
                raw.execute("ROLLBACK TO unit")
            raw.execute("RELEASE unit")
        connection.commit()


def _fail(group: list[Queued], error: BaseException) -> None:
    for queued in group:
        queued.error = queued.error or error


def _discard(connection: sa.Connection | None) -> None:
    if connection is not None:
        connection.invalidate()
        connection.close()


def _resolve(group: list[Queued]) -> None:
    for queued in group:
        if queued.future.done():  # its caller was cancelled; the unit is committed all the same
            continue
        if queued.error is not None:
            queued.future.set_exception(queued.error)
        else:
            queued.future.set_result(queued.result)
